package listener

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/mailreg/mailreg/schema"
)

func TestClaims(t *testing.T) {
	type entries map[int]string
	cases := []struct {
		name          string
		before, after entries
		calls         []string
		marks         []string
	}{
		{
			"chain",
			entries{1: "a", 2: "b", 3: "c"},
			entries{1: "b", 2: "c", 3: "d"},
			[]string{"change u3 c d", "change u2 b c", "change u1 a b"},
			nil,
		},
		{
			"swap",
			entries{1: "a", 2: "b"},
			entries{1: "b", 2: "a"},
			[]string{"aside u1 a", "change u2 b a", "change u1 a b"},
			nil,
		},
		{
			"three in a circle",
			entries{1: "a", 2: "b", 3: "c"},
			entries{1: "b", 2: "c", 3: "a"},
			[]string{"aside u1 a", "change u3 c a", "change u2 b c", "change u1 a b"},
			nil,
		},
		{
			"new owner of a freed address",
			entries{1: "a"},
			entries{1: "", 2: "a"},
			[]string{"remove u1 a", "add u2 a"},
			nil,
		},
		{
			"deleted and created anew",
			entries{1: "a"},
			entries{1: "-", 2: "a"},
			[]string{"remove u1 a", "add u2 a"},
			nil,
		},
		{
			"taken",
			entries{1: "a"},
			entries{2: "a"},
			nil,
			[]string{"u2 parked: uid=u2,ou=people: a is owned by uid=u1,ou=people, which claims it as well"},
		},
		{
			"two new ones", nil,
			entries{2: "a", 1: "a"},
			[]string{"add u1 a"},
			[]string{"u2 parked: uid=u2,ou=people: a is owned by uid=u1,ou=people, which claims it as well"},
		},
		{
			"owner's new address is bad",
			entries{1: "a"},
			entries{1: "bad", 2: "a"},
			[]string{"change u1 a bad"},
			[]string{
				"u1 parked: uid=u1,ou=people: bad address",
				"u2 parked: uid=u2,ou=people: waits for uid=u1,ou=people, which has a and is parked: uid=u1,ou=people: bad address",
			},
		},
		{
			"chain that ends at a taken one",
			entries{1: "a", 2: "b", 3: "c"},
			entries{1: "b", 2: "c"},
			nil,
			[]string{
				"u1 parked: uid=u1,ou=people: waits for uid=u2,ou=people, which has b and is parked: uid=u2,ou=people: c is owned by uid=u3,ou=people, which claims it as well",
				"u2 parked: uid=u2,ou=people: c is owned by uid=u3,ou=people, which claims it as well",
			},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r := newRig(t)
				r.put(c.before)
				r.start()
				r.target.taken()
				r.put(c.after)
				r.expect(c.calls...)
				r.expectMarks(c.marks...)
			})
		})
	}
}

// put sets several entries to their addresses at once; "-" deletes one.
func (r *rig) put(entries map[int]string) {
	r.dir.change(func() {
		for n := 1; n <= 99; n++ {
			address, ok := entries[n]
			switch {
			case !ok:
				continue
			case address == "-":
				delete(r.dir.entries, id(n))
			default:
				r.dir.entries[id(n)] = user(n, address)
			}
			r.dir.log = append(r.dir.log, id(n))
		}
	})
}

func TestConflictIsRearmed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, user(1, "a"), user(2, "a"))
		r.start()
		r.expect("add u1 a")
		if got, err := r.Parked(t.Context()); err != nil || len(got) != 1 || got[0].ID != "p1" || got[0].DN != "uid=u2,ou=people" {
			t.Errorf("parked %v, %v", got, err)
		}
		r.dir.set(user(1, "b"))
		r.expect("change u1 a b", "add u2 a")
		r.expectMarks()
	})
}

func TestFreedAddressGoesToTheElder(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, user(1, "a"), user(2, "b"))
		r.start()
		r.dir.set(user(3, "a")) // asks first
		synctest.Wait()
		r.dir.set(user(2, "a"))
		synctest.Wait()
		r.target.taken()
		r.dir.set(user(1, "c"))
		r.expect("change u1 a c", "change u2 b a")
		r.expectMarks("u3 parked: uid=u3,ou=people: a is owned by uid=u2,ou=people, which claims it as well")
	})
}

func TestConflictIsRearmedByTheLoser(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, user(1, "a"), user(2, "a"))
		r.start()
		r.target.taken()
		r.dir.set(user(2, "b"))
		r.expect("add u2 b")
		r.expectMarks()
	})
}

func TestCircleWithoutSetAsideIsParked(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, user(1, "a"), user(2, "b"))
		r.config.Handlers = []Handler{struct {
			Handler
			Claimer
		}{r.target, r.target}}
		r.start()
		r.target.taken()
		r.put(map[int]string{1: "b", 2: "a"})
		r.expect()
		got := r.marks()
		if len(got) != 2 || got[1][:len("u2 parked: claims go in a circle")] != "u2 parked: claims go in a circle" {
			t.Errorf("marks %q", got)
		}
		r.dir.set(user(2, "c"))
		r.expect("change u2 b c", "change u1 a b")
	})
}

func TestAnswerToSetAsideIsLost(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, user(1, "a"), user(2, "b"))
		r.start()
		r.target.taken()
		lost := false
		r.target.after = func(schema.Change) error {
			if !lost {
				lost = true
				return errCut
			}
			return nil
		}
		r.put(map[int]string{1: "b", 2: "a"})
		r.expect("aside u1 a")
		// Back to what was acknowledged: it must be put back all the same.
		r.put(map[int]string{1: "a", 2: "b"})
		r.expectMarks()
		if calls := r.target.taken(); !slices.Contains(calls, "change u1 a a") || r.target.stores["a"] != id(1) {
			t.Errorf("calls %q, stores %v", calls, r.target.stores)
		}
	})
}

func TestLongChain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		const n = 200
		r := newRig(t, crowd(n)...)
		r.start()
		r.target.taken()
		r.stop()
		for i := 1; i <= n; i++ {
			r.dir.set(user(i, fmt.Sprintf("a%d", i+1)))
		}
		r.start()
		r.expectCount(n)
		r.expectMarks()
	})
}
