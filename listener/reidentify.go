package listener

import (
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/mailreg/mailreg/listener/store"
	"github.com/mailreg/mailreg/schema"
)

// pair is an entry that is gone, and one that has its name and claims under another id.
type pair struct {
	gone, come store.Mark
	// departed is set when the handler has acknowledged before the refresh that the entry is gone.
	departed *store.Departed
}

// reidentified looks for many entries that a refresh takes away while others have their names and claims: the directory was
// loaded anew, or is another one. Both sides of each pair are held in one batch, which is returned with its reason.
func (e *edit) reidentified(w *worker, generation uint64) (held map[schema.UUID]bool) {
	pairs := e.pairs(w, generation)
	if len(pairs) == 0 {
		return nil
	}
	why, over := w.view(e.tx).tooMany(len(pairs))
	if !over {
		return nil
	}
	held = map[schema.UUID]bool{}
	reason := fmt.Sprintf(newIDs+"%d entries are gone, and others have their names and addresses under new ids (%s)", len(pairs), why)
	batch := e.openBatch(w, reason, false)
	for _, p := range pairs {
		if p.departed != nil {
			p.gone = e.restore(w, *p.departed, generation)
		}
		p.gone.Pair, p.come.Pair = p.come.UUID, p.gone.UUID
		for _, m := range []store.Mark{p.gone, p.come} {
			held[m.UUID] = true
			e.hold(w, m, batch, reason)
		}
	}
	w.log.Warn("held what has other ids now", "op", "hold", "batch", batch, "count", len(pairs), "err", reason)
	return held
}

// pairs looks through the marks twice, so that a first load, which takes nothing away, gathers nothing.
func (e *edit) pairs(w *worker, generation uint64) (list []pair) {
	if w.claimer == nil {
		return nil
	}
	v := w.view(e.tx)
	gone := map[string]store.Mark{}
	for m := range e.turned(v, generation) {
		if acked := v.h.Acked(m.UUID).Entry; acked != nil {
			gone[sameName(acked.DN)] = m
		}
	}
	if len(gone) == 0 && !v.h.AnyDeparted() {
		return nil
	}
	for m := range e.turned(v, generation) {
		entry := e.tx.Entry(m.UUID)
		if entry == nil {
			continue
		}
		d := decision{mark: m, change: schema.Change{UUID: m.UUID}}
		v.load(&d)
		former, ok := gone[sameName(entry.DN)]
		owned := v.h.Acked(former.UUID).Claims
		switch departed, found := v.departed(d.change, d.claims); {
		case d.err != nil:
		case ok && slices.ContainsFunc(d.claims, func(r string) bool { return slices.Contains(owned, r) }):
			list = append(list, pair{gone: former, come: m})
		case found:
			list = append(list, pair{come: m, departed: &departed})
		}
	}
	return list
}

// turned yields the marks of a refresh for entries that have gone although the handler has acknowledged them, or have come
// although it has not.
func (e *edit) turned(v view, generation uint64) iter.Seq[store.Mark] {
	return func(yield func(store.Mark) bool) {
		for m := range v.h.Marks() {
			if m.Generation != generation || e.tx.HasEntry(m.UUID) == v.h.HasAcked(m.UUID) {
				continue
			}
			if _, outside := e.tx.Outside(m.UUID); !outside && !yield(m) {
				return
			}
		}
	}
}

// paired reports whether a mark is one side of a pair that still is one.
func (v view) paired(m store.Mark) bool {
	if m.Pair.IsZero() || m.Batch == "" {
		return false
	}
	other, ok := v.h.Mark(m.Pair)
	return ok && other.Pair == m.UUID && other.Batch == m.Batch && v.tx.HasEntry(m.UUID) != v.tx.HasEntry(other.UUID)
}

