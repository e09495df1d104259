package maildir

import (
	"errors"
	"io/fs"
	"path"
	"strings"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/handlers/backend/confine"
	"github.com/mailreg/mailreg/schema"
)

// awayIndex holds the indexes of stores that were moved aside, below the directory of indexes.
const awayIndex = ".away"

// indexPlace returns where the index of a store at a place is, below the directory of indexes: domain and local part in layout
// address, whatever the homes are called, "by-id" and the entryUUID in layout uuid. "" is none.
func (w *work) indexPlace(rel string) string {
	below, inside := strings.CutPrefix(rel, w.homes.private+"/")
	switch {
	case inside && w.cfg.Layout == backend.ByUUID:
		return below
	case inside:
		if a := w.homes.address(rel); !a.IsZero() {
			return path.Join(a.Domain, a.Local)
		}
	case path.Base(rel) == homeName:
		return path.Join(awayIndex, path.Base(path.Dir(rel)))
	case path.Dir(rel) == path.Dir(asidePlace(schema.UUID{})):
		return path.Join(awayIndex, path.Base(rel))
	}
	return ""
}

// moveIndex lets the index follow a store that has moved. Indexes are caches: one that cannot follow is made anew by the
// server, so an error is told and no more. But none may be found by a store that it is not of.
func (w *work) moveIndex(from, to string) {
	if w.cfg.Index == "" {
		return
	}
	if err := w.carryIndex(w.indexPlace(from), w.indexPlace(to)); err != nil {
		w.cfg.Logger.Warn("the index does not follow its store", "err", err)
	}
}

func (w *work) carryIndex(from, to string) error {
	top, err := confine.Open(w.cfg.Index, nil)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer top.Close()
	if to != "" {
		if err := removeBelow(top, to); err != nil {
			return err
		}
	}
	if from == "" {
		return nil
	}
	if to == "" {
		return removeBelow(top, from)
	}
	source, err := top.Walk(path.Dir(from))
	if absent(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer source.Close()
	if _, found, err := source.Stat(path.Base(from)); err != nil || !found {
		return err
	}
	target, err := w.indexParent(top, to)
	if err != nil {
		return err
	}
	defer target.Close()
	return source.Move(path.Base(from), target, path.Base(to))
}

// indexParent opens the directory of an index, which belongs to the mail user, as all above it does.
func (w *work) indexParent(top *confine.Dir, to string) (*confine.Dir, error) {
	at, err := top.Walk(".")
	if err != nil {
		return nil, err
	}
	for name := range strings.SplitSeq(path.Dir(to), "/") {
		next, err := at.Make(name, 0o700, w.owner)
		at.Close()
		if err != nil {
			return nil, err
		}
		at = next
	}
	return at, nil
}

func removeBelow(top *confine.Dir, rel string) error {
	d, err := top.Walk(path.Dir(rel))
	if absent(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer d.Close()
	return d.RemoveAll(path.Base(rel))
}

// dropIndex removes the index of an item.
func (w *work) dropIndex(i item) { w.moveIndex(path.Join(i.rel(), homeName), "") }

// makeIndexes makes the directory of indexes, in which the server makes the rest.
func (w *work) makeIndexes() error {
	if w.cfg.Index == "" {
		return nil
	}
	parent, err := confine.Open(path.Dir(w.cfg.Index), nil)
	if errors.Is(err, fs.ErrNotExist) {
		if err = makeBase(path.Dir(w.cfg.Index)); err == nil {
			parent, err = confine.Open(path.Dir(w.cfg.Index), nil)
		}
	}
	if err != nil {
		return err
	}
	defer parent.Close()
	made, err := parent.Make(path.Base(w.cfg.Index), 0o700, w.owner)
	if err != nil {
		return err
	}
	made.Close()
	return nil
}
