package maildir

import (
	"context"
	"fmt"

	"github.com/mailreg/mailreg/schema"
)

// Restore puts a store that was moved aside back to its owner: into its place when that is free, else merged folder by
// folder into the store that the owner has; nothing is overwritten. asked is the address by which a person named it, zero
// when by id. as gives it to the owner of another address; that needs a store. It returns the home as seen from the root.
func (s *Spool) Restore(ctx context.Context, id string, asked, as schema.Address) (string, error) {
	w, err := s.begin(ctx)
	if err != nil {
		return "", err
	}
	defer w.end()
	i, err := w.byID(id)
	if err != nil {
		return "", err
	}
	var rel string
	if as.IsZero() {
		rel, err = w.restoreOwn(i, asked)
	} else {
		rel, err = w.restoreAs(i, as)
	}
	if err != nil {
		return "", fmt.Errorf("restoring %s: %w", id, err)
	}
	return w.shown(w.base.Path(rel)), nil
}

func (w *work) restoreAs(i item, as schema.Address) (string, error) {
	h, found, err := w.holder(as)
	if err != nil {
		return "", err
	}
	if !found {
		return "", fmt.Errorf("no store on this host has the address %s", as)
	}
	return h.rel, w.merge(i, h.rel)
}

func (w *work) restoreOwn(i item, asked schema.Address) (string, error) {
	uuid, err := schema.ParseUUID(i.info.UUID)
	if err != nil {
		return "", fmt.Errorf("nobody knows whose this store was: say --as ADDRESS")
	}
	a, err := schema.ParseAddress(i.info.Address)
	if err != nil {
		return "", err
	}
	own, alive, err := w.locate(uuid, a)
	if err != nil {
		return "", err
	}
	for _, address := range []schema.Address{asked, a} {
		if address.IsZero() || alive && address == a && asked.IsZero() {
			continue
		}
		other, held, err := w.holder(address)
		if err != nil {
			return "", err
		}
		if held && !other.belongs(uuid) {
			return "", fmt.Errorf("%s belongs to another owner by now: say --as ADDRESS", address)
		}
	}
	if alive {
		return own.rel, w.merge(i, own.rel)
	}
	o := Owner{UUID: uuid, Address: a}
	rel := w.homes.home(uuid, a)
	there, err := w.look(rel)
	if err != nil {
		return "", err
	}
	if err := w.firstStore(); err != nil {
		return "", err
	}
	switch {
	case !there.found:
		err = w.takeBack(i, rel, o)
	case !there.marked && w.cfg.Layout == ByUUID:
		err = w.merge(i, rel)
	default:
		err = fmt.Errorf("%s holds a store that is not marked as the owner's", w.shown(w.base.Path(rel)))
	}
	if err != nil {
		return "", err
	}
	return rel, w.label(rel, o)
}
