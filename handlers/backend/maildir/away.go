package maildir

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/handlers/backend/confine"
	"github.com/mailreg/mailreg/handlers/backend/maildir/merge"
	"github.com/mailreg/mailreg/schema"
)

// area is where a store lies that was moved aside.
type area string

const (
	trash      area = "deleted"
	quarantine area = "quarantined"
)

func (a area) dir() string {
	if a == trash {
		return ".trash"
	}
	return ".quarantine"
}

func asidePlace(uuid schema.UUID) string {
	return path.Join(quarantine.dir(), ".aside", uuid.String())
}

// Trash moves the owner's store into the trash, where it is kept as long as the configuration says. Idempotent.
func (s *Spool) Trash(ctx context.Context, a backend.Away) error {
	return s.away(ctx, a, func(w *work, h home) error {
		if h.mark.address == a.Unless {
			return nil
		}
		i, err := w.put(trash, h, a.Cause)
		if err != nil || s.cfg.Keep > 0 {
			return err
		}
		return w.discard(i)
	})
}

// Quarantine moves the owner's store out of everybody's reach until a person decides; in layout address a store that
// lies under its own address stays there, as on the peer. Idempotent.
func (s *Spool) Quarantine(ctx context.Context, a backend.Away) error {
	return s.away(ctx, a, func(w *work, h home) error {
		if h.mark.address == a.Unless {
			return nil
		}
		return w.leave(h)
	})
}

// SetAside frees the place of the owner's store, to break a cycle of renames, unless it is that of a.Unless; Ensure, Trash,
// Quarantine and Leave find the store again. In layout uuid no store stands in the way of another. Idempotent.
func (s *Spool) SetAside(ctx context.Context, a backend.Away) error {
	return s.away(ctx, a, func(w *work, h home) error {
		aside := asidePlace(a.UUID)
		if s.cfg.Layout == backend.ByUUID || h.rel == aside || h.rel == w.homes.home(a.UUID, a.Unless) {
			return nil
		}
		if err := w.vacating(a.UUID, h.rel); err != nil {
			return err
		}
		return w.move(h.rel, aside)
	})
}

// Leave lets the owner's store lie where it is. One that was set aside is quarantined: somebody else may have its place.
func (s *Spool) Leave(ctx context.Context, a backend.Away) error {
	if s.cfg.Layout == backend.ByUUID {
		return nil
	}
	w, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer w.end()
	h, err := w.look(asidePlace(a.UUID))
	if err == nil && h.belongs(a.UUID) {
		_, err = w.put(quarantine, h, a.Cause)
	}
	return failed(a.UUID, err)
}

// away looks for the store that is to leave its place and has act do it.
func (s *Spool) away(ctx context.Context, a backend.Away, act func(*work, home) error) error {
	w, err := s.beginChange(ctx)
	if err != nil {
		return err
	}
	defer w.end()
	h, found, err := w.locate(a.UUID, a.From, a.Unless)
	switch {
	case err != nil:
	case found:
		err = act(w, h)
	case !a.From.IsZero():
		err = w.hide(a.UUID, a.From) // left by a crash after the move
	}
	return failed(a.UUID, err)
}

// leave puts a store out of reach that rename=no left behind.
func (w *work) leave(h home) error {
	if w.cfg.Layout == backend.ByAddress && h.rel != asidePlace(h.mark.UUID) {
		return nil
	}
	_, err := w.put(quarantine, h, backend.Renamed)
	return err
}

