package maildir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/mailreg/mailreg/handlers/backend/confine"
)

// deadPrefix begins the names of what is being removed. Nothing of such a name ever comes back.
const deadPrefix = ".dead-"

// discard removes an item and what is left of its store.
func (w *work) discard(i item) error {
	area, err := w.base.Sub(i.area.dir())
	if err != nil {
		return err
	}
	defer area.Close()
	dead, err := doom(area, i.id)
	if err != nil {
		return err
	}
	w.dropIndex(i)
	return area.RemoveAll(dead)
}

// doom gives an item a name of the dead, so that one half removed never comes back, and returns that name.
func doom(area *confine.Dir, id string) (string, error) {
	for n := 1; ; n++ {
		dead := fmt.Sprintf("%s%s.%d", deadPrefix, id, n)
		if err := area.Move(id, area, dead); !errors.Is(err, fs.ErrExist) {
			return dead, err
		}
	}
}

// Purge removes what the trash has kept long enough, and leftovers of interrupted work. Quarantined stores stay. It
// returns the ids of the stores that are gone; the space of one whose removal fails is tried again by the next Purge.
func (s *Spool) Purge(ctx context.Context) ([]string, error) {
	return s.purge(ctx, func(w *work) ([]item, error) {
		all, err := w.items(trash)
		return slices.DeleteFunc(all, func(i item) bool { return i.info.Time.Add(s.cfg.Keep).After(s.cfg.Now()) }), err
	})
}

// Empty is Purge for all that the trash holds, whatever its age.
func (s *Spool) Empty(ctx context.Context) ([]string, error) {
	return s.purge(ctx, func(w *work) ([]item, error) { return w.items(trash) })
}

// PurgeIDs is Purge for the stores with these ids, quarantined ones too. Unless all exist, none is removed.
func (s *Spool) PurgeIDs(ctx context.Context, ids ...string) ([]string, error) {
	return s.purge(ctx, func(w *work) (doomed []item, err error) {
		for _, id := range ids {
			i, err := w.byID(id)
			if err != nil {
				return nil, err
			}
			doomed = append(doomed, i)
		}
		return doomed, nil
	})
}

// purge dooms what is chosen, and removes it without the lock, since that takes long. One store that cannot be removed
// keeps none of the others.
func (s *Spool) purge(ctx context.Context, choose func(*work) ([]item, error)) (removed []string, err error) {
	w, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer w.end()
	doomed, err := choose(w)
	if err != nil {
		return nil, err
	}
	var failed []error
	for _, of := range []area{trash, quarantine} {
		ids, err := w.bury(of, doomed)
		removed, failed = append(removed, ids...), append(failed, err)
	}
	w.unlock()
	for _, of := range []area{trash, quarantine} {
		failed = append(failed, w.clear(ctx, of))
	}
	return removed, errors.Join(failed...)
}

// bury dooms the items of an area that are to go, and those without store, which interrupted work has left.
func (w *work) bury(of area, items []item) (ids []string, err error) {
	d, err := w.base.Sub(of.dir())
	if absent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer d.Close()
	names, err := d.Names()
	if err != nil {
		return nil, err
	}
	var failed []error
	for _, name := range names {
		chosen := slices.ContainsFunc(items, func(i item) bool { return i.area == of && i.id == name })
		if !chosen && !leftover(d, name) {
			continue
		}
		_, err := doom(d, name)
		if err == nil {
			w.dropIndex(item{area: of, id: name})
		}
		if err == nil && chosen {
			ids = append(ids, name)
		}
		failed = append(failed, err)
	}
	return ids, errors.Join(failed...)
}

func leftover(area *confine.Dir, name string) bool {
	if strings.HasPrefix(name, ".") {
		return strings.HasPrefix(name, newPrefix) && area.Abandoned(name)
	}
	_, found, err := readInfo(area, name)
	return err == nil && !found
}

// clear removes what is dead; the end of the context leaves the rest to the next Purge.
func (w *work) clear(ctx context.Context, of area) error {
	d, err := w.base.Sub(of.dir())
	if absent(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer d.Close()
	names, err := d.Names()
	if err != nil {
		return err
	}
	var failed []error
	for _, name := range names {
		if strings.HasPrefix(name, deadPrefix) && ctx.Err() == nil {
			failed = append(failed, d.RemoveAll(name))
		}
	}
	return errors.Join(failed...)
}
