package cyrus

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"strings"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/schema"
)

// Stores yields the stores in place, sorted by name; it ends with an error when one cannot be read.
func (b *Backend) Stores(ctx context.Context) iter.Seq2[backend.Store, error] {
	return func(yield func(backend.Store, error) bool) {
		all, err := b.inPlace(ctx)
		if err != nil {
			yield(backend.Store{}, err)
		}
		for _, st := range all {
			if !yield(shown(st), st.wrong) || st.wrong != nil {
				return
			}
		}
	}
}

func (b *Backend) inPlace(ctx context.Context) ([]store, error) {
	w, err := b.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer w.end()
	names, err := w.list(inboxes)
	if err != nil {
		return nil, err
	}
	return w.lookAt(slices.DeleteFunc(names, func(name string) bool { return strings.HasSuffix(name, "@"+hidden) }))
}

// shown describes a store.
func shown(st store) backend.Store {
	s := backend.Store{Path: st.name, Place: st.name, State: "unmarked", Address: user(st.name), UUID: st.mark.UUID}
	if st.marked && !st.mark.UUID.IsZero() {
		s.State, s.Address = "live", cmp.Or(st.mark.Address, user(st.name))
	}
	if of, id, kept := item(st.name); kept && st.mark.Aside != nil {
		s.State, s.ID, s.Cause, s.Time, s.Address = string(of), id, st.mark.Aside.Cause, st.mark.Aside.Time, st.mark.Address
	}
	return s
}

// Kept returns the stores that were moved aside, oldest first, those of the trash before the quarantined ones.
func (b *Backend) Kept(ctx context.Context) ([]backend.Store, error) {
	w, err := b.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer w.end()
	all, err := w.items("")
	if err != nil {
		return nil, err
	}
	var kept []backend.Store
	for _, st := range all {
		kept = append(kept, shown(st))
	}
	slices.SortStableFunc(kept, func(a, b backend.Store) int { return cmp.Compare(a.State, b.State) })
	return kept, nil
}

// Find returns the stores with an address: the one in place first, then those moved aside, newest first.
func (b *Backend) Find(ctx context.Context, a schema.Address) ([]backend.Store, error) {
	w, err := b.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer w.end()
	var stores []backend.Store
	st, err := w.look(inbox(a))
	if err != nil {
		return nil, err
	}
	if st.found {
		stores = append(stores, shown(st))
	}
	kept, err := w.items("")
	if err != nil {
		return nil, err
	}
	for _, st := range slices.Backward(kept) {
		if st.mark.address == a {
			stores = append(stores, shown(st))
		}
	}
	return stores, nil
}

// Inspect tells how the owner's store differs from what Ensure would leave: no store, another address, another owner.
func (b *Backend) Inspect(ctx context.Context, o backend.Owner) ([]schema.Difference, error) {
	w, err := b.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer w.end()
	has, found, err := w.locate(o.UUID)
	switch {
	case err != nil:
		return nil, failed(o.UUID, err)
	case found && (has.mark.address != o.Address || has.name != inbox(o.Address)):
		return []schema.Difference{{What: "store", Want: o.Address.String(), Have: has.mark.address.String()}}, nil
	case found:
		return nil, nil
	}
	d := schema.Difference{What: "store", Want: o.Address.String()}
	there, err := w.look(inbox(o.Address))
	switch {
	case err != nil:
		return nil, failed(o.UUID, err)
	case there.marked:
		d.What, d.Want, d.Have = "owner", o.UUID.String(), there.mark.UUID.String()
	case there.found:
		d.Have = "unmarked"
	}
	return []schema.Difference{d}, nil
}
