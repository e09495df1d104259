package maildir

import (
	"testing"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/schema"
)

// TestInherit gives a store to a new id, with a crash before each step: nothing is lost, and what was delivered to the new
// id meanwhile is in it.
func TestInherit(t *testing.T) {
	a := owner("a", "a@example.test")
	b := owner("b", "a@example.test")
	inherit := func(w *world) error { return w.Inherit(t.Context(), a.UUID, b.UUID, a.Address) }
	old := func(w *world) {
		w.ensure(a, true)
		w.deliver(a, "m1")
	}
	eachCrash(t, backend.ByUUID, old, inherit, "live bbbbbbbb a@example.test m1", "link a@example.test bbbbbbbb")
	eachCrash(t, backend.ByAddress, old, inherit, "live bbbbbbbb a@example.test m1")
	meanwhile := func(w *world) {
		old(w)
		w.deliver(b, "m2")
	}
	eachCrash(t, backend.ByUUID, meanwhile, inherit, "live bbbbbbbb a@example.test m1,m2", "link a@example.test bbbbbbbb")
	nothing := newWorld(t, backend.ByUUID)
	nothing.must(nothing.Inherit(t.Context(), a.UUID, b.UUID, schema.Address{}))
	nothing.must(nothing.Inherit(t.Context(), a.UUID, b.UUID, a.Address))
}
