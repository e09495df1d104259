package ds389

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mailreg/mailreg/listener"
	"github.com/mailreg/mailreg/listener/provider"
	"github.com/mailreg/mailreg/tests/harness"
)

// untold follows people alone and does what no persistent search and no polling tells of: entries that leave the base. That
// entries are deleted is nothing that polling hears of either. When it waits, it asks for each to be found; otherwise that is
// to come by itself.
func untold(t *testing.T, s *harness.DS389, kind provider.Kind, compare time.Duration, wait bool) {
	r := prepare(t, s, s.Directory, kind)
	r.base = harness.PeopleDN
	r.person("leaves")
	r.person("gone")
	outside := s.Rename(r.person("comes"), "uid=comes", harness.StaffDN)
	r.start(func(c *provider.Config) { c.Compare = compare })
	r.settles("before")
	follow := r.follows
	if wait {
		follow = r.settles
	}
	away := s.Rename(harness.DN("leaves"), "uid=leaves", harness.StaffDN)
	r.left("leaves", wait)
	s.Rename(away, "uid=leaves", harness.PeopleDN)
	follow("moved back")
	s.Rename(outside, "uid=comes", harness.PeopleDN)
	follow("moved into the base")
	s.Delete(harness.DN("gone"))
	follow("deleted")
	r.stop()
	s.Rename(harness.DN("leaves"), "uid=leaves", harness.StaffDN)
	r.start()
	r.left("leaves", true)
	for _, dn := range all(r) {
		s.Delete(dn)
	}
}

// left demands that an entry which has left the base is known to have, and that its mailbox waits for a person.
func (r *rig) left(uid string, wait bool) {
	r.t.Helper()
	if wait {
		if _, err := r.Wait(r.t.Context()); err != nil {
			r.t.Fatal(err)
		}
	}
	harness.Await(r.t, "that "+uid+" has left is told", func() bool { return strings.Contains(r.problems(), harness.DN(uid)+" has left the base") })
	if !r.memory.knows(harness.DN(uid)) {
		r.t.Errorf("the handler was told that %s is gone", uid)
	}
}

// TestWhatIsNotTold has no source be asked for anything: syncrepl tells of what leaves the base, and the others find it
// because they compare everything each ldap/compare.
func TestWhatIsNotTold(t *testing.T) {
	s := harness.NewDS389(t, harness.DS389Config{})
	for kind, compare := range map[provider.Kind]time.Duration{
		provider.Syncrepl: time.Hour, provider.PSearch: 100 * time.Millisecond, provider.Poll: 100 * time.Millisecond,
	} {
		t.Run(string(kind), func(t *testing.T) { untold(t, s, kind, compare, false) })
		t.Run(string(kind)+" when asked", func(t *testing.T) { untold(t, s, kind, time.Hour, true) })
	}
}

// busy is a source in whose first session something happens at each entry that is read.
type busy struct {
	*provider.Source
	sessions atomic.Int32
	change   func()
	// ends are why sessions have ended.
	ends chan string
}

func (b *busy) Events(ctx context.Context, cookie []byte) iter.Seq2[listener.Event, error] {
	first := b.sessions.Add(1) == 1
	return func(yield func(listener.Event, error) bool) {
		for event, err := range b.Source.Events(ctx, cookie) {
			if err != nil && ctx.Err() == nil {
				b.ends <- err.Error()
			}
			if first && err == nil && event.Kind == listener.Content {
				b.change()
			}
			if !yield(event, err) {
				return
			}
		}
	}
}

// TestMoreChangesThanAreKept has more happen during the scan of a persistent search than it keeps: the session ends, says
// why, and the next one misses nothing.
func TestMoreChangesThanAreKept(t *testing.T) {
	s := harness.NewDS389(t, harness.DS389Config{NoSync: true})
	r := prepare(t, s, s.Directory, provider.PSearch)
	var people []string
	for _, uid := range []string{"anna", "ben", "carl", "dora", "emil", "fred"} {
		people = append(people, r.person(uid))
	}
	const kept = 4 // it keeps the last change of so many entries
	changes := 0
	source := &busy{ends: make(chan string, 16), change: func() {
		for _, dn := range people {
			changes++
			r.dir.SetMail(dn, fmt.Sprintf("new%d@%s", changes, harness.MailDomain))
		}
	}}
	r.watch = func(inner *provider.Source) listener.Source {
		source.Source = inner
		return source
	}
	r.start(func(c *provider.Config) { c.Buffer = kept })
	select {
	case end := <-source.ends:
		if !strings.Contains(end, "more changes came during the scan than can be kept: 4") {
			t.Errorf("the session ended because of: %s", end)
		}
	case <-time.After(limit):
		t.Fatal("the session did not end")
	}
	r.follows("after the session began anew")
	if n := source.sessions.Load(); n != 2 {
		t.Errorf("%d sessions", n)
	}
}
