package cyrus

import (
	"context"
	"errors"
)

// Purge removes what the trash has kept long enough. Quarantined stores stay. It returns the ids of the stores that are gone.
// Whether Cyrus itself keeps what was removed for a while is its own affair (delete_mode).
func (b *Backend) Purge(ctx context.Context) ([]string, error) {
	return b.purge(ctx, func(st store) bool {
		return inTrash(st) && !st.mark.Aside.Time.Add(b.cfg.Keep).After(b.cfg.Now())
	})
}

// Empty is Purge for all that the trash holds, whatever its age.
func (b *Backend) Empty(ctx context.Context) ([]string, error) { return b.purge(ctx, inTrash) }

func inTrash(st store) bool {
	of, _, _ := item(st.name)
	return of == trash
}

// PurgeIDs is Purge for the stores with these ids, quarantined ones too. Unless all exist, none is removed.
func (b *Backend) PurgeIDs(ctx context.Context, ids ...string) ([]string, error) {
	w, err := b.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer w.end()
	var doomed []store
	for _, id := range ids {
		st, err := w.byID(id)
		if err != nil {
			return nil, err
		}
		doomed = append(doomed, st)
	}
	return w.remove(doomed)
}

func (b *Backend) purge(ctx context.Context, chosen func(store) bool) ([]string, error) {
	w, err := b.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer w.end()
	all, err := w.items("")
	if err != nil {
		return nil, err
	}
	var doomed []store
	for _, st := range all {
		if chosen(st) {
			doomed = append(doomed, st)
		}
	}
	return w.remove(doomed)
}

// remove discards stores. One that cannot be removed keeps none of the others.
func (w *work) remove(doomed []store) (ids []string, err error) {
	var failed []error
	for _, st := range doomed {
		if err := w.discard(st.name); err != nil {
			failed = append(failed, err)
			continue
		}
		_, id, _ := item(st.name)
		ids = append(ids, id)
	}
	return ids, errors.Join(failed...)
}
