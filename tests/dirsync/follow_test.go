package dirsync

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mailreg/mailreg/listener"
	"github.com/mailreg/mailreg/listener/connect"
	"github.com/mailreg/mailreg/listener/dirsync"
	"github.com/mailreg/mailreg/schema"
	"github.com/mailreg/mailreg/tests/harness"
)

// limit bounds each wait of these tests.
const limit = 20 * time.Second

// server reads a domain controller as one of its accounts.
func server(s *harness.Samba, dn string) connect.Server {
	return connect.Server{
		URLs: []string{s.URLI()}, BindDN: dn, Password: func() (string, error) { return harness.SambaPassword, nil },
	}
}

// replica is what a follower knows: a listener without a store.
type replica struct {
	t       *testing.T
	source  *dirsync.Source
	end     func() error
	changed chan struct{}

	mu      sync.Mutex
	entries map[schema.UUID]*schema.Entry
	cookie  []byte
	// refreshes counts refreshes that have ended, snapshots those that named everything; told counts Content by DN in lower case.
	refreshes, snapshots int
	told                 map[string]int
	seen                 map[schema.UUID]bool // in a refresh under way
}

// follow begins to follow as an account, from what a former replica knew when there is one.
func follow(t *testing.T, s *harness.Samba, dn string, former *replica) *replica {
	t.Helper()
	profile, err := schema.NewProfile("ad", nil)
	if err != nil {
		t.Fatal(err)
	}
	source, err := dirsync.New(dirsync.Config{
		Server: server(s, dn), Base: harness.PeopleDN, Profile: profile, Interval: 20 * time.Millisecond, Recount: 50 * time.Millisecond,
		Filter:     "(|(objectClass=" + schema.ClassMail + ")(objectClass=group)(objectClass=organizationalUnit))",
		Attributes: append(schema.Attributes(), "member"),
	})
	if err != nil {
		t.Fatal(err)
	}
	r := &replica{
		t: t, source: source, changed: make(chan struct{}, 1),
		entries: map[schema.UUID]*schema.Entry{}, told: map[string]int{}, seen: map[schema.UUID]bool{},
	}
	if former != nil {
		maps.Copy(r.entries, former.entries)
		r.cookie = former.cookie
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.run(ctx, r.cookie) }()
	r.end = sync.OnceValue(func() error {
		cancel()
		select {
		case err := <-ended:
			return err
		case <-time.After(limit):
			return errors.New("the session does not end")
		}
	})
	t.Cleanup(func() {
		if err := r.end(); err != nil && !errors.Is(err, context.Canceled) && !t.Failed() {
			t.Logf("the session ended: %v", err)
		}
	})
	return r
}

func (r *replica) run(ctx context.Context, cookie []byte) error {
	for event, err := range r.source.Events(ctx, cookie) {
		if err != nil {
			return err
		}
		r.take(event)
		select {
		case r.changed <- struct{}{}:
		default:
		}
	}
	return errors.New("it ended without an error")
}

func (r *replica) take(event listener.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch event.Kind {
	case listener.Content:
		r.told[strings.ToLower(event.Entry.DN)]++
		r.entries[event.Entry.UUID] = event.Entry
		r.seen[event.Entry.UUID] = true
	case listener.Present:
		for _, uuid := range event.UUIDs {
			r.seen[uuid] = true
		}
	case listener.Gone:
		for _, uuid := range event.UUIDs {
			delete(r.entries, uuid)
		}
	case listener.RefreshBegin:
		clear(r.seen)
	case listener.RefreshEnd:
		r.refreshes++
		if event.Snapshot {
			r.snapshots++
			maps.DeleteFunc(r.entries, func(uuid schema.UUID, _ *schema.Entry) bool { return !r.seen[uuid] })
		}
	}
	if len(event.Cookie) > 0 {
		r.cookie = event.Cookie
	}
}

// await waits until the replica fulfils a condition, which returns what is missing.
func (r *replica) await(missing func() string) {
	r.t.Helper()
	ask := func() string {
		r.mu.Lock()
		defer r.mu.Unlock()
		return missing()
	}
	for timeout := time.After(limit); ; {
		what := ask()
		if what == "" {
			return
		}
		select {
		case <-r.changed:
		case <-timeout:
			r.t.Fatalf("after %s: %s; the session: %v", limit, what, r.end())
		}
	}
}

// refreshed waits for the end of the first refresh.
func (r *replica) refreshed() *replica {
	r.t.Helper()
	r.await(func() string {
		if r.refreshes == 0 {
			return "no refresh has ended"
		}
		return ""
	})
	return r
}

// equals waits until the replica is what the directory has: the users and groups below ou=people, by UUID, with DN, address
// and members.
func (r *replica) equals(s *harness.Samba) {
	r.t.Helper()
	want := map[schema.UUID]string{}
	for _, e := range s.Entries("(|(&(objectClass=user)(!(objectClass=computer)))(objectClass=group)(objectClass=organizationalUnit))",
		"mail", "member", "proxyAddresses") {
		if dn, err := schema.ParseDN(e.DN); err != nil || !strings.HasSuffix(dn.String(), "ou=people,dc=example,dc=test") {
			continue
		}
		want[e.UUID] = fmt.Sprint(e.DN, e.Values("mail"), e.Values("member"), e.Values("proxyAddresses"))
	}
	r.await(func() string {
		for uuid, text := range want {
			e := r.entries[uuid]
			if e == nil {
				return fmt.Sprintf("%s is missing", text)
			}
			proxies := slices.Clone(e.Values("mailAlternativeAddress"))
			for i := range proxies {
				proxies[i] = "smtp:" + proxies[i]
			}
			if got := fmt.Sprint(e.DN, e.Values("mailPrimaryAddress"), e.Values("member"), proxies); got != text {
				return fmt.Sprintf("it has %.300s, want %.300s", got, text)
			}
		}
		for uuid, e := range r.entries {
			if want[uuid] == "" {
				return e.DN + " is there and should not be"
			}
		}
		return ""
	})
}
