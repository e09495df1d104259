package maildir

import (
	"path"
	"strings"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/handlers/backend/confine"
	"github.com/mailreg/mailreg/schema"
)

// linked returns the place that the owner's link in .mailreg-owners names, "" when there is none.
func (w *work) linked(uuid schema.UUID) string {
	index, err := w.base.Walk(path.Join(w.homes.private, ".mailreg-owners"))
	if err != nil {
		return ""
	}
	defer index.Close()
	rel := path.Join(w.homes.private, index.Target(uuid.String()))
	if w.homes.address(rel).IsZero() {
		return ""
	}
	return rel
}

// point makes the link of .mailreg-owners that locate follows (layout address). It is on the disk before the store moves.
func (w *work) point(uuid schema.UUID, rel string) error {
	index, err := w.link(uuid, rel)
	if err != nil || index == nil {
		return err
	}
	defer index.Close()
	return index.Sync()
}

// link is point without the disk, which is left to the caller: index is where the link was made, nil when it was there.
func (w *work) link(uuid schema.UUID, rel string) (index *confine.Dir, err error) {
	if w.cfg.Layout == backend.ByUUID {
		return nil, nil
	}
	index, _, err = w.makeParent(path.Join(w.homes.private, ".mailreg-owners", uuid.String()))
	if err != nil {
		return nil, err
	}
	target := strings.TrimPrefix(rel, w.homes.private+"/")
	if index.Target(uuid.String()) == target {
		index.Close()
		return nil, nil
	}
	if err := index.Link(uuid.String(), target); err != nil {
		index.Close()
		return nil, err
	}
	return index, nil
}

// show makes the link of by-address that people read (layout uuid).
func (w *work) show(o backend.Owner) error {
	if w.cfg.Layout == backend.ByAddress {
		return nil
	}
	links, _, err := w.makeParent(path.Join(w.homes.private, "by-address", "any"))
	if err != nil {
		return err
	}
	defer links.Close()
	return links.Link(o.Address.String(), "../by-id/"+o.UUID.String())
}

// hide removes the links of a store that is no longer under the address, unless they belong to somebody else by now.
func (w *work) hide(uuid schema.UUID, a schema.Address) error {
	folder, name, target := "by-address", a.String(), "../by-id/"+uuid.String()
	if w.cfg.Layout == backend.ByAddress {
		if a.IsZero() || w.linked(uuid) != w.homes.home(uuid, a) {
			return nil
		}
		folder, name, target = ".mailreg-owners", uuid.String(), ""
	}
	links, err := w.base.Walk(path.Join(w.homes.private, folder))
	if absent(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer links.Close()
	if target != "" && links.Target(name) != target {
		return nil
	}
	return links.Remove(name)
}
