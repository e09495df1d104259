package listener

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/mailreg/mailreg/listener/store"
	"github.com/mailreg/mailreg/schema"
)

// page is the number of entries that are read in one transaction for a handler that takes its time.
const page = 512

// startReconcile calls the handler with all matching entries, alone. What it had to do when that began is then
// acknowledged, unless it claims, takes or flushes: such a handler is called for each entry all the same, so that neither
// the claims nor the brake are passed by, and that what is wrong with an entry is found.
func (w *worker) startReconcile(work context.Context) {
	if w.paused || w.l.cfg.Staging || w.running > 0 || w.committing || len(w.done) > 0 || w.pause.until.After(time.Now()) {
		return
	}
	w.committing = true
	go func() { w.committed <- commitment{nil, "reconcile", w.reconcileAll(work)} }()
}

// owes notes whether the handler has yet to set its whole target right.
func (w *worker) owes(owes bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if owes != w.owed.IsZero() {
		return
	}
	w.owed = time.Time{}
	if owes {
		w.owed = w.l.cfg.Now()
	}
}

// lateWhole says that the handler should have set its whole target right since a time, "" when it has. No mark need wait for that.
func (w *worker) lateWhole(since time.Time) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.owed.IsZero() || !w.owed.Before(since) {
		return ""
	}
	why := w.lastErr
	if _, runs := w.open[wholeHandler()]; runs {
		why = "it is at it"
	}
	if why != "" {
		why = " (" + why + ")"
	}
	return fmt.Sprintf("handler %s: its whole target is to be set right since %s%s", w.name, w.owed.UTC().Format(time.RFC3339), why)
}

func (w *worker) reconcileAll(work context.Context) error {
	var last, generation uint64
	asked := w.asked.Load()
	err := w.l.store.View(func(tx *store.Tx) error {
		last, generation = tx.State().Seq, tx.State().Generation
		return nil
	})
	if err != nil {
		return err
	}
	var broken error
	if err := w.passOver(); err != nil {
		return err
	}
	// It may take long, but each of the entries, and what follows the last, no longer than another call.
	limit := w.limit()
	work, cancel := context.WithCancelCause(work)
	defer cancel(nil)
	slow := time.AfterFunc(limit, func() { cancel(errLimit(limit)) })
	defer slow.Stop()
	w.calling(wholeHandler(), "all entries")
	begun := time.Now()
	err = safely(func() error { return w.reconciler.Reconcile(work, timed(w.matching(&broken), slow, limit)) })
	w.answered(wholeHandler())
	w.observeWhole("reconcile", begun, err)
	if broken != nil {
		return broken
	}
	if err != nil {
		return err
	}
	return w.l.update(func(e *edit) error {
		h := e.tx.Handler(w.name)
		state := h.State()
		state.Reconcile, state.LastSuccess = w.asked.Load() != asked, e.now // else somebody has asked for it once more
		h.SetState(state)
		e.anew = []*worker{w}
		if w.claimer != nil || w.taker != nil || w.flusher != nil {
			return nil
		}
		return e.acknowledgeAll(w, last, generation)
	})
}

// acknowledgeAll acknowledges every mark up to a number, each entry as it is now.
func (e *edit) acknowledgeAll(w *worker, last, generation uint64) error {
	v := w.view(e.tx)
	var done []decision
	for m := range v.h.Marks() {
		_, outside := e.tx.Outside(m.UUID)
		if m.Last > last || m.Generation > generation || outside {
			continue
		}
		d := decision{mark: m, change: schema.Change{UUID: m.UUID}}
		if v.load(&d); d.err == nil {
			done = append(done, d)
		}
	}
	for _, d := range done {
		e.acknowledge(w, d)
	}
	return nil
}

// matching yields the entries that the handler matches, without keeping a transaction open while it works. When the
// store fails it ends early and sets broken.
func (w *worker) matching(broken *error) iter.Seq[*schema.Entry] {
	return func(yield func(*schema.Entry) bool) {
		var behind schema.UUID
		for {
			var entries []*schema.Entry
			more := false
			err := w.l.store.View(func(tx *store.Tx) error {
				h := tx.Handler(w.name)
				for e := range tx.Entries(behind) {
					behind = e.UUID
					if m, dirty := h.Mark(e.UUID); dirty && (m.Generation > tx.State().Generation || m.Class == store.Held) {
						e = h.Acked(e.UUID).Entry
					}
					if entries = append(entries, e); len(entries) == page {
						more = true
						break
					}
				}
				if !more {
					entries = append(entries, w.outsiders(tx)...)
				}
				return nil
			})
			if err != nil {
				*broken = err
				return
			}
			for _, e := range entries {
				if e != nil && w.handler.Match(e) && !yield(e) {
					return
				}
			}
			if !more {
				return
			}
		}
	}
}

// passOver tells the handler about which entries a person has decided.
func (w *worker) passOver() error {
	sparer, ok := w.handler.(Sparer)
	if !ok {
		return nil
	}
	waived := map[schema.UUID]bool{}
	err := w.l.store.View(func(tx *store.Tx) error {
		h := tx.Handler(w.name)
		for uuid := range h.AckedIDs() {
			if h.Acked(uuid).Waived {
				waived[uuid] = true
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return safely(func() error { sparer.Spare(waived); return nil })
}

// outsiders returns the entries that are out of reach as the handler has acknowledged them.
func (w *worker) outsiders(tx *store.Tx) (entries []*schema.Entry) {
	for uuid := range tx.Outsiders() {
		entries = append(entries, tx.Handler(w.name).Acked(uuid).Entry)
	}
	return entries
}

// recall shows the handler all that it has acknowledged.
func (w *worker) recall() error {
	if w.recaller == nil {
		return nil
	}
	var entries []*schema.Entry
	err := w.l.store.View(func(tx *store.Tx) error {
		h := tx.Handler(w.name)
		for uuid := range h.AckedIDs() {
			entries = append(entries, h.Acked(uuid).Entry)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return safely(func() error { w.recaller.Recall(slices.Values(entries)); return nil })
}

// timed sets a timer again at each entry.
func timed(entries iter.Seq[*schema.Entry], timer *time.Timer, limit time.Duration) iter.Seq[*schema.Entry] {
	return func(yield func(*schema.Entry) bool) {
		for e := range entries {
			timer.Reset(limit)
			if !yield(e) {
				return
			}
		}
		timer.Reset(limit)
	}
}
