package maildir

import (
	"context"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/schema"
)

// Inherit gives the store of a former id to its present one. In layout uuid it moves to the place of that id, and what was
// delivered there meanwhile is merged into it; what cannot be is quarantined. The address stays. The hint is where the store
// lies in layout address. Idempotent.
func (s *Spool) Inherit(ctx context.Context, former, owner schema.UUID, hint schema.Address) error {
	w, err := s.beginChange(ctx)
	if err != nil {
		return err
	}
	defer w.end()
	return failed(owner, w.inherit(former, owner, hint))
}

// inherit goes by the marks on the disk: each step finds what the last one has left when a crash came between.
func (w *work) inherit(former, owner schema.UUID, hint schema.Address) error {
	want := w.homes.home(owner, hint)
	has, found, err := w.locate(former, hint)
	if err != nil {
		return err
	}
	if !found {
		// Moved, but not marked.
		if has, err = w.look(want); err != nil {
			return err
		}
		found = has.belongs(former)
	}
	if found {
		if err := w.handOver(has, want, backend.Owner{UUID: owner, Address: has.mark.address}); err != nil {
			return err
		}
		w.cfg.Logger.Info("store given to a new id", "uuid", owner, "from", former)
	}
	if err := w.hide(former, hint); err != nil {
		return err
	}
	return w.mergeSweptOf(owner.String())
}

// handOver makes a store that of another id. In layout address it stays where it is.
func (w *work) handOver(has home, want string, o backend.Owner) error {
	if w.cfg.Layout == backend.ByAddress || has.rel == want {
		return w.label(has.rel, o)
	}
	if err := w.vacating(o.UUID, has.rel); err != nil {
		return err
	}
	return w.occupy(want, o, func(bool) error {
		if err := w.relocate(has.rel, want); err != nil {
			return err
		}
		return w.label(want, o)
	}, true)
}
