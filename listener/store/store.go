package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
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

// options leave the list of free pages out of each commit; it is found again when the file is opened.
func options() *bolt.Options {
	return &bolt.Options{Timeout: time.Second, NoFreelistSync: true, FreelistType: bolt.FreelistMapType}
}

// Open opens the file, or makes it together with its directory. A file of an older layout is converted; one of a newer
// layout is refused with ErrVersion. Only one process can have it open; a second one gets an error that says so after a
// second.
func Open(path string) (*Store, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if err := create(path); err != nil {
			return nil, fmt.Errorf("creating store %s: %w", path, err)
		}
	}
	db, err := bolt.Open(path, 0o600, options())
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return nil, fmt.Errorf("opening store %s: another process has it open", path)
	case err != nil:
		return nil, fmt.Errorf("opening store %s: %w", path, err)
	}
	s := &Store{db: db, path: path}
	if err := migrate(db); err != nil {
		return nil, errors.Join(fmt.Errorf("opening store %s: %w", path, err), db.Close())
	}
	return s, nil
}

// Close waits for running transactions and closes the file.
func (s *Store) Close() error {
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("closing store %s: %w", s.path, err)
	}
	return nil
}

// View runs fn on the state as it is now. The first error that the Tx met is returned when fn returns nil; what fn has
// read counts only when View returns nil.
func (s *Store) View(fn func(*Tx) error) error {
	return s.db.View(func(b *bolt.Tx) error { return run(b, fn) })
}

// Update runs fn and commits what it wrote, durably. An error of fn or of the Tx undoes everything. An Update inside a
// View of the same goroutine would wait for itself.
func (s *Store) Update(fn func(*Tx) error) error {
	return s.db.Update(func(b *bolt.Tx) error { return run(b, fn) })
}

// create makes a complete empty file under a temporary name and links it to its own, which fails when another process
// was faster; then that file is as good.
func create(path string) (err error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	temp, err := os.CreateTemp(dir, ".store-*")
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

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
