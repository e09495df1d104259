package provider

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	gosync "sync"
	"testing"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/mailreg/mailreg/listener"
	"github.com/mailreg/mailreg/listener/connect"
	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/listener/probe"
	"github.com/mailreg/mailreg/listener/store"
	"github.com/mailreg/mailreg/listener/syncrepl"
	"github.com/mailreg/mailreg/listener/wire"
	"github.com/mailreg/mailreg/schema"
	"github.com/mailreg/mailreg/tests/harness"
)

// keeper is a handler that keeps a store for each address, and counts what it gives up.
type keeper struct {
	mu     gosync.Mutex
	stores map[string]schema.UUID
	lost   []string
}

func (k *keeper) Name() string                    { return "keeper" }
func (k *keeper) Match(e *schema.Entry) bool      { return schema.IsMailbox(e) }
func (k *keeper) Claims(e *schema.Entry) []string { return []string{e.First("mailPrimaryAddress")} }

// Takes says that a removed or changed address takes mail away.
func (k *keeper) Takes(c schema.Change) bool {
	return c.Old != nil && (c.New == nil || c.New.First("mailPrimaryAddress") != c.Old.First("mailPrimaryAddress"))
}

func (k *keeper) Apply(_ context.Context, c schema.Change) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.Takes(c) {
		k.lost = append(k.lost, c.Old.First("mailPrimaryAddress"))
		delete(k.stores, c.Old.First("mailPrimaryAddress"))
	}
	if c.New != nil {
		k.stores[c.New.First("mailPrimaryAddress")] = c.UUID
	}
	return nil
}

// count returns how many stores there are, and what was given up.
func (k *keeper) count() (int, []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.stores), slices.Clone(k.lost)
}

