package listener

import (
	"slices"
	"strings"

	"github.com/mailreg/mailreg/listener/store"
	"github.com/mailreg/mailreg/schema"
)

// Outside a refresh, entries that go and come back under new ids are seen one by one, and a removal that leaves the store
// where it is takes nothing away: only the new id, with its new empty store, does. So who went in the last ten minutes is
// remembered by name, and an entry that comes with that name and one of its claims counts as a take.

// newIDs begins the reason of a batch of pairs.
const newIDs = "reidentified: "

// depart remembers an entry of which the handler has acknowledged that it is gone.
func (e *edit) depart(w *worker, o outcome) {
	c := o.change
	gone := c.Old != nil && c.New == nil && !e.tx.HasEntry(c.UUID)
	_, outside := e.tx.Outside(c.UUID)
	if w.identifier == nil || !gone || outside || o.takes || o.mark.Disown || o.mark.Rejected || len(o.owned) == 0 || !w.kept(c.Old) {
		return
	}
	now := e.l.clock()
	e.tx.Handler(w.name).PutDeparted(sameName(c.Old.DN), store.Departed{At: now, Entry: c.Old, Claims: o.owned}, now.Add(-window))
}

// departed finds the entry whose place another one takes that is new to the handler.
func (v view) departed(c schema.Change, claimed []string) (store.Departed, bool) {
	if v.w.identifier == nil || c.Old != nil || c.New == nil || !v.h.AnyDeparted() {
		return store.Departed{}, false
	}
	d, ok := v.h.Departed(sameName(c.New.DN))
	if !ok || v.w.l.clock().Sub(d.At).Abs() > window || !v.w.kept(c.New) {
		return d, false
	}
	former := d.Entry.UUID
	_, dirty := v.h.Mark(former)
	if former == c.UUID || dirty || v.h.HasAcked(former) || v.tx.HasEntry(former) {
		return d, false
	}
	owned := func(r string) bool { _, owned := v.h.Owner(r); return owned }
	shared := func(r string) bool { return slices.Contains(claimed, r) }
	return d, slices.ContainsFunc(d.Claims, shared) && !slices.ContainsFunc(d.Claims, owned)
}

// restore takes back that the handler has acknowledged an entry as gone, so that it can be one of a pair: its store is still
// where it was.
func (e *edit) restore(w *worker, d store.Departed, generation uint64) store.Mark {
	h := e.tx.Handler(w.name)
	h.Acknowledge(d.Entry.UUID, d.Entry, d.Claims, d.At)
	h.ForgetDeparted(sameName(d.Entry.DN))
	seq := e.tx.NextSeq()
	return store.Mark{UUID: d.Entry.UUID, First: seq, Last: seq, Since: e.now, Generation: generation, Known: e.base}
}

// holdPair holds an entry together with the one whose place it takes, and reports whether there is one: it has departed, or
// its removal is held already.
func (e *edit) holdPair(w *worker, d decision) bool {
	v := w.view(e.tx)
	gone, reason, ok := store.Mark{}, d.reason, false
	if former, departed := v.departed(d.change, d.claims); departed {
		gone, ok = e.restore(w, former, e.tx.State().Generation), true
	} else if gone, ok = v.heldFormer(d); ok {
		reason = gone.Reason
	}
	if !ok {
		return false
	}
	if !strings.HasPrefix(reason, newIDs) {
		reason = newIDs + "entries are gone, and others have their names and addresses under new ids (" + reason + ")"
	}
	come := d.mark
	gone.Pair, come.Pair = come.UUID, gone.UUID
	batch := e.openBatch(w, reason, true)
	e.hold(w, gone, batch, reason)
	e.hold(w, come, batch, reason)
	return true
}

// heldFormer returns the held removal for which an entry waits that takes its place.
func (v view) heldFormer(d decision) (store.Mark, bool) {
	if v.w.identifier == nil || d.by.IsZero() || d.change.Old != nil || d.change.New == nil || v.tx.HasEntry(d.by) {
		return store.Mark{}, false
	}
	m, _ := v.h.Mark(d.by)
	_, outside := v.tx.Outside(d.by)
	was := v.h.Acked(d.by).Entry
	fits := m.Class == store.Held && !m.Waits() && m.Pair.IsZero() && !outside && was != nil
	return m, fits && sameName(was.DN) == sameName(d.change.New.DN)
}
