package listener

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/mailreg/mailreg/listener/audit"
	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/listener/selection"
	"github.com/mailreg/mailreg/listener/store"
	"github.com/mailreg/mailreg/schema"
)

// Diff compares what the directory holds, the replica, what handlers have acknowledged, and what the mail server has. Only
// what the mail server has otherwise is repaired, and only when that is asked for.
func (l *Listener) Diff(ctx context.Context, r control.DiffRequest) (control.DiffResult, error) {
	result := control.DiffResult{Entries: []control.DiffEntry{}}
	workers := l.workers
	if r.Handler != "" {
		w, err := l.worker(r.Handler)
		if err != nil {
			return result, err
		}
		workers = l.with(w)
	}
	pick, err := selection.New(r.Selection)
	if err != nil {
		return result, err
	}
	drift, err := l.drift(ctx)
	if err != nil {
		return result, err
	}
	for _, w := range workers {
		if err := w.diff(ctx, pick, drift, &result); err != nil {
			return result, err
		}
		if (r.Selection == control.Selection{}) {
			if err := w.survey(ctx, &result); err != nil {
				return result, err
			}
		}
	}
	if r.Handler == "" {
		for _, d := range drift { // of no handler's entries
			if !pick(schema.NewEntry(d.UUID, d.DN)) {
				continue
			}
			result.Entries = append(result.Entries, control.DiffEntry{
				UUID: d.UUID, DN: d.DN, Directory: string(d.Kind), Acknowledged: "same", Server: []schema.Difference{},
			})
		}
	}
	slices.SortStableFunc(result.Entries, func(a, b control.DiffEntry) int { return cmp.Compare(a.DN, b.DN) })
	if r.Repair {
		err = l.repair(&result)
	}
	return result, err
}

// with returns a worker and those of the companions of its handler.
func (l *Listener) with(w *worker) []*worker {
	workers := []*worker{w}
	for _, other := range l.workers {
		if companion, ok := other.handler.(Companion); ok && companion.Beside() == w.name {
			workers = append(workers, other)
		}
	}
	return workers
}

// drift scans the directory and returns in what the replica differs from it; nothing when it cannot be scanned.
func (l *Listener) drift(ctx context.Context) (map[schema.UUID]audit.Doubt, error) {
	drift := map[schema.UUID]audit.Doubt{}
	scanner, ok := l.cfg.Probe.(Scanner)
	if !ok {
		return drift, nil
	}
	a := &auditor{l: l}
	tally, err := a.scan(ctx, scanner)
	if err != nil || len(tally.Doubts) == 0 {
		return drift, err
	}
	if err := l.awaitProvider(ctx); err != nil {
		return nil, err
	}
	for _, d := range a.stillDoubtful(tally.Doubts) {
		drift[d.UUID] = d
	}
	return drift, nil
}

// diff adds the entries of one handler that are not the same everywhere. What is told of here is taken out of drift.
func (w *worker) diff(ctx context.Context, pick func(*schema.Entry) bool, drift map[schema.UUID]audit.Doubt, r *control.DiffResult) error {
	var chosen []*schema.Entry
	err := w.l.store.View(func(tx *store.Tx) error {
		chosen = w.chosen(tx, pick)
		return nil
	})
	if err != nil {
		return err
	}
	for _, entry := range chosen {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		r.Checked++
		c, err := w.compare(ctx, entry)
		if err != nil {
			return err
		}
		d := c.DiffEntry
		if doubt, differs := drift[entry.UUID]; differs {
			d.Directory = string(doubt.Kind)
			delete(drift, entry.UUID)
		}
		if d.Directory != "same" || d.Acknowledged != "same" || len(d.Server) > 0 || d.Error != "" {
			r.Entries = append(r.Entries, d)
		}
	}
	return nil
}

// comparison is what has come of comparing one entry.
type comparison struct {
	control.DiffEntry
	// failed is why the server could not be looked at.
	failed error
}

// compare compares one entry with what the handler has acknowledged and, when nothing is under way, with the server.
func (w *worker) compare(ctx context.Context, entry *schema.Entry) (comparison, error) {
	d := comparison{DiffEntry: control.DiffEntry{
		UUID: entry.UUID, DN: entry.DN, Handler: w.name, Directory: "same", Acknowledged: "same", Server: []schema.Difference{},
	}}
	var acked *schema.Entry
	err := w.l.store.View(func(tx *store.Tx) error {
		v := w.view(tx)
		was := v.h.Acked(entry.UUID)
		acked, d.Waived = was.Entry, was.Waived
		m, open := v.h.Mark(entry.UUID)
		target, _, _ := w.target(tx.Entry(entry.UUID))
		switch {
		case acked.Equal(target) && !open:
			return nil
		case acked == nil && target != nil:
			d.Acknowledged = "add"
		case target == nil:
			d.Acknowledged = "remove"
		default:
			d.Acknowledged = "change"
		}
		report := v.report(entry.UUID, was, m, open)
		d.Reason = report.State
		if report.Reason != "" {
			d.Reason += ": " + strings.TrimPrefix(report.Reason, entry.DN+": ")
		}
		return nil
	})
	if err != nil || acked == nil || d.Acknowledged != "same" {
		return d, err
	}
	found, err := w.inspect(ctx, acked)
	if err != nil {
		d.Error, d.failed = err.Error(), err
	}
	if d.Server = append(d.Server, found...); d.Waived && len(found) > 0 {
		d.Reason = "a person has rejected or dropped it"
	}
	return d, nil
}

// inspect asks the handler how the server differs from what it has acknowledged. It has as long as a call.
func (w *worker) inspect(ctx context.Context, acked *schema.Entry) (found []schema.Difference, err error) {
	inspector, ok := w.handler.(Inspector)
	if !ok {
		return nil, nil
	}
	err = bounded(ctx, w.limit(), func(ctx context.Context) error {
		found, err = inspector.Inspect(ctx, acked)
		return err
	})
	return found, err
}
