package maildir

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"path"
	"slices"
	"strings"
	"time"

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

// Cause says why a store was moved aside.
type Cause string

// The causes.
const (
	// Deleted: delete=yes, and the user is gone, lost the address, or has another home server.
	Deleted Cause = "deleted"
	// Renamed: the owner has another address and rename=no.
	Renamed Cause = "renamed"
	// Foreign: somebody else got the address.
	Foreign Cause = "foreign"
	// Unmarked: older than the claim of who got the address, and nobody knows whose it was.
	Unmarked Cause = "unmarked"
)

// infoName and homeName are what an item of an area holds.
const (
	infoName = "info"
	homeName = "home"
)

// info is the file beside a store that was moved aside.
type info struct {
	Version int       `json:"version"`
	Cause   Cause     `json:"cause"`
	UUID    string    `json:"uuid,omitempty"`
	Address string    `json:"address,omitempty"`
	Time    time.Time `json:"time"`
	Path    string    `json:"path"`
}

// item is a store that was moved aside.
type item struct {
	area area
	id   string
	info info
}

func (i item) rel() string { return path.Join(i.area.dir(), i.id) }

func asidePlace(uuid schema.UUID) string {
	return path.Join(quarantine.dir(), ".aside", uuid.String())
}

// Away says which store is to leave its place.
type Away struct {
	// UUID is the owner.
	UUID schema.UUID
	// From is where the store lies as far as the caller knows.
	From schema.Address
	// Unless is the address whose store stays: the one that the owner has from now on. Zero takes any.
	Unless schema.Address
	// Cause is kept with the store.
	Cause Cause
}

// Trash moves the owner's store into the trash, where it is kept as long as the configuration says. Idempotent.
func (s *Spool) Trash(ctx context.Context, a Away) error {
	return s.away(ctx, a, func(w *work, h home) error {
		i, err := w.put(trash, h, a.Cause)
		if err != nil || s.cfg.Keep > 0 {
			return err
		}
		return w.discard(i)
	})
}

// Quarantine moves the owner's store out of everybody's reach until a person decides; in layout address a store that
// lies under its own address stays there, as on the peer. Idempotent.
func (s *Spool) Quarantine(ctx context.Context, a Away) error {
	return s.away(ctx, a, func(w *work, h home) error { return w.leave(h) })
}

// SetAside frees the place of the owner's store, to break a cycle of renames; Ensure, Trash and Quarantine find the store
// again. In layout uuid no store stands in the way of another. Idempotent.
func (s *Spool) SetAside(ctx context.Context, a Away) error {
	return s.away(ctx, a, func(w *work, h home) error {
		aside := asidePlace(a.UUID)
		if s.cfg.Layout == ByUUID || h.rel == aside {
			return nil
		}
		return w.move(h.rel, aside)
	})
}

func (s *Spool) away(ctx context.Context, a Away, act func(*work, home) error) error {
	w, err := s.beginChange(ctx)
	if err != nil {
		return err
	}
	defer w.end()
	h, found, err := w.locate(a.UUID, a.From, a.Unless)
	switch {
	case err != nil:
	case !found && !a.From.IsZero():
		err = w.hide(a.UUID, a.From) // left by a crash after the move
	case !found:
	case h.mark.address != a.Unless:
		err = act(w, h)
	}
	if err != nil {
		return fmt.Errorf("store of %s: %w", a.UUID, err)
	}
	return nil
}

// leave puts a store out of reach that rename=no left behind.
func (w *work) leave(h home) error {
	if w.cfg.Layout == ByAddress && h.rel != asidePlace(h.mark.UUID) {
		return nil
	}
	_, err := w.put(quarantine, h, Renamed)
	return err
}

