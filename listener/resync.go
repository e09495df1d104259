package listener

import (
	"context"

	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/listener/store"
	"github.com/mailreg/mailreg/schema"
)

// Resync marks entries of a handler to be applied again, whether they have changed or not. A resync of everything calls
// Reconcile first, where the handler has it.
func (l *Listener) Resync(_ context.Context, r control.ResyncRequest) (control.ResyncResult, error) {
	w, err := l.worker(r.Handler)
	if err != nil {
		return control.ResyncResult{}, err
	}
	pick, err := selector(r.Selection)
	if err != nil {
		return control.ResyncResult{}, err
	}
	var chosen []*schema.Entry
	if r.DryRun {
		err = l.store.View(func(tx *store.Tx) error {
			chosen = w.chosen(tx, pick)
			return nil
		})
	} else {
		err = l.update(func(e *edit) error {
			chosen = w.chosen(e.tx, pick)
			e.again(w, chosen, r.Selection == control.Selection{})
			return nil
		})
	}
	result := control.ResyncResult{Entries: make([]control.Entry, len(chosen))}
	for i, entry := range chosen {
		result.Entries[i] = control.Entry{UUID: entry.UUID, DN: entry.DN}
	}
	return result, err
}

// again marks entries to be applied again. A resync of all sets the whole target right first, where the handler can: that
// also finds what belongs to no entry.
func (e *edit) again(w *worker, chosen []*schema.Entry, all bool) {
	generation := e.tx.State().Generation
	for _, entry := range chosen {
		m := e.mark(w, entry.UUID, generation, nil)
		m.Resync = true
		e.put(w, m)
	}
	if all && w.reconciler != nil {
		h := e.tx.Handler(w.name)
		state := h.State()
		state.Reconcile, state.From = true, generation
		h.SetState(state)
		e.anew = []*worker{w}
	}
}

// chosen lists the entries of a selection that the handler matches or has acknowledged, in their newest known state.
func (w *worker) chosen(tx *store.Tx, pick func(*schema.Entry) bool) []*schema.Entry {
	h := tx.Handler(w.name)
	var list []*schema.Entry
	for entry := range tx.Entries(schema.UUID{}) {
		if pick(entry) && (w.mayMatch(entry) || h.HasAcked(entry.UUID)) {
			list = append(list, entry)
		}
	}
	for uuid := range h.AckedIDs() {
		if tx.HasEntry(uuid) {
			continue
		}
		if entry := h.Acked(uuid).Entry; entry != nil && pick(entry) {
			list = append(list, entry)
		}
	}
	return list
}
