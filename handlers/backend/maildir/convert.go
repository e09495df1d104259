package maildir

import (
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"strings"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/handlers/backend/confine"
)

// Conversion changes the layout of a spool while a server delivers to it. Prepare puts a link at the new place of each store;
// then the server may look there, and finds the old place. Move lets each store and its link change places, in one step, so
// that both ways lead to it at all times. Finish takes away the links at the old places. Each may be repeated; who is
// killed half-way begins anew with Prepare. From the first step to the last the record of the spool names both layouts, and
// everybody else waits.
type Conversion struct{ from, to *Spool }

// ErrConverted says that the spool has the layout already.
var ErrConverted = errors.New("the spool has this layout already")

// NewConversion returns the conversion of a spool to another layout. What a spool in layout address has below is cfg.Home.
func NewConversion(cfg Config, to backend.Layout) (*Conversion, error) {
	other := backend.ByAddress
	if to == backend.ByAddress {
		other = backend.ByUUID
	}
	c := &Conversion{}
	for _, s := range []struct {
		to     **Spool
		layout backend.Layout
	}{{&c.from, other}, {&c.to, to}} {
		cfg.Layout = s.layout
		spool, err := Open(cfg)
		if err != nil {
			return nil, err
		}
		*s.to = spool
	}
	if c.from.homes.base != c.to.homes.base || c.from.homes.private != c.to.homes.private {
		return nil, fmt.Errorf("the stores of both layouts must lie in one directory: mail/dovecot/location/home is %s",
			path.Join(c.from.homes.base, c.from.homes.private)+", "+path.Join(c.to.homes.base, c.to.homes.private))
	}
	return c, nil
}

// both is a conversion at work, under the lock of the spool: one spool, seen in two layouts.
type both struct {
	from, to *work
	lock     func()
}

func (c *Conversion) begin(ctx context.Context) (*both, error) {
	base, err := c.to.openBase()
	if err != nil {
		return nil, err
	}
	lock, err := c.to.acquire(ctx, base)
	if err != nil {
		base.Close()
		return nil, err
	}
	r, err := readRecord(base, c.to.homes.private)
	b := &both{from: &work{Spool: c.from, base: base, record: r}, to: &work{Spool: c.to, base: base, record: r}, lock: lock}
	if err != nil {
		b.end()
		return nil, err
	}
	return b, nil
}

func (b *both) end() {
	b.lock()
	b.to.base.Close()
}

// Prepare puts a link at the new place of each store, and returns how many there are.
func (c *Conversion) Prepare(ctx context.Context) (stores int, err error) {
	b, err := c.begin(ctx)
	if absent(err) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer b.end()
	switch r := b.to.record; {
	case r.Layout == "":
		return 0, nil // no stores yet
	case r.Version == 0:
		return 0, errors.New("the stores have no owners yet: start mailreg-listener once with the layout that they have, so that it adopts them")
	case r.Layout == c.to.cfg.Layout && r.To == "":
		return 0, ErrConverted
	}
	if err := b.announce(); err != nil {
		return 0, err
	}
	if err := b.atOld(b.relink); err != nil {
		return 0, err
	}
	all, err := b.stores()
	if err != nil {
		return 0, err
	}
	for _, h := range all {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		linked, err := b.link(h)
		if err != nil {
			return 0, failed(h.mark.UUID, err)
		}
		if linked {
			stores++
		}
	}
	return stores, b.sync()
}

// announce writes into the record that the spool is being converted. In layout address a server makes homes itself.
func (b *both) announce() error {
	if b.to.cfg.Layout == backend.ByAddress {
		if err := b.to.base.OwnOne(b.to.homes.private, b.to.owner); err != nil {
			return err
		}
	}
	r := b.to.record
	r.Layout, r.To = b.from.cfg.Layout, b.to.cfg.Layout
	return b.write(r)
}

func (b *both) write(r record) error {
	private, err := b.to.base.Sub(b.to.homes.private)
	if err != nil {
		return err
	}
	defer private.Close()
	return private.Replace(recordName, line(r), confine.Caller())
}

// stores returns the stores that lie in their old places still. Of several that would have one new place, the one that the
// links name takes it, and the others are quarantined.
func (b *both) stores() ([]home, error) {
	places := map[string][]home{}
	var order []string
	for h, err := range b.homes() {
		if err != nil {
			return nil, err
		}
		if !h.marked {
			continue
		}
		want := b.place(h)
		if places[want] == nil {
			order = append(order, want)
		}
		places[want] = append(places[want], h)
	}
	var chosen []home
	for _, want := range order {
		h, err := b.choose(places[want])
		if err != nil {
			return nil, err
		}
		chosen = append(chosen, h)
	}
	return chosen, nil
}