// inherit carries out what a person has approved of a pair: what was acknowledged for the former id counts for the new one
// from now on, and the handler is to be called for that. It reports whether the mark is one of a pair.
func (e *edit) inherit(w *worker, m store.Mark) bool {
	v := w.view(e.tx)
	if !v.paired(m) {
		return false
	}
	former, _ := v.h.Mark(m.Pair)
	if !e.tx.HasEntry(m.UUID) {
		former, m = m, former
	}
	acked := v.h.Acked(former.UUID)
	entry := *acked.Entry
	entry.UUID = m.UUID
	v.h.Acknowledge(former.UUID, nil, nil, acked.At)
	v.h.DeleteMark(former.UUID)
	v.h.Acknowledge(m.UUID, &entry, acked.Claims, acked.At)
	m.Pair, m.Former, m.Approved, m.Resync = schema.UUID{}, former.UUID, true, true
	m.Doubt, m.Tried = m.Doubt || former.Doubt, append(m.Tried, former.Tried...)
	e.ready(w, withoutBatch(m))
	e.touch(w, former.UUID)
	e.rearm(w, former.UUID)
	e.rearm(w, m.UUID)
	return true
}

// disinherit carries out what a person has rejected: what belongs to the former id goes out of reach, and the new one begins
// with nothing.
func (e *edit) disinherit(w *worker, m store.Mark) bool {
	v := w.view(e.tx)
	if !v.paired(m) {
		return false
	}
	other, _ := v.h.Mark(m.Pair)
	for _, side := range []store.Mark{m, other} {
		side.Disown = !e.tx.HasEntry(side.UUID)
		side.Pair, side.Approved = schema.UUID{}, true
		e.ready(w, withoutBatch(side))
		e.rearm(w, side.UUID)
	}
	return true
}

// decided carries out a person's decision about the pairs of a batch, in the worker's goroutine, and returns the number of
// the marks that it was about.
func (e *edit) decided(w *worker, batch string, carry func(*worker, store.Mark) bool) (count int) {
	h := e.tx.Handler(w.name)
	for _, m := range selectMarks(h, func(m store.Mark) bool { return m.Batch == batch && m.Class == store.Held && !m.Pair.IsZero() }) {
		if now, ok := h.Mark(m.UUID); ok && now.Batch == batch && carry(w, now) {
			count += 2
		}
	}
	return count
}

// settleID forgets the change of ids that the handler was called for. One that was found while the call ran stays.
func settleID(m *store.Mark, called store.Mark) {
	if m.Former == called.Former {
		m.Former = schema.UUID{}
	}
	m.Disown, m.Rejected = m.Disown && !called.Disown, false
	if m.Pair == called.Pair {
		m.Pair = schema.UUID{}
	}
}

// keepID makes the handler learn under which id it knows what belongs to an entry, although a person has rejected the change
// that it was to learn that with. It reports whether there is something to learn: a second rejection gives that up.
func (e *edit) keepID(w *worker, m store.Mark) bool {
	if m.Former.IsZero() || m.Rejected || w.identifier == nil {
		return false
	}
	m.Rejected, m.Approved, m.Resync = true, true, true
	e.ready(w, withoutBatch(m))
	e.rearm(w, m.UUID)
	return true
}

// errEngaged says that a decision comes while it cannot be carried out, and stays open.
var errEngaged = errors.New("decide when that has ended")

// engaged reports whether the handler is being called for one side of a batch's pairs: what it has acknowledged is about to
// change.
func (v view) engaged(batch string) error {
	for uuid := range v.w.busy {
		if m, ok := v.h.Mark(uuid); ok && m.Batch == batch && !m.Pair.IsZero() {
			return fmt.Errorf("handler %s is being called for %s: %w", v.w.name, v.name(uuid), errEngaged)
		}
	}
	return nil
}

// sameName returns a text that is equal for equal DNs.
func sameName(text string) string {
	dn, err := schema.ParseDN(text)
	if err != nil {
		return text
	}
	return dn.String()
}
