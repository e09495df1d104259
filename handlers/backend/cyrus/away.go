package cyrus

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/schema"
)

// Trash moves the owner's store into the trash, where it is kept as long as the configuration says. Idempotent.
func (b *Backend) Trash(ctx context.Context, a backend.Away) error {
	return b.away(ctx, a, func(w *work, st store) error {
		if st.mark.address == a.Unless {
			return nil
		}
		kept, err := w.put(trash, st, a.Cause)
		if err != nil || w.cfg.Keep > 0 {
			return err
		}
		return w.discard(kept.name)
	})
}

// Quarantine moves the owner's store out of everybody's reach until a person decides; one that lies under its own address
// stays there, as on the peer. Idempotent.
func (b *Backend) Quarantine(ctx context.Context, a backend.Away) error {
	return b.away(ctx, a, func(w *work, st store) error {
		if st.mark.address == a.Unless {
			return nil
		}
		return w.leave(st)
	})
}

// SetAside frees the place of the owner's store, to break a cycle of renames, unless it is that of a.Unless; Ensure, Trash,
// Quarantine and Leave find the store again. Idempotent.
func (b *Backend) SetAside(ctx context.Context, a backend.Away) error {
	return b.away(ctx, a, func(w *work, st store) error {
		aside := asidePlace(a.UUID)
		if st.name == aside || !a.Unless.IsZero() && st.name == inbox(a.Unless) {
			return nil
		}
		_, err := w.move(st, aside)
		return err
	})
}

// Leave lets the owner's store lie where it is. One that was set aside is quarantined: somebody else may have its place.
func (b *Backend) Leave(ctx context.Context, a backend.Away) error {
	return b.away(ctx, a, func(w *work, st store) error {
		if st.name != asidePlace(a.UUID) {
			return nil
		}
		_, err := w.put(quarantine, st, a.Cause)
		return err
	})
}

// Inherit gives the store of a former id to its present one. Its address stays. Idempotent.
func (b *Backend) Inherit(ctx context.Context, former, owner schema.UUID, _ schema.Address) error {
	return b.away(ctx, backend.Away{UUID: former}, func(w *work, st store) error {
		delete(w.host.owners, former)
		w.cfg.Logger.Info("store given to a new id", "uuid", owner, "from", former)
		return w.label(st, backend.Owner{UUID: owner, Address: st.mark.address})
	})
}

// away looks for the owner's store and has act do something with it.
func (b *Backend) away(ctx context.Context, a backend.Away, act func(*work, store) error) error {
	w, err := b.begin(ctx)
	if err != nil {
		return err
	}
	defer w.end()
	st, found, err := w.locate(a.UUID)
	if err == nil && found {
		err = act(w, st)
	}
	return failed(a.UUID, err)
}

// leave is for a store that rename=no leaves behind: under its own address it stays, and its mark says that it is not the
// one that its owner has; one that was set aside is put out of reach.
func (w *work) leave(st store) error {
	if st.name == asidePlace(st.mark.UUID) {
		_, err := w.put(quarantine, st, backend.Renamed)
		return err
	}
	st.mark.Left = true
	if err := w.setMark(st.name, st.mark); err != nil {
		return err
	}
	delete(w.host.owners, st.mark.UUID)
	return nil
}

// put moves a store into an area. Why is in its mark first, so that no store lies there without.
func (w *work) put(to area, st store, why backend.Cause) (store, error) {
	if err := w.know(); err != nil {
		return st, err
	}
	now := w.cfg.Now().UTC().Truncate(time.Second)
	id, err := w.freeID(to, newID(now, st.mark.UUID, st.name), st.name)
	if err != nil {
		return st, err
	}
	if err := w.follow(st); err != nil {
		return st, err
	}
	if !st.marked {
		st.mark = mark{Version: 1, Time: now}
		if a := addressOf(st.name); !a.IsZero() {
			st.mark.Address, st.mark.address = a.String(), a
		}
	}
	st.marked = true
	st.mark.Aside, st.mark.Moving = &info{Cause: why, Time: now, From: st.name}, st.name
	if err := w.setMark(st.name, st.mark); err != nil {
		return st, err
	}
	kept, err := w.move(st, to.place(id, st.name))
	if err != nil {
		return st, err
	}
	w.report(to, id, kept.mark)
	return kept, nil
}

func (w *work) report(to area, id string, m mark) {
	if to == trash {
		w.cfg.Logger.Info("store moved to the trash", "uuid", m.UUID, "id", id)
		return
	}
	w.cfg.Logger.Warn("store quarantined", "uuid", m.UUID, "id", id, "cause", m.Aside.Cause)
}

// freeID returns an id that no item of an area has: a second one within a second gets "-2" behind it.
func (w *work) freeID(of area, stem, from string) (string, error) {
	taken, err := w.list(of.place(stem+"%", from))
	if err != nil {
		return "", err
	}
	for n, id := 2, stem; ; n++ {
		if !slices.Contains(taken, of.place(id, from)) {
			return id, nil
		}
		id = fmt.Sprintf("%s-%d", stem, n)
	}
}

// items returns what was moved aside, oldest first; tail is how the ids end, or a pattern of it.
func (w *work) items(tail string) (all []store, err error) {
	names, err := w.list("user/.%" + tail + "@" + hidden)
	if err != nil {
		return nil, err
	}
	names = slices.DeleteFunc(names, func(name string) bool {
		_, _, ok := item(name)
		return !ok
	})
	if all, err = w.lookAt(names); err != nil {
		return nil, err
	}
	folders, err := w.folderItems(tail)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(append(all, folders...), func(st store) bool { return !st.marked || st.mark.Aside == nil })
	slices.SortStableFunc(all, func(a, b store) int { return a.mark.Aside.Time.Compare(b.mark.Aside.Time) })
	return all, nil
}

// returning finds the newest store that comes back to an owner who has none: any that left because the owner was gone or
// somebody else got the address, and one left behind by rename=no when the owner takes its address again. One that holds only
// early mail comes when there is no other; else it is merged into that.
func (w *work) returning(o backend.Owner) (best store, found bool, err error) {
	all, err := w.items("-" + o.UUID.String()[:8] + "%")
	if err != nil {
		return store{}, false, err
	}
	for _, st := range all {
		cause := st.mark.Aside.Cause
		back := cause != backend.Moved && (cause != backend.Renamed || st.mark.address == o.Address)
		if st.belongs(o.UUID) && back && !(found && st.early(o.UUID)) {
			best, found = st, true
		}
	}
	return best, found, nil
}

// takeBack moves a store from its area to the owner's place.
func (w *work) takeBack(kept store, want string, o backend.Owner) error {
	_, id, _ := item(kept.name)
	if err := w.follow(kept); err != nil {
		return err
	}
	kept.mark.Moving, kept.mark.Left = "", false
	kept.mark.UUID, kept.mark.Lifted = o.UUID, 0
	moved, err := w.move(kept, want)
	if err != nil {
		return err
	}
	w.cfg.Logger.Info("store brought back", "uuid", o.UUID, "id", id)
	return w.arrive(moved, o)
}

// discard removes a store that was moved aside.
func (w *work) discard(name string) error {
	if err := w.grant(name, allRights()); err != nil && !absent(err) {
		return err
	}
	err := w.change("removing", name, func(s *session) error { return s.Delete(name).Wait() })
	if absent(err) {
		return nil
	}
	return err
}