// followLiar runs a listener on a liar until the test ends.
func followLiar(t *testing.T, l *liar) (*listener.Listener, *keeper) {
	t.Helper()
	st, err := store.Open(filepath.Join(t.TempDir(), "listener.db"))
	if err != nil {
		t.Fatal(err)
	}
	server := connect.Server{URLs: []string{l.url}}
	scope := schema.Scope{Base: liarBase}
	source, err := syncrepl.New(syncrepl.Config{Server: server, Base: liarBase, Filter: scope.Filter()})
	if err != nil {
		t.Fatal(err)
	}
	asker, err := probe.New(probe.Config{Server: server, Base: liarBase})
	if err != nil {
		t.Fatal(err)
	}
	k := &keeper{stores: map[string]schema.UUID{}}
	follower, err := listener.New(listener.Config{
		Store: st, Source: source, Probe: asker, Handlers: []listener.Handler{k}, Fingerprint: "liar", Kind: "syncrepl",
		InFilter: scope.Selects, Backoff: func() backoff.BackOff { return backoff.NewConstantBackOff(20 * time.Millisecond) },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- follower.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		_ = asker.Close()
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	return follower, k
}

// told returns all that a status says of the provider.
func told(t *testing.T, api control.API) string {
	status, err := api.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(status.Ready, " ", status.Source.LastError, " ", strings.Join(append(status.Reasons, status.Notes...), "\n"))
}

const crowd = 60

// lies are what a provider has said, and the reason that the status must give. Without a reason the lie shows in nothing.
var lies = map[string]struct {
	lie    func(*liarsTale)
	reason string
}{
	"present list truncated": {func(s *liarsTale) {
		s.present(upTo(crowd / 2)...)
		s.endPresent()
	}, "left out 30 entries that the server still has"},
	"end of present without a list": {func(s *liarsTale) { s.endPresent() }, "the refresh was empty although the replica is not"},
	"success after half of the content": {func(s *liarsTale) {
		for i := range crowd / 2 {
			s.entry(i)
		}
		s.send(liarsResult(wire.SearchDone, 0), wire.Control("1.3.6.1.4.1.4203.1.9.1.3", false,
			wire.Element(wire.TagSequence, wire.Octets(wire.TagOctets, s.liar.position()))))
	}, "left out 30 entries"},
	"success without sync done": {func(s *liarsTale) {
		for i := range crowd / 2 {
			s.entry(i)
		}
		s.send(liarsResult(wire.SearchDone, 0))
	}, "the server has ended the search"},
	"cookie silently ignored": {func(s *liarsTale) {
		for i := range crowd / 2 {
			s.entry(i)
		}
		s.info(0xa1)
	}, "it sent entries but no position"},
	"notices": {func(s *liarsTale) {
		search := s.id
		s.id = 0
		s.send(liarsResult(wire.ExtendedResponse, 0, wire.Octets(0x8a, "1.2.3.4")))
		s.id = search
		s.gone("", upTo(crowd)...)
		s.id = 0
		s.send(liarsResult(wire.ExtendedResponse, 52, wire.Octets(0x8a, wire.NoticeOfDisconnection)))
	}, "the server disconnects: result 52 (Unavailable)"},
	"everything deleted in the refresh": {func(s *liarsTale) {
		s.gone("", upTo(crowd)...)
		s.endDelete()
	}, "left out 60 entries that the server still has"},
	"everything deleted while persisting": {func(s *liarsTale) {
		s.present(upTo(crowd)...)
		s.endPresent()
		s.gone(s.liar.position(), upTo(crowd)...)
	}, "60 entries are gone which it still has"},
	"end before its list": {func(s *liarsTale) {
		s.endPresent()
		s.present(upTo(crowd)...)
	}, "the refresh was empty"},
	"the refresh ends twice": {func(s *liarsTale) {
		s.present(upTo(crowd)...)
		s.endPresent()
		s.endDelete()
	}, "a second end of the refresh"},
	"contradictions": {func(s *liarsTale) {
		s.gone("", upTo(crowd)...)
		for i := range crowd {
			s.entry(i)
		}
		s.present(upTo(crowd)...)
		s.gone("", upTo(crowd/2)...)
		s.entry(7)
		s.entry(7)
		s.endPresent()
	}, "left out 29 entries that the server still has"},
	"an entry under another UUID": {func(s *liarsTale) {
		e := s.liar.people[liarsID(1)]
		s.as(liarsID(2), e.DN, e.Attrs)
		s.endPresent()
	}, "is sent as entry"},
	"a UUID under two names": {func(s *liarsTale) {
		s.present(upTo(crowd)...)
		e := s.liar.people[liarsID(1)]
		s.as(e.UUID, "uid=other,"+liarBase, e.Attrs)
		s.as(e.UUID, e.DN, e.Attrs)
		s.endPresent()
	}, ""},
	"nonsense behind content": {func(s *liarsTale) {
		s.entry(1)
		s.gone("", 2)
		_, _ = s.conn.Write([]byte("\x30\x05nonsense"))
	}, "malformed message"},
	"a cut in the middle": {func(s *liarsTale) {
		s.gone("", upTo(crowd/2)...)
		_ = s.conn.Close()
	}, "reading from"},
	"refused after half": {func(s *liarsTale) {
		for i := range crowd / 2 {
			s.entry(i)
		}
		s.send(liarsResult(wire.SearchDone, 4))
	}, "size limit has cut the search after 30 entries"},
}

// TestLies proves of each lie that nothing is destroyed by it, that the status gives the reason, and that all is well once
// the provider tells the truth again.
func TestLies(t *testing.T) {
	for name, tt := range lies {
		t.Run(name, func(t *testing.T) {
			l := newLiar(t, crowd)
			api, k := followLiar(t, l)
			inStep := func() bool {
				n, _ := k.count()
				return n == len(l.people) && strings.HasPrefix(told(t, api), "true")
			}
			harness.Await(t, "the truth at first", inStep)
			before := l.asked()
			l.say(tt.lie)
			harness.Await(t, "the lie", func() bool { return l.asked() > before })
			if tt.reason != "" {
				harness.Await(t, "the reason "+tt.reason, func() bool { return strings.Contains(told(t, api), tt.reason) })
			}
			if n, lost := k.count(); n != crowd || len(lost) > 0 {
				t.Fatalf("%d stores, lost %q", n, lost)
			}
			l.say(nil)
			wait(t, api)
			harness.Await(t, "the truth again", inStep)
			l.remove(3)
			harness.Await(t, "a deletion", func() bool { n, _ := k.count(); return n == crowd-1 })
			if _, lost := k.count(); !slices.Equal(lost, []string{"p03@example.test"}) {
				t.Errorf("lost %q", lost)
			}
		})
	}
}

// asked returns how many sessions there were.
func (l *liar) asked() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.sessions)
}

