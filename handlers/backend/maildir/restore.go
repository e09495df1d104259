package maildir

import (
	"context"
	"fmt"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/schema"
)

// Restore puts a store that was moved aside back to its owner: into its place when that is free, else merged folder by
// folder into the store that the owner has; nothing is overwritten. asked is the address by which a person named it, zero
// when by id. as gives it to the owner of another address; that needs a store.
func (s *Spool) Restore(ctx context.Context, id string, asked, as schema.Address) (backend.Restored, error) {
	w, err := s.begin(ctx)
	if err != nil {
		return backend.Restored{}, err
	}
	defer w.end()
	i, err := w.byID(id)
	if err != nil {
		return backend.Restored{}, err
	}
	var rel string
	var left int
	if as.IsZero() {
		rel, left, err = w.restoreOwn(i, asked)
	} else {
		rel, left, err = w.restoreAs(i, as)
	}
	if err != nil {
		return backend.Restored{}, fmt.Errorf("restoring %s: %w", id, err)
	}
	return backend.Restored{Path: w.shown(w.base.Path(rel)), Left: left}, nil
}

func (w *work) restoreAs(i item, as schema.Address) (rel string, left int, err error) {
	h, found, err := w.holder(as)
	if err != nil {
		return "", 0, err
	}
	if !found {
		return "", 0, fmt.Errorf("no store on this host has the address %s", as)
	}
	left, err = w.mergeFrom(i, h.rel, !h.marked || h.mark.UUID.String() != i.info.UUID)
	return h.rel, left, err
}

func (w *work) restoreOwn(i item, asked schema.Address) (rel string, left int, err error) {
	uuid, err := schema.ParseUUID(i.info.UUID)
	if err != nil || i.info.Address == "" {
		return "", 0, fmt.Errorf("nobody knows whose this store was: say --as ADDRESS")
	}
	a, err := schema.ParseAddress(i.info.Address)
	if err != nil {
		return "", 0, err
	}
	own, alive, err := w.locate(uuid, a)
	if err != nil {
		return "", 0, err
	}
	// The address by which a person named the store, and that which it had, must not mislead: whoever asks for the mail of
	// an address that is another's by now means perhaps that other one.
	for _, address := range []schema.Address{asked, a} {
		if address.IsZero() || alive && address == a && asked.IsZero() {
			continue
		}
		other, held, err := w.holder(address)
		if err != nil {
			return "", 0, err
		}
		if held && !other.belongs(uuid) {
			return "", 0, fmt.Errorf("%s belongs to another owner by now: say --as ADDRESS", address)
		}
	}
	if alive {
		left, err := w.mergeFrom(i, own.rel, false)
		return own.rel, left, err
	}
	o := backend.Owner{UUID: uuid, Address: a}
	rel = w.homes.home(uuid, a)
	there, err := w.look(rel)
	if err != nil {
		return "", 0, err
	}
	if err := w.firstStore(); err != nil {
		return "", 0, err
	}
	switch {
	case !there.found:
		err = w.takeBack(i, rel, o)
	case !there.marked && w.cfg.Layout == backend.ByUUID: // made by Dovecot for the owner
		left, err = w.mergeFrom(i, rel, false)
	default:
		err = fmt.Errorf("%s holds a store that is not marked as the owner's", w.shown(w.base.Path(rel)))
	}
	if err != nil {
		return "", 0, err
	}
	return rel, left, w.label(rel, o)
}