// homes yields the homes in old places.
func (b *both) homes() func(yield func(home, error) bool) {
	return func(yield func(home, error) bool) {
		for h, err := range b.from.all() {
			below, _ := strings.CutPrefix(h.rel, b.to.homes.private+"/")
			top, _, _ := strings.Cut(below, "/")
			if err == nil && b.from.cfg.Layout == backend.ByAddress && (top == "by-id" || top == "by-address") {
				continue
			}
			if !yield(h, err) {
				return
			}
		}
	}
}

// place is the new place of a store.
func (b *both) place(h home) string { return b.to.homes.home(h.mark.UUID, h.mark.address) }

func (b *both) choose(rivals []home) (best home, err error) {
	best = rivals[0]
	for _, h := range rivals {
		if b.named(h) {
			best = h
		}
	}
	for _, h := range rivals {
		if h.rel == best.rel {
			continue
		}
		why := backend.Renamed // left behind under an earlier address
		if b.to.cfg.Layout == backend.ByAddress {
			why = backend.Foreign
		}
		if _, err := b.from.put(quarantine, h, why); err != nil {
			return home{}, failed(h.mark.UUID, err)
		}
	}
	return best, nil
}

// named reports whether the links of the old layout lead to a store.
func (b *both) named(h home) bool {
	if b.from.cfg.Layout == backend.ByAddress {
		return b.from.linked(h.mark.UUID) == h.rel
	}
	links, err := b.from.base.Walk(path.Join(b.from.homes.private, "by-address"))
	if err != nil {
		return false
	}
	defer links.Close()
	return path.Base(links.Target(h.mark.Address)) == h.mark.UUID.String()
}

// link makes the new place of a store lead to the old one. It returns false when another store has that place already; this
// one is in quarantine then.
func (b *both) link(h home) (bool, error) {
	want := b.place(h)
	parent, name, err := b.to.makeParent(want)
	if err != nil {
		return false, err
	}
	defer parent.Close()
	if dir, err := parent.IsDir(name); err != nil {
		return false, err
	} else if dir {
		if free, err := b.clear(want, h); err != nil || !free {
			return false, err
		}
	}
	return true, parent.Link(name, relative(want, h.rel))
}

// clear frees a new place at which a home lies. What a server has made there is put aside to be merged.
func (b *both) clear(want string, h home) (free bool, err error) {
	there, err := b.to.look(want)
	if err != nil || !there.found {
		return true, err
	}
	if !there.marked {
		if err := b.to.vacating(h.mark.UUID, want); err != nil {
			return false, err
		}
		_, err := b.to.takeAside(h.mark.UUID, want)
		return true, err
	}
	old, name, err := b.from.parent(b.from.homes.home(there.mark.UUID, there.mark.address))
	moved := false
	if err == nil {
		moved, err = old.IsLink(name)
		old.Close()
	}
	if err != nil && !absent(err) {
		return false, err
	}
	if moved { // by this conversion
		_, err = b.from.put(quarantine, h, backend.Foreign)
		return false, err
	}
	_, err = b.to.put(quarantine, there, backend.Foreign)
	return true, err
}

// relink repairs the link at the old place of a store that an earlier call has moved, killed right then.
func (b *both) relink(h home, old *confine.Dir, name string) error {
	return old.Link(name, relative(b.from.homes.home(h.mark.UUID, h.mark.address), h.rel))
}

// relative returns the text of a link at one place that leads to another.
func relative(at, to string) string {
	text, err := filepath.Rel(path.Dir(at), to)
	if err != nil {
		return "" // both are below the base, so there is none
	}
	return text
}

// sync brings the directories of the new places to the disk: what leads to a store must be there when a server looks for it.
func (b *both) sync() error {
	done := map[string]bool{}
	for h, err := range b.homes() {
		if err != nil {
			return err
		}
		if !h.marked {
			continue
		}
		if dir := path.Dir(b.place(h)); !done[dir] {
			d, err := b.to.base.Walk(dir)
			if err != nil {
				return err
			}
			err = d.Sync()
			d.Close()
			if err != nil {
				return err
			}
			done[dir] = true
		}
	}
	return nil
}
