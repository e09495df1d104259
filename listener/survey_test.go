package listener

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/schema"
)

// surveyed is a target that holds something of an id.
type surveyed struct {
	*inspected
	holds []schema.UUID
}

func (s *surveyed) Survey(_ context.Context, known func(schema.UUID) bool) (strays []schema.Stray, err error) {
	for _, uuid := range s.holds {
		if !known(uuid) {
			strays = append(strays, schema.Stray{UUID: uuid, Difference: schema.Difference{What: "store", Have: "s"}})
		}
	}
	return strays, nil
}

// TestRepair has one entry that differs on the server, and two things there of which one is known and one is nobody's.
func TestRepair(t *testing.T) { synctest.Test(t, testRepair) }

func testRepair(t *testing.T) {
	r := newRig(t, user(1, "a1"), user(2, "a2"))
	s := &surveyed{inspected: &inspected{target: r.target, seen: map[schema.UUID]bool{}}, holds: []schema.UUID{id(1), id(9)}}
	r.config.Handlers = []Handler{s}
	r.start()
	r.target.taken()

	ask := func(repair bool) control.DiffResult {
		t.Helper()
		result, err := r.Diff(t.Context(), control.DiffRequest{Repair: repair})
		if err != nil {
			t.Fatal(err)
		}
		return result
	}
	if d := ask(false); len(d.Entries) != 1 || d.Entries[0].UUID != id(9) || d.Entries[0].Directory != "none" || d.Repairing != 0 {
		t.Errorf("%+v", d)
	}
	if calls := r.target.taken(); len(calls) != 0 {
		t.Errorf("a comparison has called %v", calls)
	}
	s.be([]schema.Difference{{What: "store"}}, nil)
	if d := ask(true); d.Repairing != 3 {
		t.Errorf("%+v, want the two entries and what is nobody's under repair", d)
	}
	s.be(nil, nil)
	if _, err := r.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	calls := r.target.taken()
	slices.Sort(calls)
	if len(calls) != 3 {
		t.Errorf("called: %q", calls)
	}
}
