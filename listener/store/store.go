package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/mailreg/mailreg/listener/store/meta"
)

// Store is an open file. Its buckets, version 2:
//
//	meta                    "version" -> uvarint; "state" -> State; "note/NAME" -> what the program remembers
//	entries                 uuid -> Entry: the replica
//	outside                 uuid -> last DN of an entry that left the base or may not be read, while a handler remembers it
//	batches                 id -> Batch: what the brake holds
//	handlers/NAME/state     "state" -> HandlerState
//	handlers/NAME/dirty     uuid -> Mark: what the handler has yet to do
//	handlers/NAME/acked     uuid -> Acked: the entry as the handler last acknowledged it, and the claims it owns
//	handlers/NAME/claims    resource -> uuid: the same claims the other way round
//	handlers/NAME/blocked   blocking uuid + blocked uuid -> "": marks to look at again when the blocking one changes
//	handlers/NAME/guard     time (8 bytes) + uuid -> Take: what took mail away lately
//
// Keys are raw bytes, every value ends in a CRC32C of key and value. One transaction holds whatever belongs together; a
// transaction that fails leaves the file as it was. A new file is made under another name first, so that a file of this
// name is always complete.
type Store struct {
	db   *bolt.DB
	path string
	// written is set once something was to be written.
	written atomic.Bool
	loss    loss
}

var (
	bucketMeta     = []byte("meta")
	bucketEntries  = []byte("entries")
	bucketOutside  = []byte("outside")
	bucketBatches  = []byte("batches")
	bucketHandlers = []byte("handlers")

	keyVersion = []byte("version")
	keyState   = []byte("state")
)

// options leave the list of free pages out of each commit. Close writes it; after a crash it is found again from all that
// is not free.
func options() *bolt.Options {
	return &bolt.Options{Timeout: time.Second, NoFreelistSync: true, FreelistType: bolt.FreelistMapType}
}

// Open opens the file, or makes it together with its directory. A file of an older layout is converted; one of a newer
// layout is refused with ErrVersion, and a damaged one with ErrCorrupt: see Replace. After a crash the whole file is
// checked first. Only one process can have it open; a second one gets an error that says so after a second.
func Open(path string) (*Store, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if err := create(path); err != nil {
			return nil, fmt.Errorf("creating store %s: %w", path, err)
		}
	}
	s := &Store{path: path, loss: loss{happened: make(chan struct{})}}
	if err := guarded(path, s.open); err != nil {
		return nil, fmt.Errorf("opening store %s: %w", path, err)
	}
	sweep(path)
	return s, nil
}

func (s *Store) open() (err error) {
	head, err := meta.Read(s.path)
	if err == nil && !head.Closed {
		// bbolt would panic where nobody can recover while it looks for the free pages of a damaged file.
		err = CheckFile(context.Background(), s.path)
	}
	if err != nil {
		return err
	}
	if s.db, err = openFile(s.path, options()); err != nil {
		return err
	}
	opened := false
	defer func() {
		if !opened { // also when bbolt panics
			err = errors.Join(err, s.db.Close())
		}
	}()
	err = migrate(s.db)
	opened = err == nil
	return err
}

// Close waits for running transactions and closes the file. In one that is lost nothing is written any more.
func (s *Store) Close() error {
	err := guarded(s.path, func() error {
		if !s.written.Load() || s.loss.get() != nil {
			return nil
		}
		return s.db.Update(func(*bolt.Tx) error {
			s.db.NoFreelistSync = false
			return nil
		})
	})
	if err := errors.Join(err, s.db.Close()); err != nil {
		return fmt.Errorf("closing store %s: %w", s.path, err)
	}
	return nil
}

// View runs fn on the state as it is now. The first error that the Tx met is returned when fn returns nil; what fn has
// read counts only when View returns nil.
func (s *Store) View(fn func(*Tx) error) error {
	return s.guarded(func() error {
		return s.db.View(func(b *bolt.Tx) error { return run(b, fn) })
	})
}

// Update runs fn and commits what it wrote, durably. An error of fn or of the Tx undoes everything; after one of the commit
// the disk has either. An Update inside a View of the same goroutine would wait for itself. A lost store takes nothing.
func (s *Store) Update(fn func(*Tx) error) error {
	return s.guarded(func() (err error) {
		if err := s.loss.get(); err != nil {
			return err
		}
		b, err := s.db.Begin(true)
		if err != nil {
			return err
		}
		s.written.Store(true)
		// Not bbolt's own Update: after a panic that looks through the whole file, in a goroutine in which nobody could
		// recover from what it finds, and leaves the store locked.
		defer func() {
			if undo := b.Rollback(); !errors.Is(undo, bolterrors.ErrTxClosed) {
				err = errors.Join(err, undo)
			}
		}()
		if err := run(b, fn); err != nil {
			return err
		}
		return b.Commit()
	})
}

// create makes a complete empty file under a temporary name and links it to its own, which fails when another process
// was faster; then that file is as good.
func create(path string) (err error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	temp, err := os.CreateTemp(dir, drafts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(temp.Name())) }()
	if err := temp.Close(); err != nil {
		return err
	}
	if err := fill(temp.Name()); err != nil {
		return err
	}
	if err := os.Link(temp.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(dir)
}

func fill(path string) error {
	db, err := bolt.Open(path, 0o600, options())
	if err != nil {
		return err
	}
	err = db.Update(func(b *bolt.Tx) error {
		for _, name := range [][]byte{bucketMeta, bucketEntries, bucketOutside, bucketBatches, bucketHandlers} {
			if _, err := b.CreateBucket(name); err != nil {
				return err
			}
		}
		return putVersion(b)
	})
	return errors.Join(err, db.Close())
}

// drafts is the name pattern of files that are not complete yet.
const drafts = ".store-*"

// Sweep removes from a folder what creations and backups have left there that were cut short. None may be under way.
func Sweep(dir string) {
	left, _ := filepath.Glob(filepath.Join(dir, drafts))
	for _, draft := range left {
		_ = os.Remove(draft) // it only takes room
	}
}

// sweep removes what was left beside a store. Whoever has that open is the only one to make anything there.
func sweep(path string) {
	Sweep(filepath.Dir(path))
	_ = os.Remove(path + fresh) // it is rarely there
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
