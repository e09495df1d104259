package listener

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mailreg/mailreg/schema"
)

// leaver is a renamer that leaves the store of who is gone where it is.
type leaver struct{ renamer }

func (k leaver) Takes(c schema.Change) bool { return c.New != nil && k.renamer.Takes(c) }

// again returns a user with the name of n under an id ten higher.
func again(n int) *schema.Entry {
	e := user(n+10, fmt.Sprintf("a%d", n))
	e.DN = user(n, "").DN
	return e
}

// crowded makes a rig with nine users of whom two may lose their mail in ten minutes.
func crowded(t *testing.T, handler func(*target) Handler) *rig {
	r := newRig(t, crowd(9)...)
	r.config.Handlers = []Handler{handler(r.target)}
	r.config.Guard = func() (int, int) { return 2, 0 }
	r.start()
	r.target.taken()
	return r
}

func leaving(t *target) Handler  { return leaver{renamer{t}} }
func removing(t *target) Handler { return renamer{t} }

// pairs expects one batch of so many pairs, and returns its name.
func (r *rig) pairs(n int) string {
	r.t.Helper()
	synctest.Wait()
	held, err := r.Held(r.t.Context())
	if err != nil || len(held) != 1 || held[0].Count != 2*n || !strings.HasPrefix(held[0].Reason, "reidentified: ") {
		r.t.Fatalf("held %+v, %v", held, err)
	}
	return held[0].ID
}

// TestNewIDsWhileLive: a tool deletes entries and adds them anew during a session. What is more than the brake lets through
// is held in pairs.
func TestNewIDsWhileLive(t *testing.T) {
	for name, handler := range map[string]func(*target) Handler{"left": leaving, "taken": removing} {
		for _, approve := range []bool{true, false} {
			t.Run(fmt.Sprint(name, approve), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					r := crowded(t, handler)
					r.dir.delete(ids(1, 5)...)
					synctest.Wait()
					pass(time.Minute)
					for n := 1; n <= 5; n++ {
						r.dir.set(again(n))
						synctest.Wait()
					}
					r.target.taken()
					batch := r.pairs(3)
					r.start()
					pass(time.Hour) // it waits for as long as it takes
					r.expect()
					var n int
					var err error
					want := []string{"add u13 a3", "add u14 a4", "add u15 a5", "disown u3 a3", "disown u4 a4", "disown u5 a5"}
					if approve {
						n, err = r.Approve(t.Context(), batch)
						want = []string{"change u13 a3 a3", "change u14 a4 a4", "change u15 a5 a5", "inherit u3 u13", "inherit u4 u14", "inherit u5 u15"}
					} else {
						n, err = r.Reject(t.Context(), batch)
					}
					if n != 6 || err != nil {
						t.Error(n, err)
					}
					r.expectAny(want...)
					r.expectMarks()
				})
			})
		}
	}
}

// TestNewIDsOverARefresh: they went while the session lasted, and have come in a refresh.
func TestNewIDsOverARefresh(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := crowded(t, leaving)
		r.dir.delete(ids(1, 4)...)
		r.expectCount(4)
		r.stop()
		for n := 1; n <= 4; n++ {
			r.dir.set(again(n))
		}
		r.start()
		r.expect()
		_, err := r.Approve(t.Context(), r.pairs(4))
		r.must(err)
		r.expectCount(8)
		r.expectMarks()
		for n := 1; n <= 4; n++ {
			if owner := r.target.stores[fmt.Sprintf("a%d", n)]; owner != id(n+10) {
				t.Errorf("a%d belongs to %s", n, owner)
			}
		}
	})
}

// TestLaterNewIDsAreOthers: a name that comes later, or an address under another name, is somebody else.
func TestLaterNewIDsAreOthers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := crowded(t, leaving)
		r.dir.delete(ids(1, 8)...)
		r.expectCount(8)
		for n := 1; n <= 4; n++ {
			r.dir.set(user(n+10, fmt.Sprintf("a%d", n))) // under names of their own
		}
		r.expectCount(4)
		pass(window + time.Minute)
		for n := 5; n <= 8; n++ {
			r.dir.set(again(n))
		}
		r.expectCount(4)
		r.expectHeld()
	})
}

// TestDepartedComesBack: under its own id it is who it was, also while it is held.
func TestDepartedComesBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := crowded(t, leaving)
		r.dir.delete(ids(1, 5)...)
		synctest.Wait()
		for n := 1; n <= 5; n++ {
			r.dir.set(again(n))
			synctest.Wait()
		}
		r.target.taken()
		r.pairs(3)
		for n := 3; n <= 5; n++ {
			r.dir.delete(id(n + 10))
			r.dir.set(user(n, fmt.Sprintf("a%d", n)))
		}
		synctest.Wait()
		r.expectHeld()
		r.expectMarks()
		for n := 3; n <= 5; n++ {
			if owner := r.target.stores[fmt.Sprintf("a%d", n)]; owner != id(n) && owner != (schema.UUID{}) {
				t.Errorf("a%d belongs to %s", n, owner)
			}
		}
	})
}
