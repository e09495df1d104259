package listener

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mailreg/mailreg/schema"
)

// renamer is a handler that keeps what it does by ids.
type renamer struct{ *target }

func (k renamer) Reidentify(_ context.Context, former schema.UUID, c schema.Change) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.calls = append(k.calls, fmt.Sprintf("inherit u%d u%d", former[15], c.UUID[15]))
	for r, owner := range k.stores {
		if owner == former {
			k.stores[r] = c.UUID
		}
	}
	return nil
}

func (k renamer) Disown(_ context.Context, c schema.Change) error {
	return k.act("disown", c)
}

// reload makes a directory whose first entries have new ids, ten higher, and the same names and addresses.
func reload(t *testing.T, n int) *rig {
	t.Helper()
	var entries []*schema.Entry
	for i := 1; i <= 9; i++ {
		entries = append(entries, user(i, fmt.Sprintf("a%d", i)))
	}
	r := newRig(t, entries...)
	r.config.Handlers = []Handler{renamer{r.target}}
	r.config.Guard = func() (int, int) { return 2, 0 }
	r.start()
	r.target.taken()
	r.stop()
	for i := 1; i <= n; i++ {
		r.dir.delete(id(i))
		again := user(i+10, fmt.Sprintf("a%d", i))
		again.DN = strings.ToUpper(entries[i-1].DN)
		r.dir.set(again)
	}
	r.start()
	return r
}

func (r *rig) reidentified() string {
	r.t.Helper()
	held, err := r.Held(r.t.Context())
	if err != nil || len(held) != 1 || held[0].Count != 6 || !strings.HasPrefix(held[0].Reason, "reidentified: 3 entries are gone") {
		r.t.Fatalf("held %+v, %v", held, err)
	}
	return held[0].ID
}

func TestReidentifiedApproved(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := reload(t, 3)
		r.expect()
		r.dir.set(user(12, "b2")) // what changes meanwhile stays in the batch
		r.expect()
		r.start() // as does all of it over a restart
		r.expect()
		if n, err := r.Approve(t.Context(), r.reidentified()); n != 6 || err != nil {
			t.Error(n, err)
		}
		r.expectAny("change u11 a1 a1", "change u12 a2 b2", "change u13 a3 a3", "inherit u1 u11", "inherit u2 u12", "inherit u3 u13")
		r.expectMarks()
		want := map[string]schema.UUID{"a1": id(11), "b2": id(12), "a3": id(13)}
		for address, owner := range want {
			if r.target.stores[address] != owner {
				t.Errorf("%s belongs to %s", address, r.target.stores[address])
			}
		}
	})
}

func TestReidentifiedRejected(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := reload(t, 3)
		if n, err := r.Reject(t.Context(), r.reidentified()); n != 6 || err != nil {
			t.Error(n, err)
		}
		r.expectAny("add u11 a1", "add u12 a2", "add u13 a3", "disown u1 a1", "disown u2 a2", "disown u3 a3")
		r.expectMarks()
	})
}

func TestReidentifiedComesBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := reload(t, 3)
		r.reidentified()
		for i := 1; i <= 3; i++ {
			r.dir.delete(id(i + 10))
			r.dir.set(user(i, fmt.Sprintf("a%d", i)))
		}
		r.expect()
		r.expectMarks()
		if held, _ := r.Held(t.Context()); len(held) != 0 {
			t.Errorf("%+v", held)
		}
	})
}

func TestFewNewIDsAreNotHeld(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := reload(t, 1)
		r.expect("remove u1 a1", "add u11 a1")
		r.expectMarks()
	})
}

func TestReidentifiedHeirGoesBeforeTheCall(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := reload(t, 3)
		batch := r.reidentified()
		if err := r.Pause(t.Context(), "target"); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Approve(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		r.dir.delete(id(11))
		synctest.Wait()
		if err := r.Resume(t.Context(), "target"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		got := r.target.taken()
		if !slices.Contains(got, "inherit u1 u11") || !slices.Contains(got, "remove u11 a1") {
			r.expect("what was u1's is removed as u11's")
		}
		if _, left := r.target.stores["a1"]; left {
			t.Errorf("%q, %v", got, r.target.stores)
		}
	})
}

// TestReidentifiedHeirIsRejected: what a person rejects of an heir is its change, not who it is.
func TestReidentifiedHeirIsRejected(t *testing.T) {
	gone := func(r *rig) { r.dir.delete(ids(11, 13)...) }
	moved := func(r *rig) {
		for i := 11; i <= 13; i++ {
			r.dir.set(user(i, fmt.Sprintf("b%d", i)))
		}
	}
	back := func(r *rig) { r.dir.set(user(13, "a3", attr("cn", "back"))) }
	for name, c := range map[string]struct {
		change func(*rig)
		then   string
	}{
		"gone":  {gone, "add u13 a3"},
		"moved": {moved, "change u13 b13 a3"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r := reload(t, 3)
				batch := r.reidentified()
				r.must(r.Pause(t.Context(), "target"))
				_, err := r.Approve(t.Context(), batch)
				r.must(err)
				r.stop()
				c.change(r)
				r.start()
				r.must(r.Resume(t.Context(), "target"))
				r.expect()
				held, err := r.Held(t.Context())
				if err != nil || len(held) != 1 || held[0].Count != 3 {
					t.Fatalf("held %+v, %v", held, err)
				}
				_, err = r.Reject(t.Context(), held[0].ID)
				r.must(err)
				r.expectAny("inherit u1 u11", "inherit u2 u12", "inherit u3 u13")
				r.expectMarks()
				if s := r.target.stores; s["a1"] != id(11) || s["a2"] != id(12) || s["a3"] != id(13) {
					t.Errorf("%v", s)
				}
				back(r)
				r.expect(c.then)
			})
		})
	}
}

// TestReidentifiedWhileCalled: who is being called for is neither given away nor disowned, and the pair stays one.
func TestReidentifiedWhileCalled(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, crowd(9)...)
		r.config.Handlers = []Handler{renamer{r.target}}
		r.config.Guard = func() (int, int) { return 2, 0 }
		r.start()
		r.target.taken()
		going := make(chan struct{})
		r.target.fail = func(c schema.Change) error {
			if c.UUID == id(1) {
				<-going
			}
			return nil
		}
		r.dir.set(user(1, "a1", attr("cn", "new")))
		synctest.Wait()
		r.dir.change(func() { // a refresh while the call runs
			for i := 1; i <= 3; i++ {
				delete(r.dir.entries, id(i))
				r.dir.entries[id(i+10)] = user(i+10, fmt.Sprintf("a%d", i), attr("dn", "same"))
				r.dir.entries[id(i+10)].DN = fmt.Sprintf("uid=u%d,ou=people", i)
				r.dir.log = append(r.dir.log, id(i), id(i+10))
			}
			r.dir.cuts++
		})
		pass(2 * time.Second)
		batch := r.reidentified()
		if _, err := r.Approve(t.Context(), batch); err == nil || !strings.Contains(err.Error(), "decide when that has ended") {
			t.Error(err)
		}
		close(going)
		r.expect("change u1 a1 a1")
		_, err := r.Approve(t.Context(), r.reidentified())
		r.must(err)
		r.expectAny("change u11 a1 a1", "change u12 a2 a2", "change u13 a3 a3", "inherit u1 u11", "inherit u2 u12", "inherit u3 u13")
		r.expectMarks()
	})
}

func (r *rig) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}
