package maildir

import (
	"cmp"
	"context"
	"errors"
	"path"

	"golang.org/x/sync/errgroup"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/handlers/backend/confine"
)

// newPrefix begins the names of stores that are being made.
const newPrefix = ".new-"

// errUnmade says that a change needs a new store, which is made without the lock: that is nearly all of the work, and others
// make theirs meanwhile.
var errUnmade = errors.New("the store is still to be made")

// creation is a new store that nobody sees yet.
type creation struct {
	*confine.Tree
	// want is its place; name is what it is called in area until then.
	want, name string
	area       *confine.Dir
	owner      backend.Owner
	// links is the directory of the link to its place, nil when that was there. target is that of the place, once it is there.
	links, target *confine.Dir
}

// end removes a store that was not needed after all.
func (c *creation) end() {
	if c.Tree != nil {
		c.Close()
	}
	if c.target == nil {
		_ = c.area.RemoveAll(c.name) // else the next purge does
	}
	for _, d := range []*confine.Dir{c.area, c.links, c.target} {
		if d != nil {
			d.Close()
		}
	}
}

// making does a change that may need a new store: as far as it gets, then once more from the beginning when that is there.
// The new store is on the disk in its place when making returns.
func (w *work) making(ctx context.Context, change func() error) error {
	err := change()
	if w.unmade != nil {
		defer w.unmade.end()
	}
	if !errors.Is(err, errUnmade) {
		return err
	}
	w.unlock()
	if err := w.fill(w.unmade); err != nil {
		return err
	}
	if err := w.relock(ctx); err != nil {
		return err
	}
	w.made = w.unmade
	err = change()
	w.unlock()
	if err != nil || w.made.target == nil {
		return err
	}
	return confine.Settle(w.made.target, w.made.area)
}

// create puts an empty store to a place, which is never visible without its mark. Its first call is for making.
func (w *work) create(want string, o backend.Owner) error {
	if w.made == nil || w.made.want != want {
		return cmp.Or(w.conceive(want, o), errUnmade)
	}
	target, name, err := w.makeParent(want)
	if err != nil {
		return err
	}
	if err := w.made.area.Move(w.made.name, target, name); err != nil {
		target.Close()
		return err
	}
	w.made.target = target
	w.moveIndex(path.Join(trash.dir(), w.made.name), want)
	return nil
}

// conceive begins a store. The link to its place is on the disk before it is there.
func (w *work) conceive(want string, o backend.Owner) (err error) {
	c := &creation{want: want, owner: o}
	if c.area, c.name, err = w.makeParent(path.Join(trash.dir(), newPrefix+o.UUID.String())); err != nil {
		return err
	}
	w.unmade = c
	if c.Tree, err = c.area.Plant(c.name, 0o700, w.owner); err != nil {
		return err
	}
	c.links, err = w.link(o.UUID, want)
	return err
}

// fill gives a store all that it begins with, and brings it to the disk.
func (w *work) fill(c *creation) error {
	maildir, err := c.Branch("Maildir", 0o700)
	if err != nil {
		return err
	}
	for _, name := range []string{"cur", "new", "tmp"} {
		if _, err := maildir.Branch(name, 0o700); err != nil {
			return err
		}
	}
	if err := w.furnish(c.Tree, w.base.Path(c.want)); err != nil {
		return err
	}
	if err := c.File(MarkName, newMark(c.owner, w.cfg.Now()).bytes(), confine.Caller()); err != nil {
		return err
	}
	if c.links == nil {
		return c.Settle()
	}
	var group errgroup.Group
	group.Go(c.Settle)
	group.Go(func() error { return confine.Settle(c.links) })
	return group.Wait()
}
