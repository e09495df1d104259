package store

import (
	"errors"
	"fmt"
	"strings"

	bolt "go.etcd.io/bbolt"
)

// version is the layout that this program writes. It is raised when an older program must not read what this one writes;
// a field that may be missing is appended to its record instead, see encoder.
const version = 2

// ErrVersion says that a newer program has written the file.
var ErrVersion = errors.New("a newer program has written the store")

// migrations turn a layout into the next one; the first is that of version 1.
var migrations = []func(*bolt.Tx) error{nameSlots}

// migrate brings the file to the present layout in one transaction, and refuses a file from the future.
func migrate(db *bolt.DB) error {
	found, err := layout(db)
	switch {
	case err != nil:
		return err
	case found > version:
		return fmt.Errorf("%w: its layout is %d, this program knows those up to %d", ErrVersion, found, version)
	case found == version:
		return nil
	case found == 0:
		return fmt.Errorf("%w: layout 0", ErrCorrupt)
	}
	return db.Update(func(b *bolt.Tx) error {
		for _, step := range migrations[found-1:] {
			if err := step(b); err != nil {
				return fmt.Errorf("converting layout %d to %d: %w", found, version, err)
			}
		}
		return putVersion(b)
	})
}

func layout(db *bolt.DB) (found uint64, err error) {
	err = db.View(func(b *bolt.Tx) error {
		meta := b.Bucket(bucketMeta)
		if meta == nil {
			return fmt.Errorf("%w: no meta bucket", ErrCorrupt)
		}
		d, err := unseal(keyVersion, meta.Get(keyVersion))
		if err != nil {
			return err
		}
		found = d.uint()
		return nil
	})
	return found, err
}

func putVersion(b *bolt.Tx) error {
	var e encoder
	e.uint(version)
	return b.Bucket(bucketMeta).Put(keyVersion, e.seal(keyVersion))
}

// nameSlots (1 to 2): the one cookie with all that it was bound to becomes a slot with a fingerprint.
func nameSlots(b *bolt.Tx) error {
	meta := b.Bucket(bucketMeta)
	value := meta.Get(keyState)
	if value == nil {
		return nil
	}
	d, err := unseal(keyState, value)
	if err != nil {
		return err
	}
	bound, cookie := d.str(), []byte(d.str())
	s := State{Generation: d.uint(), Seq: d.uint(), IDs: d.uint(), Handlers: d.strs()}
	if err := d.end(); err != nil {
		return err
	}
	if bound != "" {
		view, place := bound, ""
		if i := strings.LastIndexByte(bound, '\n'); i >= 0 {
			view, place = bound[:i], bound[i+1:]
		}
		s.SetCookie(Fingerprint(view, place), cookie)
	}
	var e encoder
	e.state(s, 0)
	return meta.Put(keyState, e.seal(keyState))
}
