package maildir

import (
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"path"
	"strings"
	"time"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/handlers/backend/confine"
	"github.com/mailreg/mailreg/schema"
)

// infoName and homeName are what an item of an area holds.
const (
	infoName = "info"
	homeName = "home"
)

// info is the file beside a store that was moved aside.
type info struct {
	Version int           `json:"version"`
	Cause   backend.Cause `json:"cause"`
	UUID    string        `json:"uuid,omitempty"`
	Address string        `json:"address,omitempty"`
	Time    time.Time     `json:"time"`
	Path    string        `json:"path"`
}

// item is a store that was moved aside: a directory named by its id, which holds the info and the home.
type item struct {
	area area
	id   string
	info info
}

func (i item) rel() string { return path.Join(i.area.dir(), i.id) }

// freeID returns an id that no item of the area has, such as 20261124T053715Z-4a1c9e02: the time, and eight digits by which
// the stores of an owner are found. A second one within a second gets ".2" behind it.
func freeID(area *confine.Dir, in info) (string, error) {
	stem := in.Time.Format("20060102T150405Z") + "-" + idTail(in)
	for n := 1; ; n++ {
		id := stem
		if n > 1 {
			id = fmt.Sprintf("%s.%d", stem, n)
		}
		if _, found, err := area.Stat(id); err != nil || !found {
			return id, err
		}
	}
}

// idTail returns the eight digits: of the owner, else of the path, so that two unmarked stores differ.
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
	d, err := w.base.Sub(of.dir())
	if absent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer d.Close()
	names, err := d.Names()
	if err != nil {
		return nil, err
	}
	var all []item
	for _, id := range names { // sorted by time, since ids begin with it
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

// readInfo reads the info of an item; found is false for one without store, which may have left this very moment.
func readInfo(area *confine.Dir, id string) (in info, found bool, err error) {
	d, err := area.Sub(id)
	if absent(err) || errors.Is(err, schema.ErrInvalid) {
		return info{}, false, nil
	}
	if err != nil {
		return info{}, false, err
	}
	defer d.Close()
	if _, there, err := d.Stat(homeName); err != nil || !there {
		return info{}, false, err
	}
	data, err := d.Read(infoName, smallFile)
	if err != nil {
		if _, still, stErr := d.Stat(homeName); stErr == nil && !still {
			err = nil
		}
		return info{}, false, err
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return info{}, false, fmt.Errorf("reading %s: %w", d.Path(infoName), err)
	}
	return in, true, nil
}

// byID returns the item of an id, which a person has typed: it is compared with what is there and never becomes a path.
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
