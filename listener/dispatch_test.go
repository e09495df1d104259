package listener

import (
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mailreg/mailreg/schema"
)

// bubble runs a test with a fake clock.
func bubble(t *testing.T, fn func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, fn)
}

// pass lets time go by, and then whatever is due happen, so that fakes can be changed.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestFollowsChanges(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, user(1, "a@x"), user(2, ""))
		r.start()
		r.expect("add u1 a@x")
		r.dir.set(user(2, "b@x"))
		r.expect("add u2 b@x")
		r.dir.set(user(1, "c@x"))
		r.expect("change u1 a@x c@x")
		r.dir.set(user(1, ""))
		r.expect("remove u1 c@x")
		r.dir.delete(id(2))
		r.expect("remove u2 b@x")
		r.expectMarks()
	})
}

func TestCatchesUpAfterRestart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, user(1, "a@x"), user(2, "b@x"), user(3, "c@x"))
		r.start()
		r.target.taken()
		r.stop()
		r.dir.set(user(1, "d@x"))
		r.dir.delete(id(2))
		r.start()
		r.expectAny("change u1 a@x d@x", "remove u2 b@x")
		if got := r.dir.sessions; len(got) != 2 || got[1] != cookieAt(3) {
			t.Errorf("sessions %q", got)
		}
	})
}

func TestRetriesThenParks(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, user(1, "a@x"), user(2, "b@x"))
		tries := 0
		r.target.fail = func(c schema.Change) error {
			if c.UUID == id(1) {
				tries++
				return errors.New("no luck")
			}
			return nil
		}
		r.start()
		r.expect("add u2 b@x")
		r.expectMarks("u1 retry: no luck")
		pass(time.Hour)
		r.expectMarks("u1 parked: no luck")
		if tries != 8 {
			t.Errorf("%d tries", tries)
		}
		r.target.fail = nil
		r.dir.set(user(1, "c@x"))
		r.expect("change u1 a@x c@x") // the add may have had an effect
		r.expectMarks()
	})
}

func TestTargetDownPausesForEver(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, user(1, "a@x"), user(2, "b@x"), user(3, "c@x"))
		var down atomic.Bool
		down.Store(true)
		var tries atomic.Int32
		r.target.fail = func(schema.Change) error {
			if tries.Add(1); down.Load() {
				return &schema.TargetDown{Target: "dovecot", Err: errors.New("refused")}
			}
			return nil
		}
		r.start()
		pass(3 * time.Hour)
		if n := tries.Load(); n > 3*60*3 {
			t.Errorf("%d tries in three hours", n)
		}
		for _, m := range r.marks() {
			if m[len("u1 "):] != "paused: dovecot is down: refused" {
				t.Error(m)
			}
		}
		down.Store(false)
		pass(2 * time.Minute)
		r.expectMarks()
		if n := len(r.target.taken()); n != 3 {
			t.Errorf("%d calls", n)
		}
	})
}

func TestPanicIsAnError(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, user(1, "a@x"))
		r.target.fail = func(schema.Change) error { panic("oops") }
		r.start()
		r.expectMarks("u1 retry: panic: oops")
	})
}

func TestSwap(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, user(1, "a@x"), user(2, "b@x"))
		r.start()
		r.target.taken()
		r.dir.set(user(1, "b@x"), user(2, "a@x"))
		r.expect("aside u1 a@x", "change u2 b@x a@x", "change u1 a@x b@x")
		r.expectMarks()
	})
}