// put moves a store into an area. The info is on the disk first, so that no store lies there without one; an item
// without store is a leftover, which Purge removes.
func (w *work) put(to area, h home, why Cause) (item, error) {
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
	defer area.close()
	if i.id, err = freeID(area, i.info); err != nil {
		return item{}, err
	}
	made, err := area.make(i.id, 0o700, keepOwner())
	if err != nil {
		return item{}, err
	}
	defer made.close()
	if err := made.create(infoName, line(i.info), keepOwner()); err != nil {
		return item{}, err
	}
	if err := cmp.Or(made.f.Sync(), area.f.Sync()); err != nil {
		return item{}, err
	}
	if err := w.move(h.rel, path.Join(i.rel(), homeName)); err != nil {
		return item{}, cmp.Or(err, area.removeAll(i.id))
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

// freeID returns an id that no item of the area has: the time, and eight digits by which the stores of an owner are found.
func freeID(area *dir, in info) (string, error) {
	stem := in.Time.Format("20060102T150405Z") + "-" + idTail(in)
	for n := 1; ; n++ {
		id := stem
		if n > 1 {
			id = fmt.Sprintf("%s.%d", stem, n)
		}
		if _, found, err := area.stat(id); err != nil || !found {
			return id, err
		}
	}
}

func idTail(in info) string {
	if in.UUID != "" {
		return in.UUID[:8]
	}
	h := fnv.New32a()
	h.Write([]byte(in.Path))
	return fmt.Sprintf("%08x", h.Sum32())
}

// items returns what an area holds, oldest first. Names that are no item, and leftovers without a store, are passed over.
func (w *work) items(of area) ([]item, error) {
	return w.itemsWhere(of, func(string) bool { return true })
}

func (w *work) itemsWhere(of area, want func(id string) bool) ([]item, error) {
	d, err := w.base.sub(of.dir())
	if absent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer d.close()
	names, err := d.names()
	if err != nil {
		return nil, err
	}
	var all []item
	for _, id := range names {
		if strings.HasPrefix(id, ".") || !want(id) {
			continue
		}
		in, found, err := readInfo(d, id)
		if err != nil {
			return nil, err
		}
		if found {
			all = append(all, item{area: of, id: id, info: in})
		}
	}
	return all, nil
}

func readInfo(area *dir, id string) (in info, found bool, err error) {
	d, err := area.sub(id)
	if absent(err) || errors.Is(err, schema.ErrInvalid) {
		return info{}, false, nil
	}
	if err != nil {
		return info{}, false, err
	}
	defer d.close()
	if _, there, err := d.stat(homeName); err != nil || !there {
		return info{}, false, err
	}
	data, err := d.read(infoName, smallFile)
	if err != nil {
		return info{}, false, err
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return info{}, false, fmt.Errorf("reading %s: %w", d.path(infoName), err)
	}
	return in, true, nil
}

// returning finds the newest store that comes back to an owner who has none (design §7): any that left because the owner
// was gone or somebody else got the address, and one left behind by rename=no when the owner takes its address again.
func (w *work) returning(o Owner) (item, bool, error) {
	uuid := o.UUID.String()
	var best item
	found := false
	for _, of := range []area{quarantine, trash} {
		all, err := w.itemsWhere(of, func(id string) bool { return strings.Contains(id, "-"+uuid[:8]) })
		if err != nil {
			return item{}, false, err
		}
		for _, i := range all {
			back := i.info.Cause != Renamed || i.info.Address == o.Address.String()
			if i.info.UUID != uuid || !back || found && i.info.Time.Before(best.info.Time) {
				continue
			}
			best, found = i, true
		}
	}
	return best, found, nil
}

// takeBack moves a store from its area to the owner's place. It gets its new mark first: should a crash follow, it is
// not taken for a store that the owner left behind under another address.
func (w *work) takeBack(i item, want string, o Owner) error {
	if err := w.remark(path.Join(i.rel(), homeName), o); err != nil {
		return err
	}
	if err := w.point(o.UUID, want); err != nil {
		return err
	}
	if err := w.move(path.Join(i.rel(), homeName), want); err != nil {
		return err
	}
	w.cfg.Logger.Info("store brought back", "uuid", o.UUID, "id", i.id)
	return w.discard(i)
}

// discard removes an item and what is left of its store. The store gets another name first, so that one half removed
// never comes back.
func (w *work) discard(i item) error {
	d, err := w.base.walk(i.rel())
	if err != nil {
		return err
	}
	defer d.close()
	if _, found, err := d.stat(homeName); err != nil {
		return err
	} else if found {
		if err := d.over(homeName, "dead"); err != nil {
			return err
		}
	}
	area, err := w.base.sub(i.area.dir())
	if err != nil {
		return err
	}
	defer area.close()
	return area.removeAll(i.id)
}

// Purge removes what the trash has kept long enough, and leftovers of interrupted work. Quarantined stores stay. It
// returns the ids of the stores removed.
func (s *Spool) Purge(ctx context.Context) ([]string, error) {
	return s.purge(ctx, func(w *work) ([]item, error) {
		all, err := w.items(trash)
		return slices.DeleteFunc(all, func(i item) bool { return i.info.Time.Add(s.cfg.Keep).After(s.cfg.Now()) }), err
	})
}

// Empty is Purge for all that the trash holds, whatever its age.
func (s *Spool) Empty(ctx context.Context) ([]string, error) {
	return s.purge(ctx, func(w *work) ([]item, error) { return w.items(trash) })
}

// PurgeIDs is Purge for the stores with these ids, quarantined ones too. Unless all exist, none is removed.
func (s *Spool) PurgeIDs(ctx context.Context, ids ...string) ([]string, error) {
	return s.purge(ctx, func(w *work) (doomed []item, err error) {
		for _, id := range ids {
			i, err := w.byID(id)
			if err != nil {
				return nil, err
			}
			doomed = append(doomed, i)
		}
		return doomed, nil
	})
}

func (s *Spool) purge(ctx context.Context, choose func(*work) ([]item, error)) (removed []string, err error) {
	w, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer w.end()
	doomed, err := choose(w)
	if err != nil {
		return nil, err
	}
	for _, i := range doomed {
		if err := w.discard(i); err != nil {
			return removed, fmt.Errorf("removing %s: %w", i.id, err)
		}
		removed = append(removed, i.id)
	}
	return removed, cmp.Or(w.sweep(trash), w.sweep(quarantine))
}

func (w *work) byID(id string) (item, error) {
	for _, of := range []area{trash, quarantine} {
		all, err := w.itemsWhere(of, func(name string) bool { return name == id })
		if err != nil {
			return item{}, err
		}
		if len(all) == 1 {
			return all[0], nil
		}
	}
	return item{}, fmt.Errorf("no store with the id %q was moved aside", id)
}

// sweep removes stores half made and items half removed.
func (w *work) sweep(of area) error {
	d, err := w.base.sub(of.dir())
	if absent(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer d.close()
	names, err := d.names()
	if err != nil {
		return err
	}
	for _, name := range names {
		leftover := strings.HasPrefix(name, ".new-")
		if !strings.HasPrefix(name, ".") {
			_, found, err := readInfo(d, name)
			leftover = err == nil && !found
		}
		if !leftover {
			continue
		}
		if err := d.removeAll(name); err != nil {
			return err
		}
	}
	return nil
}
