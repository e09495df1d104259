package provider

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mailreg/mailreg/listener"
	"github.com/mailreg/mailreg/listener/connect"
	"github.com/mailreg/mailreg/listener/probe"
	"github.com/mailreg/mailreg/listener/syncrepl"
	"github.com/mailreg/mailreg/schema"
	"github.com/mailreg/mailreg/tests/harness"
)

// server is how the listener reaches a directory in most tests.
func server(s *harness.Slapd) connect.Server {
	return connect.Server{
		URLs:     []string{s.URL()},
		BindDN:   harness.ListenerDN,
		Password: func() (string, error) { return harness.ListenerPassword, nil },
	}
}

// filter picks what the tests add: not the containers, which would be among the events of each of them.
const filter = "(|(objectClass=univentionMail)(objectClass=univentionMailDomainname))"

// newSource returns a source on a directory; each change edits its configuration.
func newSource(t *testing.T, s *harness.Slapd, changes ...func(*syncrepl.Config)) *syncrepl.Source {
	t.Helper()
	c := syncrepl.Config{Server: server(s), Base: harness.BaseDN, Filter: filter}
	for _, change := range changes {
		change(&c)
	}
	source, err := syncrepl.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return source
}

// newProbe returns a probe on a directory.
func newProbe(t *testing.T, s *harness.Slapd, base string) *probe.Probe {
	t.Helper()
	p, err := probe.New(probe.Config{Server: server(s), Base: base})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Logf("closing the probe: %v", err)
		}
	})
	return p
}

// session is a session with a provider, event by event. A test that waits in vain fails after 20 s.
type session struct {
	t    *testing.T
	pull func() (listener.Event, error, bool)
	stop func()
}

func follow(t *testing.T, source listener.Source, cookie []byte) *session {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), 20*time.Second, fmt.Errorf("the test has waited in vain"))
	pull, stop := iter.Pull2(source.Events(ctx, cookie))
	s := &session{t: t, pull: pull, stop: func() { stop(); cancel() }}
	t.Cleanup(s.stop)
	return s
}

// event returns the next event.
func (s *session) event() listener.Event {
	s.t.Helper()
	event, err, ok := s.pull()
	if !ok || err != nil {
		s.t.Fatalf("no event but ok=%t, %v", ok, err)
	}
	return event
}

// refresh returns the events of the refresh and its end.
func (s *session) refresh() (events []listener.Event, end listener.Event) {
	s.t.Helper()
	for {
		event := s.event()
		if event.Kind == listener.RefreshEnd {
			return events, event
		}
		events = append(events, event)
	}
}

// err returns the error that ends the session and the events before it.
func (s *session) err() ([]listener.Event, error) {
	s.t.Helper()
	var events []listener.Event
	for {
		event, err, ok := s.pull()
		if !ok {
			s.t.Fatal("the session has ended without an error")
		}
		if err != nil {
			return events, err
		}
		events = append(events, event)
	}
}

// sync runs a session to the end of its refresh and returns it with the cookie to resume from.
func sync(t *testing.T, source listener.Source, cookie []byte) (events []listener.Event, end listener.Event, next []byte) {
	t.Helper()
	s := follow(t, source, cookie)
	events, end = s.refresh()
	s.stop()
	next = cookie
	if len(end.Cookie) > 0 {
		next = end.Cookie
	}
	return events, end, next
}

// names are what a test calls its entries.
type names map[schema.UUID]string

// add adds users with an address each.
func (n names) add(s *harness.Slapd, uids ...string) {
	for _, uid := range uids {
		n.put(s.AddPerson(harness.Person{UID: uid, Mail: uid + "@" + harness.MailDomain}), uid)
	}
}

func (n names) put(uuid, name string) {
	id, err := schema.ParseUUID(uuid)
	if err != nil {
		panic(err)
	}
	n[id] = name
}

// show writes events in a form for comparison, without cookies: "content NAME ADDRESS", "present NAMES", "gone NAME".
// Consecutive ones of a kind that carry UUIDs are joined and sorted: how many a message holds is the server's choice.
func (n names) show(events ...listener.Event) []string {
	shown := []string{}
	var kind listener.Kind
	var list []string
	flush := func() {
		if list != nil {
			slices.Sort(list)
			shown = append(shown, map[listener.Kind]string{listener.Present: "present ", listener.Gone: "gone "}[kind]+
				strings.Join(list, " "))
		}
		list = nil
	}
	for _, e := range events {
		if e.Kind != kind {
			flush()
		}
		kind = e.Kind
		switch e.Kind {
		case listener.Content:
			shown = append(shown, strings.TrimSpace("content "+n[e.Entry.UUID]+" "+e.Entry.First("mailPrimaryAddress")))
		case listener.Present, listener.Gone:
			for _, uuid := range e.UUIDs {
				list = append(list, n[uuid])
			}
		case listener.Position:
			shown = append(shown, "position")
		case listener.RefreshEnd:
			shown = append(shown, fmt.Sprintf("end snapshot=%t", e.Snapshot))
		}
	}
	flush()
	return shown
}
