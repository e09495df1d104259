package listener

import (
	"context"

	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/listener/store"
	"github.com/mailreg/mailreg/schema"
)

// survey adds to a comparison what is on the handler's target and belongs to no entry.
func (w *worker) survey(ctx context.Context, r *control.DiffResult) error {
	surveyor, ok := w.handler.(Surveyor)
	if !ok {
		return nil
	}
	known := map[schema.UUID]bool{}
	err := w.l.store.View(func(tx *store.Tx) error {
		clear(known)
		for entry := range tx.Entries(schema.UUID{}) {
			known[entry.UUID] = true
		}
		for uuid := range tx.Outsiders() {
			known[uuid] = true
		}
		h := tx.Handler(w.name)
		for uuid := range h.AckedIDs() {
			known[uuid] = true
		}
		for m := range h.Marks() {
			known[m.UUID] = true
		}
		return nil
	})
	if err != nil {
		return err
	}
	var strays []schema.Stray
	err = bounded(ctx, w.limit(), func(ctx context.Context) error {
		strays, err = surveyor.Survey(ctx, func(uuid schema.UUID) bool { return known[uuid] })
		return err
	})
	if err != nil {
		r.Entries = append(r.Entries, control.DiffEntry{
			Handler: w.name, Directory: "same", Acknowledged: "same", Server: []schema.Difference{}, Error: err.Error(),
		})
		return nil
	}
	for _, s := range strays {
		r.Entries = append(r.Entries, control.DiffEntry{
			UUID: s.UUID, Handler: w.name, Directory: "none", Acknowledged: "none", Server: []schema.Difference{s.Difference},
		})
	}
	return nil
}

// repair has handlers apply again what a comparison has found to differ on the mail server, past the brake like any change, but
// for what a person has kept from happening. What belongs to no entry goes as after a call that was never answered.
func (l *Listener) repair(r *control.DiffResult) error {
	return l.update(func(e *edit) error {
		r.Repairing, r.From = 0, e.tx.State().Seq
		for _, d := range r.Entries {
			if len(d.Server) == 0 || d.Waived || d.UUID.IsZero() {
				continue
			}
			w, err := l.worker(d.Handler)
			if err != nil {
				return err
			}
			if _, open := e.tx.Handler(w.name).Mark(d.UUID); open {
				continue // at work by now
			}
			m := e.mark(w, d.UUID, e.tx.State().Generation, nil)
			m.Resync, m.Doubt = true, d.Acknowledged == "none"
			e.put(w, m)
			r.Repairing++
		}
		r.To = e.tx.State().Seq
		return nil
	})
}
