package listener

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"

	"github.com/mailreg/mailreg/listener/store"
	"github.com/mailreg/mailreg/schema"
)

// renewals is a world whose people get new ids now and then, and keep their names and addresses.
type renewals struct {
	*world
	// turn is how many ids each person has had.
	turn [6]int
}

func (r *renewals) id(n int) schema.UUID { return id(100*r.turn[n] + n) }

func (r *renewals) put(n int) {
	e := user(n, fmt.Sprintf("p%d", n), attr("version", fmt.Sprint(r.version)))
	r.version++
	e.UUID = r.id(n)
	r.dir.set(e)
}

func (r *renewals) renew(n int) {
	r.dir.delete(r.id(n))
	r.turn[n]++
	r.put(n)
}

func (r *renewals) act(s step) {
	switch s.Op {
	case "touch":
		r.put(s.A)
	case "renew":
		r.renew(s.A)
	case "gone": // it goes, and has come back some time later
		r.dir.delete(r.id(s.A))
		synctest.Wait()
		r.turn[s.A]++
		r.put(s.A)
	case "reload", "reimport":
		if s.Op == "reload" {
			r.dir.cut()
		}
		for n := 1; n <= s.B; n++ {
			r.renew(n)
		}
	default:
		r.do(s)
	}
}

// checkIDs expects each person's store to belong to the present id, and no other to be in place.
func (r *renewals) checkIDs() {
	err := r.store.View(func(tx *store.Tx) error {
		h := tx.Handler("target")
		for m := range h.Marks() {
			r.errorf("left with %+v", m)
		}
		for n := 1; n <= 5; n++ {
			if owner := r.target.stores[fmt.Sprintf("p%d", n)]; owner != r.id(n) {
				r.errorf("the store of p%d belongs to %s, want %s", n, owner, r.id(n))
			}
			if !h.Acked(r.id(n)).Entry.Equal(r.dir.entries[r.id(n)]) {
				r.errorf("p%d is not acknowledged as it is", n)
			}
		}
		return nil
	})
	r.must(nil, err)
	if len(r.target.stores) != 6 {
		r.errorf("stores %v", r.target.stores)
	}
	r.wrong = append(r.wrong, r.target.wrong...)
}

// TestModelOfNewIDs tells random stories of a directory whose entries get new ids. Rejecting is not among them: the target
// does not move aside what a rejected removal leaves behind.
func TestModelOfNewIDs(t *testing.T) {
	ops := []string{"touch", "renew", "renew", "gone", "reload", "reimport", "cut", "forget", "present", "wait", "wait", "minutes", "hour", "crash", "restart", "fail", "lose", "heal", "pause", "resume", "guard", "approve", "approve", "jump", "back"}
	dir, run := memoryDir(t), 0
	rapid.Check(t, func(rt *rapid.T) {
		leaves := rapid.Bool().Draw(rt, "leaves")
		list := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
			return step{rapid.SampledFrom(ops).Draw(t, "op"), rapid.IntRange(1, 5).Draw(t, "a"), rapid.IntRange(1, 5).Draw(t, "b")}
		}), 1, 30).Draw(rt, "steps")
		run++
		path := filepath.Join(dir, fmt.Sprintf("%d.db", run))
		var wrong []string
		synctest.Test(t, func(*testing.T) {
			r := &renewals{world: newWorldWith(path, func(w *world) {
				w.first = removing
				if leaves {
					w.first = leaving
				}
			})}
			for n := 1; n <= 5; n++ {
				r.put(n)
			}
			for _, s := range list {
				r.act(s)
			}
			r.settle()
			r.stop()
			r.checkIDs()
			r.must(nil, r.store.Close())
			wrong = r.wrong
		})
		if len(wrong) > 0 {
			rt.Fatalf("%v\n%s", list, strings.Join(wrong, "\n"))
		}
	})
}