// wait lets the listener come to where the provider is; a session that waits before it tries again is hurried.
func wait(t *testing.T, api control.API) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := api.Wait(ctx); err != nil {
		t.Error(err)
	}
}

// TestGoLDAP07DecodeErrorsLeaveNoCookie: what came before nonsense moves no position.
func TestGoLDAP07DecodeErrorsLeaveNoCookie(t *testing.T) {
	l := newLiar(t, 3)
	api, _ := followLiar(t, l)
	harness.Await(t, "the truth", func() bool { return strings.HasPrefix(told(t, api), "true") })
	position := l.position()
	l.say(func(s *liarsTale) {
		s.gone("rid=000,csn=20991231235959.000000Z#000000#000#000000", 1)
		_, _ = s.conn.Write([]byte("\x30\x05nonsense"))
	})
	harness.Await(t, "three more sessions", func() bool { return l.asked() >= 4 })
	for _, cookie := range l.sessions[1:4] {
		if cookie != position {
			t.Errorf("a session began from %q, want %q", cookie, position)
		}
	}
}

// TestGoLDAP02MembersAreReadByTag: the sets of the fake have no cookie, its ends no flag.
func TestGoLDAP02MembersAreReadByTag(t *testing.T) {
	l := newLiar(t, 3)
	l.say(func(s *liarsTale) {
		s.present(0, 1)
		s.gone("", 2)
		s.endDelete()
	})
	source, err := syncrepl.New(syncrepl.Config{Server: connect.Server{URLs: []string{l.url}}, Base: liarBase})
	if err != nil {
		t.Fatal(err)
	}
	events, end, _ := sync(t, source, []byte("c"))
	if len(events) != 2 || events[0].Kind != listener.Present || events[1].Kind != listener.Gone || len(events[0].UUIDs) != 2 ||
		end.Snapshot || string(end.Cookie) != l.position() {
		t.Errorf("%+v, end %+v", events, end)
	}
}

// TestGoLDAP08ReferencesAreCountedAndPassedOver with all their URLs and their sync state.
func TestGoLDAP08ReferencesAreCountedAndPassedOver(t *testing.T) {
	l := newLiar(t, 1)
	id := liarsID(9)
	l.say(func(s *liarsTale) {
		s.send(wire.Element(wire.SearchReference, wire.Octets(wire.TagOctets, "ldap://one"), wire.Octets(wire.TagOctets, "ldap://two")),
			wire.Control("1.3.6.1.4.1.4203.1.9.1.2", false, wire.Element(wire.TagSequence,
				wire.Integer(wire.TagEnumerated, 1), wire.Octets(wire.TagOctets, string(id[:])))))
		s.entry(0)
		s.endDelete()
	})
	var log strings.Builder
	source, err := syncrepl.New(syncrepl.Config{
		Server: connect.Server{URLs: []string{l.url}}, Base: liarBase, Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	events, _, _ := sync(t, source, nil)
	if len(events) != 1 || events[0].Entry.First("uid") != "p00" {
		t.Errorf("%+v", events)
	}
	for _, part := range []string{"ldap://one", "ldap://two", id.String()} {
		if !strings.Contains(log.String(), part) {
			t.Errorf("the log %q does not name %s", log.String(), part)
		}
	}
}
