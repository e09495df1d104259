package listener

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/listener/selection"
	"github.com/mailreg/mailreg/listener/store"
	"github.com/mailreg/mailreg/schema"
)

// Resync marks entries of a handler, or of all, to be applied again, whether they have changed or not. A resync of
// everything calls Reconcile first, where the handler has it.
func (l *Listener) Resync(ctx context.Context, r control.ResyncRequest) (control.ResyncResult, error) {
	result := control.ResyncResult{Entries: []control.Entry{}, Effects: []control.ResyncEffect{}}
	workers := l.workers
	if r.Handler != "" {
		w, err := l.worker(r.Handler)
		if err != nil {
			return result, err
		}
		workers = []*worker{w}
	}
	pick, err := selection.New(r.Selection)
	if err != nil {
		return result, err
	}
	all := r.Selection == control.Selection{}
	var found *lookup
	if r.Reload {
		if all {
			return result, schema.Invalidf("reloading needs a selection; an audit compares everything")
		}
		k, err := l.lookUpChosen(ctx, pick, workers)
		if err != nil {
			return result, err
		}
		defer k.close()
		found = k
	}
	mark := func(tx *store.Tx, again func(*worker, []*schema.Entry)) {
		result.Entries, result.Effects, result.From = result.Entries[:0], result.Effects[:0], tx.State().Seq
		seen := map[schema.UUID]bool{}
		for _, w := range workers {
			chosen := w.chosen(tx, pick)
			for _, entry := range chosen {
				result.Effects = append(result.Effects, w.view(tx).effect(entry))
				if !seen[entry.UUID] {
					seen[entry.UUID] = true
					result.Entries = append(result.Entries, control.Entry{UUID: entry.UUID, DN: entry.DN})
				}
			}
			again(w, chosen)
		}
		result.To = tx.State().Seq
	}
	if r.DryRun && found == nil {
		return result, l.store.View(func(tx *store.Tx) error {
			mark(tx, func(*worker, []*schema.Entry) {})
			return nil
		})
	}
	moved := 0
	err = l.update(func(e *edit) error {
		if found != nil {
			if err := l.inStep(); err != nil {
				return err
			}
			_, moved = e.bring(found)
		}
		if r.DryRun {
			mark(e.tx, func(*worker, []*schema.Entry) {})
			return errRollback
		}
		mark(e.tx, func(w *worker, chosen []*schema.Entry) { e.again(w, chosen, all) })
		return nil
	})
	if r.DryRun && errors.Is(err, errRollback) {
		return result, nil
	}
	if err == nil {
		l.doubtNames(false, moved)
	}
	return result, err
}

// effect says what the handler is called for.
func (v view) effect(entry *schema.Entry) control.ResyncEffect {
	d := decision{change: schema.Change{UUID: entry.UUID}}
	d.mark, _ = v.h.Mark(entry.UUID)
	v.load(&d)
	effect := control.ResyncEffect{Handler: v.w.name, UUID: entry.UUID, DN: entry.DN, Op: "again"}
	switch {
	case d.change.Old == nil:
		effect.Op = "add"
	case d.change.New == nil:
		effect.Op = "remove"
	case !d.change.Old.Equal(d.change.New):
		effect.Op = "change"
	}
	effect.Takes, _ = v.w.takes(d.change)
	return effect
}

// lookUpChosen reads the entries of a selection from the directory.
func (l *Listener) lookUpChosen(ctx context.Context, pick func(*schema.Entry) bool, workers []*worker) (*lookup, error) {
	if l.inStep() != nil {
		return nil, fmt.Errorf("the directory cannot be asked: %s", l.sourceProblem())
	}
	var findings []finding
	err := l.store.View(func(tx *store.Tx) error {
		seen := map[schema.UUID]bool{}
		for _, w := range workers {
			for _, entry := range w.chosen(tx, pick) {
				if f, known := l.remember(tx, entry.UUID); known && !seen[entry.UUID] {
					seen[entry.UUID] = true
					findings = append(findings, f)
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return l.lookUp(ctx, findings)
}

// Progress tells how much of a resync is left to do.
func (l *Listener) Progress(_ context.Context, r control.ProgressRequest) (p control.Progress, err error) {
	err = l.store.View(func(tx *store.Tx) error {
		p = control.Progress{}
		for _, w := range l.workers {
			before := p.Left
			for m := range tx.Handler(w.name).Marks() {
				switch {
				case !m.Resync || m.Last <= r.From || m.Last > r.To:
				case m.Class == store.Parked || m.Class == store.Held:
					p.Waiting++
				default:
					p.Left++
				}
			}
			if p.Left > before {
				p.Reason = cmp.Or(p.Reason, w.obstacle(tx))
			}
		}
		return nil
	})
	return p, err
}

// obstacle says what keeps the handler from all of its work, "" when nothing does.
func (w *worker) obstacle(tx *store.Tx) string {
	switch {
	case w.l.cfg.Staging:
		return "staging: nothing is done"
	case !tx.Handler(w.name).State().Paused.IsZero():
		return fmt.Sprintf("handler %s is paused", w.name)
	}
	if down := w.targetsDown(nil); len(down) > 0 {
		return fmt.Sprintf("%s is down: %s", down[0].Name, down[0].Reason)
	}
	return ""
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
		w.asked.Add(1)
		e.anew = append(e.anew, w)
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
