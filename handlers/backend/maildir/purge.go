package maildir

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
)

// discard removes an item and what is left of its store. The store gets another name first, so that one half removed
// never comes back.
func (w *work) discard(i item) error {
	d, err := w.base.Walk(i.rel())
	if err != nil {
		return err
	}
	defer d.Close()
	if _, found, err := d.Stat(homeName); err != nil {
		return err
	} else if found {
		if err := d.Rename(homeName, "dead"); err != nil {
			return err
		}
	}
	area, err := w.base.Sub(i.area.dir())
	if err != nil {
		return err
	}
	defer area.Close()
	return area.RemoveAll(i.id)
}

// Purge removes what the trash has kept long enough, and leftovers of interrupted work. Quarantined stores stay. It
// returns the ids of the stores removed.
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
	for _, i := range doomed {
		if err := w.discard(i); err != nil {
			return removed, fmt.Errorf("removing %s: %w", i.id, err)
		}
		removed = append(removed, i.id)
	}
	return removed, cmp.Or(w.sweep(trash), w.sweep(quarantine))
}

// sweep removes stores half made and items half removed.
func (w *work) sweep(of area) error {
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
	for _, name := range names {
		leftover := strings.HasPrefix(name, ".new-")
		if !strings.HasPrefix(name, ".") {
			_, found, err := readInfo(d, name)
			leftover = err == nil && !found
		}
		if !leftover {
			continue
		}
		if err := d.RemoveAll(name); err != nil {
			return err
		}
	}
	return nil
}
