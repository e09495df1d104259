package cyrus

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/schema"
)

// bornBefore is how much older than the change that claims its address an unmarked store may be: the clocks of provider and
// host differ.
const bornBefore = 5 * time.Minute

// Ensure gives the owner a store under the owner's address: the one that the owner has, one that comes back from the
// trash or the quarantine, an unmarked one that may be adopted, or an empty one. A store that the owner has under another
// address comes along when follow is set, else it is left behind. Idempotent.
func (b *Backend) Ensure(ctx context.Context, o backend.Owner, follow bool) error {
	if err := checkAddress(o.Address); err != nil {
		return err
	}
	w, err := b.begin(ctx)
	if err != nil {
		return err
	}
	defer w.end()
	return failed(o.UUID, w.ensure(o, follow))
}

// Keep is Ensure, with rename=no, for an owner whose address has not changed. Idempotent.
func (b *Backend) Keep(ctx context.Context, o backend.Owner) error { return b.Ensure(ctx, o, false) }

// Address returns the address that the owner's store is marked with; found is false when the owner has none in place.
func (b *Backend) Address(ctx context.Context, uuid schema.UUID, _ ...schema.Address) (a schema.Address, found bool, err error) {
	w, err := b.begin(ctx)
	if err != nil {
		return schema.Address{}, false, err
	}
	defer w.end()
	st, found, err := w.locate(uuid)
	return st.mark.address, found, failed(uuid, err)
}

// ensure goes by the marks alone, so that it does not matter what an earlier call got done:
//
//	the owner's store is      follow    then
//	under the address         any       its mark is brought in line
//	under another address     yes       it moves
//	under another address     no        it is left behind, and the owner has none
//	nowhere                   any       one comes back, is adopted, or is made
func (w *work) ensure(o backend.Owner, follow bool) error {
	if err := w.firstStore(); err != nil {
		return err
	}
	want := inbox(o.Address)
	has, found, err := w.locate(o.UUID)
	if err != nil {
		return err
	}
	if found && !follow && has.mark.address != o.Address {
		if err := w.leave(has); err != nil {
			return err
		}
		found = false
	}
	switch {
	case !found:
		return w.provide(want, o)
	case has.name != want:
		return w.bring(has, want, o)
	default:
		return w.arrive(has, o)
	}
}

// provide fills the place of an owner who has no store.
func (w *work) provide(want string, o backend.Owner) error {
	theirs, err := w.vacate(want, o)
	if err != nil {
		return err
	}
	back, kept, err := w.returning(o)
	if err != nil {
		return err
	}
	if kept && theirs { // mail was delivered to a new store before the old one came back
		there, err := w.look(want)
		if err != nil {
			return err
		}
		if err := w.makeWay(there, o); err != nil {
			return err
		}
	}
	switch {
	case kept:
		return w.takeBack(back, want, o)
	case !theirs:
		return w.create(want, o)
	}
	if err := w.furnish(want, false); err != nil {
		return err
	}
	return w.label(store{name: want, found: true}, o)
}

// vacate makes a place free, or finds that the store there is the owner's to have.
func (w *work) vacate(want string, o backend.Owner) (theirs bool, err error) {
	st, err := w.look(want)
	if err != nil || !st.found || st.belongs(o.UUID) {
		return st.found, err
	}
	// The place is somebody else's, or nobody knows whose: so it is with one that was about to be put aside for that.
	known := st.marked && !st.mark.UUID.IsZero()
	if known && w.cfg.Reuse == backend.AdoptForeign {
		w.cfg.Logger.Warn("store of another owner handed over", "uuid", o.UUID, "from", st.mark.UUID)
		delete(w.host.owners, st.mark.UUID)
		return true, nil
	}
	cause := backend.Foreign
	if !known {
		adopt, err := w.adoptable(want, o)
		if err != nil || adopt {
			return adopt, err
		}
		cause = backend.Unmarked
	}
	_, err = w.put(quarantine, st, cause)
	return false, err
}

