package maildir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/handlers/backend/confine"
	"github.com/mailreg/mailreg/schema"
)

// Move brings each store to its new place, where the server must look by now, and tells of each.
func (c *Conversion) Move(ctx context.Context, done func()) error {
	b, err := c.begin(ctx)
	if absent(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer b.end()
	if b.to.record.To != c.to.cfg.Layout {
		return nil
	}
	if err := b.asides(); err != nil {
		return err
	}
	all, err := b.stores()
	if err != nil {
		return err
	}
	for _, h := range all {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := b.move(h); err != nil {
			return failed(h.mark.UUID, err)
		}
		done()
	}
	return nil
}

// asides brings stores to their places that were on their way from one address to another.
func (b *both) asides() error {
	if b.to.cfg.Layout == backend.ByAddress {
		return nil
	}
	dir := path.Dir(asidePlace(schema.UUID{}))
	d, names, err := b.to.names(dir)
	if err != nil || d == nil {
		return err
	}
	d.Close()
	for _, name := range names {
		h, err := b.from.look(path.Join(dir, name))
		if err != nil {
			return err
		}
		if !h.marked {
			continue
		}
		o := backend.Owner{UUID: h.mark.UUID, Address: h.mark.address}
		if err := b.to.occupy(b.place(h), o, func(bool) error {
			if err := b.to.relocate(h.rel, b.place(h)); err != nil {
				return err
			}
			return b.to.label(b.place(h), o)
		}, true); err != nil {
			return failed(h.mark.UUID, err)
		}
	}
	return nil
}

// move lets a store and the link at its new place change places.
func (b *both) move(h home) error {
	want := b.place(h)
	for n := 1; ; n++ {
		err := b.change(h, want)
		if errors.Is(err, fs.ErrExist) && n < tries {
			continue // a server has made a home there
		}
		if err != nil {
			return err
		}
		break
	}
	if err := b.to.point(h.mark.UUID, want); err != nil {
		return err
	}
	if err := b.to.show(backend.Owner{UUID: h.mark.UUID, Address: h.mark.address}); err != nil {
		return err
	}
	return b.to.mergeSweptOf(h.mark.UUID.String())
}

func (b *both) change(h home, want string) error {
	if linked, err := b.link(h); err != nil || !linked {
		return err
	}
	source, name, err := b.from.parent(h.rel)
	if err != nil {
		return err
	}
	defer source.Close()
	target, wantName, err := b.to.parent(want)
	if err != nil {
		return err
	}
	defer target.Close()
	exchanged, err := source.Exchange(name, target, wantName)
	if err != nil {
		return err
	}
	if !exchanged {
		if err := target.Remove(wantName); err != nil {
			return err
		}
		if err := source.Move(name, target, wantName); err != nil {
			return err
		}
	}
	if b.to.cfg.Index != "" {
		if err := b.to.carryIndex(b.from.indexPlace(h.rel), b.to.indexPlace(want)); err != nil {
			b.to.cfg.Logger.Warn("the index does not follow its store", "err", err)
		}
	}
	// Who has opened the store by its old place goes on with it there.
	return source.Link(name, relative(h.rel, want))
}

// Live is what Finish needs to know beside the spool.
type Live struct {
	// Kick ends the sessions of an address: some may have begun at the old place.
	Kick func(schema.Address) error
	// Owner tells whose mail it is that was delivered to an address after the conversion had begun. What it does not know is
	// quarantined.
	Owner func(schema.Address) (schema.UUID, bool)
}

// Finish takes away what leads from old places to new ones, and makes the new layout that of the spool. Mail that was on its
// way to an old place is merged by the sweeps to come.
func (c *Conversion) Finish(ctx context.Context, live Live) error {
	b, err := c.begin(ctx)
	if absent(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer b.end()
	r := b.to.record
	if r.To != c.to.cfg.Layout {
		return nil
	}
	for _, step := range []func() error{
		func() error {
			return b.atOld(func(h home, old *confine.Dir, name string) error {
				return b.unlink(h, live, func() error { return old.Remove(name) })
			})
		},
		func() error { return b.leftovers(live) },
		b.tidy,
	} {
		if err := step(); err != nil {
			return err
		}
	}
	r.Layout, r.To = r.To, ""
	return b.write(r)
}

// atOld calls do for each store that has its new place, with what leads there from the old one.
func (b *both) atOld(do func(h home, old *confine.Dir, name string) error) error {
	for h, err := range b.to.all() {
		if err != nil {
			return err
		}
		if !h.marked {
			continue
		}
		old, name, err := b.from.parent(b.from.homes.home(h.mark.UUID, h.mark.address))
		if absent(err) {
			continue
		}
		if err != nil {
			return failed(h.mark.UUID, err)
		}
		link, err := old.IsLink(name)
		if err == nil && link {
			err = do(h, old, name)
		}
		old.Close()
		if err != nil {
			return failed(h.mark.UUID, err)
		}
	}
	return nil
}

// unlink removes the link at the old place of a store. That is a place to look at later.
func (b *both) unlink(h home, live Live, remove func() error) error {
	if err := b.from.vacating(h.mark.UUID, b.from.homes.home(h.mark.UUID, h.mark.address)); err != nil {
		return err
	}
	if err := live.Kick(h.mark.address); err != nil {
		return err
	}
	return remove()
}

// leftovers takes what a server has made in old places for somebody whose store was not there yet.
func (b *both) leftovers(live Live) error {
	for h, err := range b.homes() {
		switch {
		case err != nil:
			return err
		case h.marked:
			return fmt.Errorf("a store lies in its old place still: %s; convert once more", b.to.base.Path(h.rel))
		}
		uuid, known, err := b.whose(h, live)
		if err != nil {
			return err
		}
		if !known {
			if _, err := b.from.put(quarantine, h, backend.Unmarked); err != nil {
				return err
			}
			continue
		}
		if err := b.from.vacating(uuid, h.rel); err != nil {
			return err
		}
		if _, err := b.from.takeAside(uuid, h.rel); err != nil {
			return err
		}
	}
	return nil
}

func (b *both) whose(h home, live Live) (uuid schema.UUID, known bool, err error) {
	if b.from.cfg.Layout == backend.ByUUID {
		uuid, err := schema.ParseUUID(path.Base(h.rel))
		return uuid, err == nil, nil
	}
	if uuid, known, err = b.from.leftBy(h.rel); err != nil || known {
		return uuid, known, err
	}
	if a := b.from.homes.address(h.rel); !a.IsZero() {
		uuid, known = live.Owner(a)
	}
	return uuid, known, nil
}

// tidy removes the links and the empty directories of the old layout.
func (b *both) tidy() error {
	private, err := b.to.base.Sub(b.to.homes.private)
	if err != nil {
		return err
	}
	defer private.Close()
	if b.to.cfg.Layout == backend.ByAddress {
		if err := private.RemoveAll("by-address"); err != nil {
			return err
		}
		return private.RemoveEmpty("by-id")
	}
	if err := private.RemoveAll(".mailreg-owners"); err != nil {
		return err
	}
	names, err := private.Names()
	if err != nil {
		return err
	}
	for _, name := range names {
		if name == "by-id" || name == "by-address" || strings.HasPrefix(name, ".") {
			continue
		}
		if dir, err := private.IsDir(name); err != nil || !dir {
			continue
		}
		if err := private.RemoveEmpty(name); err != nil {
			return err
		}
	}
	if err := b.to.base.OwnOne(b.to.homes.private, confine.Owner{UID: 0, GID: 0}); err != nil && b.to.owner.UID >= 0 {
		return err
	}
	return private.Chmod(0o755)
}
