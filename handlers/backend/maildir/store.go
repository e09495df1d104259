package maildir

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"time"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/handlers/backend/confine"
	"github.com/mailreg/mailreg/schema"
)

// bornBefore is how much older than the change that claims its address an unmarked store of layout address may be: the
// clocks of provider and host differ.
const bornBefore = 5 * time.Minute

// Ensure gives the owner a store under the owner's address: the one that the owner has, one that comes back from the
// trash or the quarantine, an unmarked one that may be adopted, or an empty one. A store that the owner has under another
// address comes along when follow is set, else it is put out of reach. Idempotent.
func (s *Spool) Ensure(ctx context.Context, o backend.Owner, follow bool) error {
	w, err := s.beginChange(ctx)
	if err != nil {
		return err
	}
	defer w.end()
	return failed(o.UUID, w.making(ctx, func() error { return w.ensure(o, follow) }))
}

// Keep is Ensure, with rename=no, for an owner whose address has not changed. In layout uuid a store under another address
// may be there all the same: a person has taken the change of address as done without effect. Then it stays as it is, and
// is the right one when the change is taken back. But one that the owner had left under this address, in a change that was
// not acknowledged, comes back. Idempotent.
func (s *Spool) Keep(ctx context.Context, o backend.Owner) error {
	w, err := s.beginChange(ctx)
	if err != nil {
		return err
	}
	defer w.end()
	return failed(o.UUID, w.making(ctx, func() error {
		rejected, err := w.rejected(o)
		if err == nil && !rejected {
			err = w.ensure(o, false)
		}
		return err
	}))
}

func (w *work) rejected(o backend.Owner) (bool, error) {
	if w.cfg.Layout == backend.ByAddress {
		return false, nil
	}
	has, found, err := w.locate(o.UUID)
	if err != nil || !found || has.mark.address == o.Address {
		return false, err
	}
	_, kept, err := w.returning(o)
	return !kept, err
}

// ensure goes by the marks on the disk alone, so that it does not matter what an earlier call got done:
//
//	the owner's store is      follow    then
//	under the address         any       links and mark are brought in line
//	under another address     yes       it moves, or in layout uuid is only labelled anew
//	under another address     no        it is put out of reach, and the owner has none
//	nowhere                   any       one comes back, is adopted, or is made
func (w *work) ensure(o backend.Owner, follow bool) error {
	if err := w.firstStore(); err != nil {
		return err
	}
	if err := w.makeIndexes(); err != nil {
		return err
	}
	want := w.homes.home(o.UUID, o.Address)
	has, found, err := w.locate(o.UUID, o.Address)
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
		err = w.provide(want, o)
	case has.rel != want:
		err = w.bring(has, want, o)
	default:
		err = w.label(want, o)
	}
	if err != nil {
		return err
	}
	return w.mergeSweptOf(o.UUID.String())
}

// firstStore records the layout.
func (w *work) firstStore() error {
	if w.record.Version != 0 {
		return nil
	}
	private, _, err := w.makeParent(path.Join(w.homes.private, recordName))
	if err != nil {
		return err
	}
	defer private.Close()
	w.record = record{Version: 1, Layout: w.cfg.Layout, Time: w.cfg.Now().UTC()}
	return private.Replace(recordName, line(w.record), confine.Caller())
}

// Address returns the address that the owner's store is marked with; found is false when the owner has none in place.
// The hints are addresses where it may lie.
func (s *Spool) Address(ctx context.Context, uuid schema.UUID, hints ...schema.Address) (a schema.Address, found bool, err error) {
	w, err := s.begin(ctx)
	if err != nil {
		return schema.Address{}, false, err
	}
	defer w.end()
	h, found, err := w.locate(uuid, hints...)
	return h.mark.address, found, err
}

// locate finds the store that is marked as the owner's. In layout address the link of the owner says where it lies;
// should a crash have left that behind, the hints are looked at, then everything.
func (w *work) locate(uuid schema.UUID, hints ...schema.Address) (home, bool, error) {
	var places []string
	linked := ""
	if w.cfg.Layout == backend.ByUUID {
		places = append(places, w.homes.home(uuid, schema.Address{}))
	} else {
		if linked = w.linked(uuid); linked != "" {
			places = append(places, linked)
		}
		places = append(places, asidePlace(uuid))
		for _, hint := range hints {
			if !hint.IsZero() {
				places = append(places, w.homes.home(uuid, hint))
			}
		}
	}
	for _, rel := range places {
		h, err := w.look(rel)
		if err != nil {
			return h, false, err
		}
		if h.belongs(uuid) {
			return h, true, nil
		}
	}
	if linked == "" || w.made != nil && linked == w.made.want {
		return home{}, false, nil // every store has had a link since it was marked; that one is as new as the store
	}
	return w.scan(uuid)
}