// adoptable says whether an unmarked store is the owner's: when the owner has held the address since before the host was set
// up, or when the store was made after the owner got the address.
func (w *work) adoptable(mailbox string, o backend.Owner) (bool, error) {
	return w.since(*w.host.record, mailbox, o)
}

func (w *work) since(first record, mailbox string, o backend.Owner) (bool, error) {
	if o.Changed.IsZero() {
		return false, nil
	}
	if !o.Changed.After(first.Time) {
		return true, nil
	}
	// Mail that was there before the owner had the address was meant for another.
	at, err := w.born(mailbox)
	return !at.Before(o.Changed.Add(-bornBefore)), err
}

// bring moves the owner's store to its new place. What was delivered there before is the owner's too.
func (w *work) bring(has store, want string, o backend.Owner) error {
	there, err := w.look(want)
	if err != nil {
		return err
	}
	switch {
	case there.early(o.UUID):
		_, err = w.put(quarantine, there, backend.Early)
	case there.belongs(o.UUID): // left there by an earlier rename=no
		_, err = w.put(quarantine, there, backend.Renamed)
	case there.found:
		err = w.makeWay(there, o)
	}
	if err != nil {
		return err
	}
	moved, err := w.move(has, want)
	if err != nil {
		return err
	}
	return w.arrive(moved, o)
}

// makeWay takes what lies at a new place out of the way. When that is the owner's, its mark says so, and that it is not the
// owner's store.
func (w *work) makeWay(there store, o backend.Owner) error {
	theirs, err := w.vacate(there.name, o)
	if err != nil || !theirs {
		return err
	}
	there.marked, there.mark = true, newMark(o, w.cfg.Now())
	there.mark.Left = true
	_, err = w.put(quarantine, there, backend.Early)
	return err
}

// arrive ends the way of a store that has come to its place: what was delivered there before is merged into it. Its mark
// says until then where it came from, so that whoever finds it goes on here.
func (w *work) arrive(st store, o backend.Owner) error {
	if st.mark.Moving == "" && st.mark.Aside == nil {
		return w.label(st, o)
	}
	all, err := w.items("-" + o.UUID.String()[:8] + "%")
	if err != nil {
		return err
	}
	for _, kept := range all {
		if kept.name != st.name && kept.early(o.UUID) {
			if err := w.merge(kept, st.name); err != nil {
				return err
			}
		}
	}
	return w.label(st, o)
}

// move renames a store with all that belongs to it. The mark says from where until the folders have followed.
func (w *work) move(st store, to string) (store, error) {
	if err := w.follow(st); err != nil {
		return st, err
	}
	if st.mark.Moving != st.name {
		st.mark.Version, st.mark.Moving = 1, st.name
		if err := w.setMark(st.name, st.mark); err != nil {
			return st, err
		}
	}
	left, err := w.renameAll(st.name, to)
	if err != nil {
		return st, err
	}
	w.remember(st, to)
	st.name = to
	err = w.fetch(st, left)
	st.followed = err == nil
	return st, err
}

func (w *work) rename(from, to string) error {
	return w.change("moving", from, func(s *session) error { return s.Rename(from, to, nil).Wait() })
}

// renameAll is rename for an inbox; with the same round trip it returns the folders that have stayed behind.
func (w *work) renameAll(from, to string) (left []string, err error) {
	err = w.change("moving", from, func(s *session) error {
		moving, listing := s.Rename(from, to, nil), s.List("", folder(from, "*"), nil)
		if err := moving.Wait(); err != nil {
			_, _ = listing.Collect()
			return err
		}
		left, err = selectable(listing)
		return err
	})
	return left, err
}

