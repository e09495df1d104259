package listener

import (
	"context"
	"iter"
	"slices"
	"testing"

	"github.com/mailreg/mailreg/schema"
)

// replicated is a directory on several servers, of which one at a time can be reached.
type replicated struct {
	servers map[string]*directory
	now     string
}

func (s *replicated) Connect(context.Context) (string, error) { return s.now, nil }

func (s *replicated) Events(ctx context.Context, cookie []byte) iter.Seq2[Event, error] {
	return s.servers[s.now].Events(ctx, cookie)
}

func (s *replicated) Verify(ctx context.Context, uuid schema.UUID, dn string) (Verdict, *schema.Entry, error) {
	return s.servers[s.now].Verify(ctx, uuid, dn)
}

func (s *replicated) Lacks(ctx context.Context, dn, name, value string) (bool, error) {
	return s.servers[s.now].Lacks(ctx, dn, name, value)
}

func (s *replicated) Position(ctx context.Context) ([]string, error) {
	return s.servers[s.now].Position(ctx)
}

// newReplicated returns a rig that stands still after it was in step with server a, which holds u1 as "old" and then as
// "new". Server b holds the given history.
func newReplicated(t *testing.T, history ...*schema.Entry) (*rig, *replicated) {
	s := &replicated{now: "a", servers: map[string]*directory{
		"a": newDirectory(stamped(user(1, "old"), 1), stamped(user(1, "new"), 2)),
		"b": newDirectory(history...),
	}}
	r := newRig(t)
	r.config.Source, r.config.Probe = s, s
	r.start()
	r.expect("add u1 new")
	r.stop()
	return r, s
}

// stamped returns an entry with an entryCSN.
func stamped(e *schema.Entry, at int) *schema.Entry {
	return schema.NewEntry(e.UUID, e.DN, append(slices.Clone(e.Attrs), attr("entryCSN", csnAt(at)))...)
}

// goTo begins a session with a server and returns with which cookie the listener did.
func (r *rig) goTo(s *replicated, server string, calls ...string) string {
	r.t.Helper()
	r.stop()
	s.now = server
	d := s.servers[server]
	d.sessions = nil
	r.start()
	r.expect(calls...)
	r.stop()
	return d.sessions[0]
}

func TestGoingBackNeedsNoLoad(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r, s := newReplicated(t, stamped(user(1, "old"), 1), stamped(user(1, "new"), 2), stamped(user(2, "x"), 3))
		s.servers["a"].set(stamped(user(2, "x"), 3), stamped(user(3, "y"), 4))
		if got := r.goTo(s, "b", "add u2 x"); got != "" {
			t.Errorf("b was asked from %q", got)
		}
		if got := r.goTo(s, "a", "add u3 y"); got != cookieAt(2) {
			t.Errorf("a was asked from %q", got)
		}
		if got := r.goTo(s, "b"); got != cookieAt(3) {
			t.Errorf("b was asked from %q", got)
		}
	})
}

func TestLaggingServerMovesNothingBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r, s := newReplicated(t, stamped(user(1, "old"), 1))
		if got := r.goTo(s, "b"); got != "" {
			t.Errorf("b was asked from %q", got)
		}
		s.servers["b"].set(stamped(user(1, "new"), 2))
		if got := r.goTo(s, "b"); got != cookieAt(1) {
			t.Errorf("b was asked from %q", got)
		}
		if got := r.goTo(s, "a"); got != cookieAt(2) {
			t.Errorf("a was asked from %q", got)
		}
	})
}

func TestHalfRefreshOfAnotherServerSuspendsTheCookie(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r, s := newReplicated(t)
		s.servers["b"].change(func() {
			s.servers["b"].pretend = session(errCut, content(stamped(user(2, "x"), 1))...)
		})
		r.goTo(s, "b")
		if got := r.goTo(s, "a"); got != "" {
			t.Errorf("a was asked from %q", got)
		}
		if got := r.goTo(s, "a"); got != cookieAt(2) {
			t.Errorf("a was asked from %q", got)
		}
	})
}

func TestLagOfADeleteSuspendsTheOthersCookie(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r, s := newReplicated(t, stamped(user(2, "gone"), 1))
		s.servers["b"].set(stamped(user(1, "new"), 2))
		s.servers["a"].set(stamped(user(2, "gone"), 1))
		s.servers["a"].delete(id(2))
		r.goTo(s, "a")
		// Server b still has u2 and stands at 2, server a at 4.
		r.goTo(s, "b", "add u2 gone")
		if got := r.goTo(s, "a", "remove u2 gone"); got != "" {
			t.Errorf("a was asked from %q", got)
		}
	})
}

func TestServerThatShowsAnotherViewDropsTheOthersCookie(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r, s := newReplicated(t, stamped(user(1, "new"), 1), stamped(user(1, "hidden"), 2))
		r.goTo(s, "b", "change u1 new hidden")
		if got := r.goTo(s, "a", "change u1 hidden new"); got != "" {
			t.Errorf("a was asked from %q", got)
		}
	})
}

func TestOtherFilterSuspendsTheCookie(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r, s := newReplicated(t)
		before := r.config.Fingerprint
		r.config.Fingerprint = "narrower"
		s.servers["a"].set(stamped(user(2, "x"), 3))
		s.servers["a"].hide(id(1), true)
		r.goTo(s, "a", "add u2 x")
		r.config.Fingerprint = before
		s.servers["a"].outside[id(1)] = false
		if got := r.goTo(s, "a"); got != "" || r.replica() != 2 {
			t.Errorf("a was asked from %q, %d entries", got, r.replica())
		}
	})
}