// scan looks at every home. It is for an owner whose link is wrong, which only a crash between two steps leaves.
func (w *work) scan(uuid schema.UUID) (home, bool, error) {
	for h, err := range w.all() {
		if err != nil {
			return home{}, false, err
		}
		if h.belongs(uuid) {
			return h, true, nil
		}
	}
	return home{}, false, nil
}

// provide fills the place of an owner who has no store.
func (w *work) provide(want string, o backend.Owner) error {
	back, kept, err := w.returning(o)
	if err != nil {
		return err
	}
	err = w.occupy(want, o, func(theirs bool) error {
		switch {
		case theirs:
			return nil // made by the server, or handed over
		case kept:
			return w.takeBack(back, want, o)
		default:
			return w.create(want, o)
		}
	}, kept)
	if err != nil {
		return err
	}
	return w.label(want, o)
}

// tries is how often a server may be faster than we are in making a home at a place.
const tries = 20

// occupy makes a place free, takes what is the owner's there aside when more comes, and calls come; to merge is then the
// caller's. While mail arrives, a server may make a home in between: then all begins anew.
func (w *work) occupy(want string, o backend.Owner, come func(theirs bool) error, more bool) error {
	for n := 1; ; n++ {
		theirs, err := w.vacate(want, o)
		if err != nil {
			return err
		}
		if theirs && more {
			// The store that comes has UIDs and indexes that clients know; what was delivered early goes into it.
			if _, err := w.takeAside(o.UUID, want); err != nil {
				return err
			}
			theirs = false
		}
		err = come(theirs)
		if errors.Is(err, fs.ErrExist) && n < tries {
			continue
		}
		return err
	}
}

// vacate makes a place free, or finds that the store there is the owner's to have.
func (w *work) vacate(want string, o backend.Owner) (theirs bool, err error) {
	h, err := w.look(want)
	if err != nil || !h.found || h.belongs(o.UUID) {
		return h.found, err
	}
	// The place is somebody else's, or nobody knows whose.
	if h.marked && w.cfg.Reuse == backend.AdoptForeign {
		w.cfg.Logger.Warn("store of another owner handed over", "uuid", o.UUID, "from", h.mark.UUID)
		return true, nil
	}
	if h.marked {
		_, err := w.put(quarantine, h, backend.Foreign)
		return false, err
	}
	adopt, err := w.adoptable(h, o)
	if err != nil || adopt {
		return adopt, err
	}
	before, left, err := w.leftBy(want)
	switch {
	case err != nil:
	case left: // mail that was on its way when the former owner's store left
		err = w.gather(before, want)
	default:
		_, err = w.put(quarantine, h, backend.Unmarked)
	}
	return false, err
}

// adoptable says whether an unmarked store is the owner's: always in layout uuid, where the path names the
// owner; in layout address when the owner has held the address since before the host was set up, or when the store was
// made after the owner got the address.
func (w *work) adoptable(h home, o backend.Owner) (bool, error) {
	if w.cfg.Layout == backend.ByUUID {
		return true, nil
	}
	if o.Changed.IsZero() {
		return false, nil
	}
	if !o.Changed.After(w.record.Time) {
		return true, nil
	}
	// Mail that was there before the owner had the address was meant for another.
	d, err := w.base.Walk(h.rel)
	if err != nil {
		return false, err
	}
	defer d.Close()
	at, err := d.Born()
	return !at.Before(o.Changed.Add(-bornBefore)), err
}

// bring moves the owner's store to its new place (layout address). What was delivered there before is the owner's too.
func (w *work) bring(has home, want string, o backend.Owner) error {
	there, err := w.look(want)
	if err != nil {
		return err
	}
	if there.belongs(o.UUID) { // left there by an earlier rename=no
		if _, err := w.put(quarantine, there, backend.Renamed); err != nil {
			return err
		}
	}
	if err := w.vacating(o.UUID, has.rel); err != nil {
		return err
	}
	if err := w.point(o.UUID, want); err != nil {
		return err
	}
	if err := w.occupy(want, o, func(bool) error { return w.relocate(has.rel, want) }, true); err != nil {
		return err
	}
	return w.label(want, o)
}

// label brings account, links and mark in line with the owner. The mark comes last: when it is right, all is.
func (w *work) label(rel string, o backend.Owner) error {
	if err := w.own(rel); err != nil {
		return err
	}
	h, err := w.look(rel)
	if err != nil {
		return err
	}
	if err := w.point(o.UUID, rel); err != nil {
		return err
	}
	if err := w.show(o); err != nil {
		return err
	}
	if h.belongs(o.UUID) && h.mark.address == o.Address {
		return nil
	}
	if h.belongs(o.UUID) {
		if err := w.hide(o.UUID, h.mark.address); err != nil {
			return err
		}
	}
	return w.remark(rel, o)
}

// remark writes the owner mark of a place.
func (w *work) remark(rel string, o backend.Owner) error {
	d, err := w.base.Walk(rel)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Replace(MarkName, newMark(o, w.cfg.Now()).bytes(), confine.Caller())
}
