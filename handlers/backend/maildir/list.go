package maildir

import (
	"context"
	"errors"
	"iter"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/schema"
)

// read opens the spool to look at it, without lock; found is false when there is none yet.
func (s *Spool) read(ctx context.Context) (w *work, found bool, err error) {
	if err := ctx.Err(); err != nil {
		return nil, false, err
	}
	base, err := s.openBase()
	if absent(err) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	w = &work{Spool: s, base: base}
	if w.record, err = checkLayout(base, s.homes); err == nil {
		err = w.record.converting()
	}
	if err != nil {
		w.end()
		return nil, false, err
	}
	return w, true, nil
}

// Stores yields the stores in place, sorted by path; it ends with an error when one cannot be read.
func (s *Spool) Stores(ctx context.Context) iter.Seq2[backend.Store, error] {
	return func(yield func(backend.Store, error) bool) {
		w, found, err := s.read(ctx)
		if err != nil {
			yield(backend.Store{}, err)
		}
		if !found {
			return
		}
		defer w.end()
		for h, err := range w.all() {
			if !yield(w.store(h), err) || err != nil {
				return
			}
		}
	}
}

// store describes a home in place.
func (w *work) store(h home) backend.Store {
	st := backend.Store{Path: w.shown(path.Join(w.homes.base, h.rel)), State: "unmarked", Place: h.rel}
	if h.marked {
		st.State, st.UUID, st.Address = "live", h.mark.UUID, h.mark.Address
	} else if a := w.homes.address(h.rel); !a.IsZero() {
		st.Address = a.String()
	}
	return st
}

// shown prints a path as seen from the root.
func (s *Spool) shown(p string) string {
	rel, err := filepath.Rel(s.cfg.Root, p)
	if err != nil || rel == ".." || strings.HasPrefix(rel, "../") {
		return p
	}
	return path.Join("/", rel)
}

// all yields the homes of the spool.
func (w *work) all() iter.Seq2[home, error] {
	return func(yield func(home, error) bool) {
		depth, top := 1, path.Join(w.homes.private, "by-id")
		if w.cfg.Layout == backend.ByAddress {
			depth, top = len(w.homes.parts), w.homes.private
		}
		w.below(top, depth, yield)
	}
}

// below yields the directories depth levels below a place. It returns false when the consumer has had enough.
func (w *work) below(rel string, depth int, yield func(home, error) bool) bool {
	if depth == 0 {
		h, err := w.look(rel)
		if err == nil && !h.found {
			return true // gone since it was listed
		}
		return yield(h, err) && err == nil
	}
	d, err := w.base.Walk(rel)
	if absent(err) || errors.Is(err, schema.ErrInvalid) {
		return true
	}
	if err != nil {
		return yield(home{rel: rel}, err)
	}
	names, err := d.Names()
	if err != nil {
		d.Close()
		return yield(home{rel: rel}, err)
	}
	names = slices.DeleteFunc(names, func(name string) bool {
		ok, err := d.IsDir(name)
		return strings.HasPrefix(name, ".") || err != nil || !ok
	})
	d.Close()
	for _, name := range names {
		if !w.below(path.Join(rel, name), depth-1, yield) {
			return false
		}
	}
	return true
}

// Kept returns the stores that were moved aside, oldest first, those of the trash before the quarantined ones.
func (s *Spool) Kept(ctx context.Context) ([]backend.Store, error) {
	w, found, err := s.read(ctx)
	if err != nil || !found {
		return nil, err
	}
	defer w.end()
	var kept []backend.Store
	for _, of := range []area{trash, quarantine} {
		all, err := w.items(of)
		if err != nil {
			return nil, err
		}
		for _, i := range all {
			kept = append(kept, w.kept(i))
		}
	}
	return kept, nil
}

// kept describes a store that was moved aside.
func (w *work) kept(i item) backend.Store {
	st := backend.Store{
		Address: i.info.Address, State: string(i.area), ID: i.id, Cause: i.info.Cause, Time: i.info.Time,
		Place: path.Join(i.rel(), homeName),
	}
	st.Path = w.shown(path.Join(w.homes.base, st.Place))
	if uuid, err := schema.ParseUUID(i.info.UUID); err == nil {
		st.UUID = uuid
	}
	return st
}

// Find returns the stores with an address: the one in place first, then those moved aside, newest first.
func (s *Spool) Find(ctx context.Context, a schema.Address) ([]backend.Store, error) {
	w, found, err := s.read(ctx)
	if err != nil || !found {
		return nil, err
	}
	defer w.end()
	var stores []backend.Store
	h, found, err := w.holder(a)
	if err != nil {
		return nil, err
	}
	if found {
		stores = append(stores, w.store(h))
	}
	kept, err := s.Kept(ctx)
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(kept, func(x, y backend.Store) int { return y.Time.Compare(x.Time) })
	for _, k := range kept {
		if k.Address == a.String() {
			stores = append(stores, k)
		}
	}
	return stores, nil
}

// holder finds the store in place that has an address: by its link or path, else by looking at all.
func (w *work) holder(a schema.Address) (home, bool, error) {
	rel := ""
	if w.cfg.Layout == backend.ByAddress {
		rel = w.homes.home(schema.UUID{}, a)
	} else if links, err := w.base.Walk(path.Join(w.homes.private, "by-address")); err == nil {
		uuid, err := schema.ParseUUID(path.Base(links.Target(a.String())))
		links.Close()
		if err == nil {
			rel = w.homes.home(uuid, a)
		}
	}
	if rel != "" {
		h, err := w.look(rel)
		if err != nil {
			return h, false, err
		}
		if h.found && (h.mark.address == a || w.cfg.Layout == backend.ByAddress) {
			return h, true, nil
		}
	}
	for h, err := range w.all() {
		if err != nil {
			return h, false, err
		}
		if h.marked && h.mark.address == a {
			return h, true, nil
		}
	}
	return home{}, false, nil
}