// put moves a store into an area. The info is on the disk first, so that no store lies there without one; an item
// without store is a leftover, which Purge removes. Nothing is removed here, also after an error: the store may be there.
func (w *work) put(to area, h home, why backend.Cause) (item, error) {
	now := w.cfg.Now().UTC().Truncate(time.Second)
	i := item{area: to, info: info{Version: 1, Cause: why, Time: now, Path: path.Join(w.homes.base, h.rel)}}
	if h.marked {
		i.info.UUID, i.info.Address = h.mark.UUID.String(), h.mark.Address
	} else if a := w.homes.address(h.rel); !a.IsZero() {
		i.info.Address = a.String()
	}
	area, _, err := w.makeParent(path.Join(to.dir(), "any"))
	if err != nil {
		return item{}, err
	}
	defer area.Close()
	if i.id, err = freeID(area, i.info); err != nil {
		return item{}, err
	}
	made, err := area.Make(i.id, 0o700, confine.Caller())
	if err != nil {
		return item{}, err
	}
	defer made.Close()
	if err := made.Create(infoName, line(i.info), confine.Caller()); err != nil {
		return item{}, err
	}
	if err := cmp.Or(made.Sync(), area.Sync()); err != nil {
		return item{}, err
	}
	if h.marked {
		if err := w.vacating(h.mark.UUID, h.rel); err != nil {
			return item{}, err
		}
	}
	if err := w.move(h.rel, path.Join(i.rel(), homeName)); err != nil {
		return item{}, err
	}
	w.report(i)
	if !h.marked {
		return i, nil
	}
	return i, w.hide(h.mark.UUID, h.mark.address)
}

func (w *work) report(i item) {
	if i.area == trash {
		w.cfg.Logger.Info("store moved to the trash", "uuid", i.info.UUID, "id", i.id)
		return
	}
	w.cfg.Logger.Warn("store quarantined", "uuid", i.info.UUID, "id", i.id, "cause", i.info.Cause)
}

// returning finds the newest store that comes back to an owner who has none: any that left because the owner
// was gone or somebody else got the address, and one left behind by rename=no when the owner takes its address again. What
// has moved to another host never does.
func (w *work) returning(o backend.Owner) (item, bool, error) {
	return w.newest(o.UUID, func(in info) bool {
		return in.Cause != backend.Moved && (in.Cause != backend.Renamed || in.Address == o.Address.String())
	})
}

// newest returns the item of an owner that was moved aside last, of those that are wanted. What was stranded is no whole
// store: it counts when there is nothing else.
func (w *work) newest(owner schema.UUID, want func(info) bool) (best item, found bool, err error) {
	uuid := owner.String()
	for _, of := range []area{quarantine, trash} {
		all, err := w.itemsWhere(of, func(id string) bool { return strings.Contains(id, "-"+uuid[:8]) })
		if err != nil {
			return item{}, false, err
		}
		for _, i := range all {
			if i.info.UUID == uuid && want(i.info) && (!found || i.info.after(best.info)) {
				best, found = i, true
			}
		}
	}
	return best, found, nil
}

// after reports whether a store is rather the owner's than another one.
func (in info) after(other info) bool {
	if stranded := in.Cause == backend.Stranded; stranded != (other.Cause == backend.Stranded) {
		return !stranded
	}
	return !in.Time.Before(other.Time)
}

// takeBack moves a store from its area to the owner's place. It gets its new mark first: should a crash follow, it is
// not taken for a store that the owner left behind under another address.
func (w *work) takeBack(i item, want string, o backend.Owner) error {
	if err := w.remark(path.Join(i.rel(), homeName), o); err != nil {
		return err
	}
	if err := w.point(o.UUID, want); err != nil {
		return err
	}
	if err := w.relocate(path.Join(i.rel(), homeName), want); err != nil {
		return err
	}
	w.cfg.Logger.Info("store brought back", "uuid", o.UUID, "id", i.id)
	return w.discard(i)
}

// mergeFrom moves what an item's store holds into the store at a place, which is another owner's when foreign is set. The
// item goes unless files had to be left in it; their number is returned.
func (w *work) mergeFrom(i item, into string, foreign bool) (left int, err error) {
	source, err := w.base.Walk(path.Join(i.rel(), homeName))
	if err != nil {
		return 0, err
	}
	defer source.Close()
	target, err := w.base.Walk(into)
	if err != nil {
		return 0, err
	}
	defer target.Close()
	left, err = merge.Homes(source, target, w.owner, foreign)
	if err != nil {
		return 0, fmt.Errorf("merging %s: %w", i.id, err)
	}
	w.cfg.Logger.Info("store merged", "uuid", i.info.UUID, "id", i.id, "left", left)
	if left > 0 {
		return left, nil
	}
	return 0, w.discard(i)
}
