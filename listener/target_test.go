package listener

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mailreg/mailreg/schema"
)

// servers makes calls fail by the home server of an entry, and counts them.
type servers struct {
	mu    sync.Mutex
	down  map[string]bool
	calls map[string]int
}

func (s *servers) fail(c schema.Change) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := c.New
	if e == nil {
		e = c.Old
	}
	name := e.First("server")
	s.calls[name]++
	if s.down[name] {
		return &schema.TargetDown{Target: name, Err: errors.New("refused")}
	}
	return nil
}

func (s *servers) set(name string, down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down[name] = down
}

func (s *servers) taken(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer delete(s.calls, name)
	return s.calls[name]
}

func TestOneTargetDownKeepsNoOther(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var entries []*schema.Entry
		for n := 1; n <= 20; n++ {
			entries = append(entries, user(n, fmt.Sprintf("a%d", n), attr("server", []string{"x", "y"}[n%2])))
		}
		r := newRig(t, entries...)
		s := &servers{down: map[string]bool{"x": true}, calls: map[string]int{}}
		r.target.fail = s.fail
		r.start()
		if got := r.target.taken(); len(got) != 10 {
			t.Errorf("%d of 10 entries of the server that is up: %q", len(got), got)
		}
		s.taken("x")
		pass(time.Hour)
		if n := s.taken("x"); n < 50 || n > 100 {
			t.Errorf("%d calls of the server that is down in an hour: one at a time, about one a minute", n)
		}
		status, _ := r.Status(t.Context())
		h := status.Handlers[0]
		if len(h.Targets) != 1 || h.Targets[0].Name != "x" || h.Targets[0].Waiting != 10 || time.Since(h.Targets[0].Since.Time) < time.Hour {
			t.Errorf("%+v", h)
		}
		r.dir.set(user(1, "b1", attr("server", "y")))
		r.expect("change u1 a1 b1")
		r.dir.set(user(2, "b2", attr("server", "y"))) // moved away from what is down, for ever perhaps
		r.expect("change u2 a2 b2")

		s.set("x", false)
		pass(2 * time.Minute)
		if got := r.target.taken(); len(got) != 9 {
			t.Errorf("%q", got)
		}
		r.expectMarks()
		if status, _ := r.Status(t.Context()); len(status.Handlers[0].Targets) != 0 {
			t.Errorf("%+v", status.Handlers[0])
		}
	})
}

func TestTargetDownOverRestart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, user(1, "a", attr("server", "x")), user(2, "b", attr("server", "x")))
		s := &servers{down: map[string]bool{"x": true}, calls: map[string]int{}}
		r.target.fail = s.fail
		r.start()
		pass(time.Hour)
		r.start()
		pass(time.Hour)
		r.expectMarks("u1 paused: x is down: refused", "u2 paused: x is down: refused")
		s.set("x", false)
		if n, err := r.Retry(t.Context(), ""); n != 2 || err != nil {
			t.Error(n, err)
		}
		r.expectAny("add u1 a", "add u2 b")
	})
}

// TestClockJumpsDoNotHurryOrDelay: a retry pauses for as long as it was meant to, whatever the wall clock does meanwhile.
func TestClockJumpsDoNotHurryOrDelay(t *testing.T) {
	for _, jump := range []time.Duration{-48 * time.Hour, -time.Minute, time.Minute, 48 * time.Hour} {
		for _, restart := range []bool{false, true} {
			bubble(t, func(t *testing.T) {
				r := newRig(t, user(1, "a"))
				skew := time.Duration(0)
				r.config.Now = func() time.Time { return time.Now().Add(skew) }
				var calls []time.Time
				r.target.fail = func(schema.Change) error {
					calls = append(calls, time.Now())
					return errors.New("no luck")
				}
				r.start()
				for len(calls) < 5 {
					pass(time.Second)
				}
				last := calls[len(calls)-1]
				if restart {
					r.stop()
				}
				skew = jump
				if restart {
					r.start()
				}
				for len(calls) < 6 {
					pass(time.Second)
				}
				pause := calls[5].Sub(last)
				// 16 s with jitter of a half; a restart may make it early, never late.
				if pause > 25*time.Second || pause < 8*time.Second && !restart {
					t.Errorf("jump of %s, restart %v: a pause of %s", jump, restart, pause)
				}
				if got := strings.Join(r.marks(), " "); !strings.HasPrefix(got, "u1 retry") {
					t.Error(got)
				}
			})
		}
	}
}

// namer is a handler that names the server of an entry beforehand.
type namer struct{ *target }

func (namer) Targets(c schema.Change) []string {
	if c.New == nil {
		return []string{c.Old.First("server")}
	}
	return []string{c.New.First("server")}
}

// TestNamedTargetIsNotCalledWhileDown: a backlog for a slow target that is down costs one call at a time, not one for each.
func TestNamedTargetIsNotCalledWhileDown(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var entries []*schema.Entry
		for n := 1; n <= 200; n++ {
			entries = append(entries, user(n, fmt.Sprintf("a%d", n), attr("server", []string{"x", "y"}[n%2])))
		}
		r := newRig(t, entries...)
		r.config.Workers, r.config.Handlers = 4, []Handler{namer{r.target}}
		s := &servers{down: map[string]bool{"x": true}, calls: map[string]int{}}
		r.target.fail = func(c schema.Change) error {
			err := s.fail(c)
			if err != nil {
				time.Sleep(30 * time.Second)
			}
			return err
		}
		r.start()
		pass(time.Minute)
		if got := r.target.taken(); len(got) != 100 {
			t.Errorf("%d of 100 entries of the server that is up", len(got))
		}
		pass(time.Hour)
		if n := s.taken("x"); n > 60 {
			t.Errorf("%d calls of the server that is down in an hour, with 100 entries that wait", n)
		}
		status, _ := r.Status(t.Context())
		if h := status.Handlers[0]; len(h.Targets) != 1 || h.Targets[0].Waiting < 99 || h.Pending+h.Retrying != 100 || h.Oldest.IsZero() {
			t.Errorf("%+v", h)
		}
		r.dir.set(user(200, "b", attr("server", "y"))) // another home
		r.expect("change u200 a200 b")                 // it was due, so it may have been called
		r.dir.set(user(1, "a1", attr("server", "x")))  // from a home that is up to the one that is down
		r.expect()
		r.start()
		pass(time.Minute)
		if n := s.taken("x"); n > 8 {
			t.Errorf("%d calls after a restart", n)
		}
		s.set("x", false)
		pass(3 * time.Minute)
		if got := r.target.taken(); len(got) != 100 {
			t.Errorf("%d", len(got))
		}
		r.expectMarks()
	})
}