// remember notes where an owner's store is from now on.
func (w *work) remember(st store, place string) {
	uuid := st.mark.UUID
	_, _, kept := item(place)
	switch {
	case uuid.IsZero() || w.host.owners == nil:
	case !kept && !st.mark.Left:
		w.host.owners[uuid] = place
	case w.host.owners[uuid] == st.name:
		delete(w.host.owners, uuid)
	}
}

// follow renames the folders that stayed behind when Cyrus was stopped in the middle of a move. Where there is an inbox by
// now, they are that one's.
func (w *work) follow(st store) error {
	from := st.mark.Moving
	if from == "" || from == st.name || st.followed {
		return nil
	}
	folders, err := w.list(folder(from, "*"))
	if err != nil {
		return err
	}
	return w.fetch(st, folders)
}

// fetch is follow for folders that are known.
func (w *work) fetch(st store, folders []string) error {
	if len(folders) == 0 {
		return nil
	}
	from := st.mark.Moving
	there, err := w.look(from)
	if err != nil || there.found {
		return err
	}
	for _, name := range folders {
		rest, _ := folderName(from, name)
		err := w.rename(name, folder(st.name, rest))
		if err != nil && !absent(err) && !exists(err) && !(inner(rest) && answered(err) != nil) {
			return err
		}
	}
	return nil
}

// create makes a new store. Its mark goes to Cyrus with the same breath, and says that it is not furnished yet.
func (w *work) create(want string, o backend.Owner) error {
	m := newMark(o, w.cfg.Now())
	m.Making = true
	data := m.bytes()
	err := w.change("making", want, func(s *session) error {
		made := s.Create(want, nil)
		marked := s.SetMetadata(want, map[string]*[]byte{comment: &data})
		return errors.Join(made.Wait(), marked.Wait())
	})
	if err != nil {
		return err
	}
	return w.label(store{name: want, found: true, marked: true, mark: m}, o)
}

// label brings the mark in line with the owner, once all is there.
func (w *work) label(st store, o backend.Owner) error {
	if err := w.follow(st); err != nil {
		return err
	}
	if st.mark.Making {
		if err := w.furnish(st.name, true); err != nil {
			return err
		}
		if err := w.filter(st.name); err != nil {
			return err
		}
	}
	w.host.owners[o.UUID] = st.name
	if st.belongs(o.UUID) && st.mark.settled(o.Address) {
		return nil
	}
	return w.setMark(st.name, newMark(o, w.cfg.Now()))
}

// furnish makes the folders of a store, and subscribes its owner to those that were not there; in a new store to all of them,
// for an earlier call may have made some.
func (w *work) furnish(name string, fresh bool) error {
	var made []string
	for _, f := range w.cfg.Folders {
		err := w.change("making", folder(name, f), func(s *session) error { return s.Create(folder(name, f), nil).Wait() })
		if err != nil && !exists(err) {
			return err
		}
		if err == nil || fresh {
			made = append(made, f)
		}
	}
	if len(made) == 0 {
		return nil
	}
	return w.as(name, func(s *session) error {
		prefix, err := personal(s)
		if err != nil {
			return err
		}
		for _, f := range made {
			if err := s.Subscribe(prefix + f).Wait(); err != nil {
				return err
			}
		}
		return nil
	})
}

// as acts in the name of whom an inbox belongs to.
func (w *work) as(name string, act func(s *session) error) error {
	s, err := dial(w.ctx, w.cfg, user(name))
	if err != nil {
		return err
	}
	defer s.Close()
	err = s.bounded(w.ctx, func() error { return act(s) })
	if err != nil && answered(err) == nil {
		return down(w.ctx, err)
	}
	return err
}

// personal returns what comes before the names of the user's own folders: "INBOX/", or nothing with altnamespace.
func personal(s *session) (string, error) {
	data, err := s.Namespace().Wait()
	if err != nil || len(data.Personal) == 0 {
		return "", err
	}
	return strings.TrimPrefix(data.Personal[0].Prefix, "/"), nil
}
