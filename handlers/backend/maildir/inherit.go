package maildir

import (
	"context"
	"path"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/handlers/backend/maildir/merge"
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
	if found && w.cfg.Layout == backend.ByUUID {
		if err := w.clearWay(want); err != nil {
			return err
		}
		if err := w.move(has.rel, want); err != nil {
			return err
		}
		has.rel = want
	}
	if !found {
		// Moved, but not marked.
		if has, err = w.look(want); err != nil {
			return err
		}
		found = has.belongs(former)
	}
	if found {
		if err := w.label(has.rel, backend.Owner{UUID: owner, Address: has.mark.address}); err != nil {
			return err
		}
		w.cfg.Logger.Info("store given to a new id", "uuid", owner, "from", former)
	}
	if err := w.hide(former, hint); err != nil {
		return err
	}
	return w.mergeEarly(owner, want)
}

// clearWay puts what was delivered to a place aside, to be merged. A second one, after a crash, is quarantined.
func (w *work) clearWay(want string) error {
	there, err := w.look(want)
	if err != nil || !there.found {
		return err
	}
	early := w.earlyPlace(want)
	before, err := w.look(early)
	if err != nil {
		return err
	}
	if before.found {
		_, err := w.put(quarantine, there, backend.Unmarked)
		return err
	}
	return w.move(want, early)
}

// earlyPlace is where a store waits to be merged into the one that comes to its place.
func (w *work) earlyPlace(want string) string {
	return path.Join(quarantine.dir(), ".aside", path.Base(want))
}

// mergeEarly merges what clearWay has put aside.
func (w *work) mergeEarly(owner schema.UUID, want string) error {
	early := w.earlyPlace(want)
	if w.cfg.Layout != backend.ByUUID {
		return nil
	}
	there, err := w.look(early)
	if err != nil || !there.found {
		return err
	}
	source, err := w.base.Walk(early)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := w.base.Walk(want)
	if err != nil {
		return err
	}
	defer target.Close()
	left, err := merge.Homes(source, target, w.owner, false)
	if err != nil {
		return err
	}
	w.cfg.Logger.Info("store merged", "uuid", owner, "left", left)
	if left > 0 {
		_, err := w.put(quarantine, there, backend.Unmarked)
		return err
	}
	parent, name, err := w.parent(early)
	if err != nil {
		return err
	}
	defer parent.Close()
	return parent.RemoveAll(name)
}
