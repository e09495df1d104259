package maildir

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/handlers/backend/maildir/merge"
	"github.com/mailreg/mailreg/schema"
)

// again is how long a sweep that failed waits.
const again = time.Minute

// Sweep looks at the places that stores have left. Mail that a server has delivered there all the same is merged into the
// store of whoever has left, wherever that is by now; a place that has a marked store again is left alone. since is when
// Sweep was called before; zero looks at all places. It returns when the next look is, zero when there is none.
func (s *Spool) Sweep(ctx context.Context, since time.Time) (next time.Time, err error) {
	idle, err := s.nothingVacated()
	if err != nil || idle {
		return time.Time{}, err
	}
	w, err := s.begin(ctx)
	if err != nil {
		return s.cfg.Now().Add(again), err
	}
	defer w.end()
	failed := []error{w.mergeAllSwept()}
	all, err := w.intents()
	failed = append(failed, err)
	for _, v := range all {
		if ctx.Err() != nil {
			return time.Time{}, ctx.Err()
		}
		at, err := w.sweep(ctx, v, since)
		if err != nil {
			failed = append(failed, fmt.Errorf("sweeping %s: %w", v.Path, err))
			at = s.cfg.Now().Add(again)
		}
		if !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return next, errors.Join(failed...)
}

// nothingVacated looks without the lock, because it is so nearly always.
func (s *Spool) nothingVacated() (bool, error) {
	base, err := s.openBase()
	if absent(err) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	w := &work{Spool: s, base: base}
	defer w.end()
	for _, rel := range []string{vacatedDir, sweptDir} {
		d, names, err := w.names(rel)
		if d != nil {
			d.Close()
		}
		if err != nil || len(names) > 0 {
			return false, err
		}
	}
	return true, nil
}

// sweep looks at one place when it is due, and returns when it is to be looked at again.
func (w *work) sweep(ctx context.Context, v vacated, since time.Time) (time.Time, error) {
	now := w.cfg.Now()
	if !v.due(since, now) {
		return v.next(now), nil
	}
	if err := w.dropOldLocks(v); err != nil {
		return time.Time{}, err
	}
	h, err := w.look(v.Path)
	if err != nil {
		return time.Time{}, err
	}
	if h.found && !h.marked {
		if held, err := w.held(ctx, v); err != nil || held {
			return now.Add(again), err
		}
		if err := w.gather(v.UUID, v.Path); err != nil {
			return time.Time{}, err
		}
	}
	next := v.next(now)
	if next.IsZero() {
		return next, w.forget(v)
	}
	return next, nil
}

// held reports whether the server delivers to a place for somebody who has its address by now: whose change is on its way
// here, and who takes the home at that place.
func (w *work) held(ctx context.Context, v vacated) (bool, error) {
	a := w.homes.address(v.Path)
	if w.cfg.Held == nil || a.IsZero() {
		return false, nil
	}
	return w.cfg.Held(ctx, a)
}

// gather takes a home that a server has made for an owner, and merges it into the owner's store.
func (w *work) gather(owner schema.UUID, rel string) error {
	name, err := w.takeAside(owner, rel)
	if err != nil {
		return err
	}
	return w.mergeSwept(name)
}

// takeAside moves a home to where no server delivers any more: only then all that it will ever hold is in it.
func (w *work) takeAside(owner schema.UUID, rel string) (name string, err error) {
	swept, _, err := w.makeParent(path.Join(sweptDir, "any"))
	if err != nil {
		return "", err
	}
	defer swept.Close()
	for n := 1; ; n++ {
		name = fmt.Sprintf("%s.%d", owner, n)
		_, taken, err := swept.Stat(name)
		if err != nil {
			return "", err
		}
		if !taken {
			return name, w.move(rel, path.Join(sweptDir, name))
		}
	}
}

// mergeAllSwept finishes what a crash has interrupted.
func (w *work) mergeAllSwept() error { return w.mergeSweptOf("") }

// mergeSweptOf merges what was taken aside of one owner, of all when it is "".
func (w *work) mergeSweptOf(owner string) error {
	d, names, err := w.names(sweptDir)
	if err != nil || d == nil {
		return err
	}
	d.Close()
	var failed []error
	for _, name := range names {
		if strings.HasPrefix(name, owner) {
			failed = append(failed, w.mergeSwept(name))
		}
	}
	return errors.Join(failed...)
}

// mergeSwept merges one home that was taken aside. What the owner's store has no room for, or one that has no store to go to,
// is quarantined.
func (w *work) mergeSwept(name string) error {
	rel := path.Join(sweptDir, name)
	uuid, err := schema.ParseUUID(name[:max(strings.LastIndexByte(name, '.'), 0)])
	if err != nil {
		return fmt.Errorf("%s: %w", w.base.Path(rel), err)
	}
	into, found, err := w.present(uuid)
	if err != nil {
		return err
	}
	stranded := home{rel: rel, found: true, marked: true, mark: mark{UUID: uuid}}
	if !found {
		if waits, err := w.awaited(uuid); err != nil || waits {
			return err
		}
		_, err := w.put(quarantine, stranded, backend.Stranded)
		return err
	}
	left, err := w.mergePlaces(rel, into)
	if err != nil {
		return err
	}
	if left > 0 {
		if h, err := w.look(into); err == nil {
			stranded.mark.Address = h.mark.Address
		}
		_, err := w.put(quarantine, stranded, backend.Stranded)
		return err
	}
	d, err := w.base.Walk(sweptDir)
	if err != nil {
		return err
	}
	defer d.Close()
	w.cfg.Logger.Info("stranded mail merged", "uuid", uuid)
	return d.RemoveAll(name)
}

// awaited reports whether an owner's store may be on its way still.
func (w *work) awaited(uuid schema.UUID) (bool, error) {
	all, err := w.intents()
	return slices.ContainsFunc(all, func(v vacated) bool {
		return v.UUID == uuid && !v.next(w.cfg.Now()).IsZero()
	}), err
}

// mergePlaces merges the home at one place into that at another, and returns the number of files that had to be left.
func (w *work) mergePlaces(from, into string) (left int, err error) {
	source, err := w.base.Walk(from)
	if err != nil {
		return 0, err
	}
	defer source.Close()
	target, err := w.base.Walk(into)
	if err != nil {
		return 0, err
	}
	defer target.Close()
	left, err = merge.Homes(source, target, w.owner, false)
	if err != nil {
		return 0, fmt.Errorf("merging %s: %w", w.base.Path(from), err)
	}
	return left, nil
}

// present finds where an owner's store is now: in place, else the one moved aside last.
func (w *work) present(uuid schema.UUID) (rel string, found bool, err error) {
	h, found, err := w.locate(uuid)
	if err != nil || found {
		return h.rel, found, err
	}
	i, found, err := w.newest(uuid, func(info) bool { return true })
	return path.Join(i.rel(), homeName), found, err
}
