package listener

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/schema"
)

func TestExceeds(t *testing.T) {
	cases := []struct {
		takes, stores, count, percent int
		want                          string
	}{
		{0, 0, 20, 5, ""},
		{20, 1000, 20, 5, ""},
		{50, 1000, 20, 5, ""},
		{51, 1000, 20, 5, "51 of 1000 stores would be taken away, more than 50"},
		{20, 100, 20, 5, ""},
		{21, 100, 20, 5, "21 of 100 stores would be taken away, more than 20"},
		{5, 10, 20, 5, ""},
		{6, 10, 20, 5, "6 of 10 stores would be taken away, more than half"},
		{9, 9, 20, 5, ""},
		{1000, 1000, 0, 5, ""},
		{100, 100, 100, 200, "100 of 100 stores would be taken away, more than half"},
	}
	for _, c := range cases {
		got, over := exceeds(c.takes, c.stores, c.count, c.percent)
		if got != c.want || over != (c.want != "") {
			t.Errorf("%+v: %q %v", c, got, over)
		}
	}
}

// crowd returns users 1 to n with addresses a1 to an.
func crowd(n int) []*schema.Entry {
	var list []*schema.Entry
	for i := 1; i <= n; i++ {
		list = append(list, user(i, fmt.Sprintf("a%d", i)))
	}
	return list
}

func ids(from, to int) []schema.UUID {
	var list []schema.UUID
	for i := from; i <= to; i++ {
		list = append(list, id(i))
	}
	return list
}

func newGuarded(t *testing.T, users, count int) *rig {
	r := newRig(t, crowd(users)...)
	r.config.Guard = func() (int, int) { return count, 5 }
	r.start()
	r.target.taken()
	return r
}

func (r *rig) expectHeld(want ...control.Held) {
	r.t.Helper()
	synctest.Wait()
	got, err := r.Held(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	if len(got) != len(want) {
		r.t.Fatalf("held %+v", got)
	}
	for i, h := range got {
		if h.ID != want[i].ID || h.Count != want[i].Count || len(h.Entries) != h.Count || !strings.Contains(h.Reason, want[i].Reason) {
			r.t.Errorf("held %+v, want %+v", h, want[i])
		}
	}
}

func (r *rig) expectCount(want int) {
	r.t.Helper()
	synctest.Wait()
	if got := r.target.taken(); len(got) != want {
		r.t.Errorf("%d calls, want %d: %q", len(got), want, got)
	}
}

func TestRefreshIsHeldAsAWhole(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newGuarded(t, 50, 5)
		r.stop()
		r.dir.delete(ids(1, 6)...)
		r.dir.set(user(60, "new"))
		r.start()
		r.expect("add u60 new")
		r.expectHeld(control.Held{ID: "h1", Count: 6, Reason: "refresh: 6 of 50 stores would be taken away, more than 5"})
		r.start() // a batch survives
		r.expectHeld(control.Held{ID: "h1", Count: 6})
		if n, err := r.Approve(t.Context(), "h1"); n != 6 || err != nil {
			t.Error(n, err)
		}
		r.expectCount(6)
		r.expectHeld()
		r.expectMarks()
	})
}

func TestRefreshBelowTheLimitRuns(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newGuarded(t, 50, 5)
		r.stop()
		r.dir.delete(ids(1, 5)...)
		r.start()
		r.expectCount(5)
		r.expectHeld()
	})
}

func TestMoreThanHalfIsHeld(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newGuarded(t, 12, 20)
		r.stop()
		r.dir.delete(ids(1, 7)...)
		r.start()
		r.expectHeld(control.Held{ID: "h1", Count: 7, Reason: "more than half"})
	})
}

func TestLiveIsHeldFromTheLimitOn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newGuarded(t, 100, 5)
		for i := 1; i <= 8; i++ {
			r.dir.delete(id(i))
			synctest.Wait()
			pass(time.Second)
		}
		r.expectCount(5)
		r.expectHeld(control.Held{ID: "h1", Count: 3, Reason: "6 of 100 stores"})
		pass(11 * time.Minute)
		r.dir.delete(id(9)) // the window has moved on; what is held stays
		r.expect("remove u9 a9")
		r.expectHeld(control.Held{ID: "h1", Count: 3})
		r.dir.set(user(10, "moved"))
		r.expect("change u10 a10 moved")
	})
}

func TestLiveBurstIsHeldFromTheLimitOn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newGuarded(t, 100, 5)
		r.dir.delete(ids(1, 90)...)
		r.expectCount(5)
		r.expectHeld(control.Held{ID: "h1", Count: 85})
		wait, err := r.Wait(t.Context())
		if err != nil || len(wait.Held) != 1 || wait.Held[0].Count != 85 {
			t.Error(wait, err)
		}
	})
}

func TestRejectKeepsTheStore(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newGuarded(t, 20, 1)
		r.stop()
		r.dir.delete(id(1))
		r.dir.set(user(2, "b"))
		r.start()
		r.expectHeld(control.Held{ID: "h1", Count: 2})
		if n, err := r.Reject(t.Context(), "h1"); n != 2 || err != nil {
			t.Error(n, err)
		}
		r.expect()
		r.expectMarks()
		if r.target.stores["a1"] != id(1) || r.target.stores["a2"] != id(2) {
			t.Errorf("stores %v", r.target.stores)
		}
		pass(time.Hour)
		r.dir.set(user(2, "c"))
		r.expect("change u2 b c")
	})
}

func TestHeldEntryChangesAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newGuarded(t, 20, 1)
		r.stop()
		r.dir.delete(ids(1, 2)...)
		r.start()
		r.expectHeld(control.Held{ID: "h1", Count: 2})
		r.dir.set(user(1, "a1", attr("cn", "back")))
		r.expect("change u1 a1 a1")
		r.expectHeld(control.Held{ID: "h1", Count: 1})
		pass(time.Hour)
		r.dir.set(user(2, "elsewhere")) // takes mail away still, and waits for the same decision
		r.expect()
		r.expectHeld(control.Held{ID: "h1", Count: 1})
		r.dir.set(user(2, "a2", attr("cn", "back")))
		r.expect("change u2 a2 a2")
		r.expectHeld()
	})
}

func TestHeldChangeHoldsWhoWaitsForIt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newGuarded(t, 20, 1)
		r.stop()
		r.dir.delete(ids(1, 2)...)
		r.start()
		r.dir.set(user(30, "a1"))
		r.expect()
		held, err := r.Held(t.Context())
		if err != nil || len(held) != 1 || held[0].Count != 3 || held[0].Entries[2] != (control.HeldEntry{UUID: id(30), DN: "uid=u30,ou=people", Waits: true}) {
			t.Errorf("held %+v, %v", held, err)
		}
		if n, err := r.Approve(t.Context(), "h1"); n != 3 || err != nil {
			t.Error(n, err)
		}
		r.expectAny("add u30 a1", "remove u1 a1", "remove u2 a2")
	})
}

func TestRejectFreesWhoWaited(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newGuarded(t, 20, 1)
		r.stop()
		r.dir.delete(ids(1, 2)...)
		r.start()
		r.dir.set(user(30, "c"))
		r.dir.set(user(30, "a1"))
		synctest.Wait()
		r.target.taken()
		if n, err := r.Reject(t.Context(), "h1"); n != 2 || err != nil {
			t.Error(n, err)
		}
		r.target.mu.Lock()
		delete(r.target.stores, "a1") // a handler finds the orphan there and moves it aside
		r.target.mu.Unlock()
		synctest.Wait()
		for _, m := range r.marks() {
			t.Error(m)
		}
		r.target.wrong = nil
	})
}

func TestGuardIsReadEachTime(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, crowd(20)...)
		count := 1
		r.config.Guard = func() (int, int) { return count, 0 }
		r.start()
		r.target.taken()
		r.dir.delete(ids(1, 3)...)
		r.expectCount(1)
		count = 0
		r.dir.delete(id(4))
		r.expect("remove u4 a4")
		r.expectHeld(control.Held{ID: "h1", Count: 2})
	})
}

func TestHiddenAddressesAreHeld(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newGuarded(t, 30, 20)
		r.stop()
		for i := 1; i <= 30; i++ {
			r.dir.set(user(i, ""))
		}
		r.start()
		r.expect()
		r.expectHeld(control.Held{ID: "h1", Count: 30})
		if len(r.dir.verified) != 30 {
			t.Errorf("%d verified", len(r.dir.verified))
		}
		for i := 1; i <= 30; i++ {
			r.dir.set(user(i, fmt.Sprintf("a%d", i)))
		}
		r.expect()
		r.expectHeld()
		r.expectMarks()
	})
}

// keeper keeps mail here for the users with even numbers only.
type keeper struct{ *target }

func (keeper) Keeps(e *schema.Entry) bool { return e.UUID[15]%2 == 0 }

func TestStoresElsewhereDoNotCount(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, crowd(40)...)
		r.config.Guard = func() (int, int) { return 1, 25 } // of 20 stores here
		r.config.Handlers = []Handler{keeper{r.target}}
		r.start()
		r.target.taken()
		r.stop()
		r.dir.delete(ids(1, 6)...)
		r.start()
		r.expectHeld(control.Held{ID: "h1", Count: 6, Reason: "6 of 20"})
	})
}

// TestClockJumpsLeaveTheBrake: ten minutes are ten minutes, whatever the wall clock does meanwhile.
func TestClockJumpsLeaveTheBrake(t *testing.T) {
	for _, jump := range []time.Duration{-48 * time.Hour, -time.Minute, time.Minute, 48 * time.Hour} {
		for _, restart := range []bool{false, true} {
			bubble(t, func(t *testing.T) {
				r := newRig(t, crowd(100)...)
				r.config.Guard = func() (int, int) { return 5, 5 }
				var skew time.Duration
				r.config.Now = func() time.Time { return time.Now().Add(skew) }
				r.start()
				r.target.taken()
				r.dir.delete(ids(1, 4)...)
				r.expectCount(4)
				skew = jump
				pass(time.Minute)
				r.dir.delete(id(5))
				r.expectCount(1)
				if restart {
					r.start()
				}
				pass(time.Minute)
				r.dir.delete(ids(6, 7)...)
				r.expectCount(0)
				r.expectHeld(control.Held{ID: "h1", Count: 2, Reason: "6 of"})
				pass(8*time.Minute + 30*time.Second) // the first four count no more
				r.dir.delete(ids(8, 11)...)
				r.expectCount(4)
				r.dir.delete(ids(12, 13)...)
				r.expectCount(0)
			})
		}
	}
}
