package registry

import (
	"context"
	"errors"
	"fmt"
)

// UndoOptions say what Undo takes back.
type UndoOptions struct {
	// ID is the transaction; 0 is the last one of a person that still stands and is no undo itself.
	ID int64
	// DryRun and NoReload are those of Edit.
	DryRun, NoReload bool
}

// Undo takes a transaction back by a new one on the same layer, which gives its keys their former values; mail stores are
// not touched. Called twice it goes back one step further and never forth; the undo itself is taken back by its ID. It is
// refused when one of the keys has changed since, and when the former value was that of a secret, which nobody has kept. What
// was in force once needs no check of its type; rendering and the checks of the services are those of any transaction.
func (r *Registry) Undo(ctx context.Context, opts UndoOptions) (Outcome, error) {
	return r.run(ctx, job{undo: &opts, dryRun: opts.DryRun, noReload: opts.NoReload})
}

// undo makes the edit that takes the wanted transaction back. It is called under the lock, so nothing comes in between.
func (t *transaction) undo() error {
	target, later, err := t.r.undoTarget(t.job.undo.ID)
	if err != nil {
		return err
	}
	layer, err := ParseLayer(target.Layer)
	if err != nil {
		return fmt.Errorf("transaction %d: %w", target.ID, err)
	}
	edit := Edit{Layer: layer, IgnoreCheck: true, undoes: target.ID}
	var refused []error
	for _, c := range target.Changes {
		if c.Made {
			continue // no person has chosen the value; without it another one would be made
		}
		if err := undoable(c, t.old.In(layer), later[c.Key]); err != nil {
			refused = append(refused, fmt.Errorf("transaction %d cannot be undone: %w", target.ID, err))
			continue
		}
		if c.Old == nil {
			edit.Unset = append(edit.Unset, c.Key)
		} else {
			edit.Set = append(edit.Set, Assignment{Key: c.Key, Value: *c.Old})
		}
	}
	t.job.edit, t.out.Undoes = &edit, target.ID
	return errors.Join(refused...)
}

// undoTarget finds the transaction to take back, and for each key the last transaction that has changed it since. Two that
// cancel each other out, one and its undo, count for nothing.
func (r *Registry) undoTarget(id int64) (target LogEntry, later map[string]int64, err error) {
	later = map[string]int64{}
	for e, err := range r.History() {
		switch {
		case err != nil:
			return e, nil, err // what cannot be read may be the very change that forbids it
		case e.ID == id && e.UndoneBy != 0:
			return e, nil, fmt.Errorf("transaction %d is undone already, by transaction %d", id, e.UndoneBy)
		case e.ID == id, id == 0 && e.Undoes == 0 && e.UndoneBy == 0 && !e.Internal:
			return e, later, nil
		case e.Undoes != 0 || e.UndoneBy != 0:
			continue
		}
		for _, c := range e.Changes {
			if later[c.Key] == 0 {
				later[c.Key] = e.ID
			}
		}
	}
	if id == 0 {
		return target, nil, errors.New("there is nothing to undo: the log holds no change of a person that still stands")
	}
	return target, nil, fmt.Errorf("the log holds no transaction %d", id)
}

// undoable reports why a change cannot be taken back. later is the transaction that has changed the key since, 0 for none.
func undoable(c LogChange, now map[string]string, later int64) error {
	value, set := now[c.Key]
	switch {
	case later != 0:
		return fmt.Errorf("%s was changed since by transaction %d", c.Key, later)
	case set != (c.New != nil), set && !c.Masked && value != *c.New:
		return fmt.Errorf("%s was changed since in the layer file itself", c.Key)
	case c.Masked && c.Old != nil:
		return fmt.Errorf("%s is a secret, whose former value is not kept; set it anew", c.Key)
	}
	return nil
}
