package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// Check reads every value and compares its checksum, which takes about a second for a hundred thousand entries. What is
// wrong with the file is ErrCorrupt; an error of ctx or of the disk says nothing about it.
func (s *Store) Check(ctx context.Context) error {
	return s.guarded(func() error { return check(ctx, s.db) })
}

// CheckFile is Check of a file that nobody has open for writing.
func CheckFile(ctx context.Context, path string) error {
	return guarded(path, func() (err error) {
		opts := options()
		opts.ReadOnly = true
		db, err := openFile(path, opts)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, db.Close()) }() // also when check panics
		return check(ctx, db)
	})
}

// openFile is bolt.Open. When that panics the file is closed, and the lock given up.
func openFile(path string, opts *bolt.Options) (db *bolt.DB, err error) {
	var file *os.File
	opts.OpenFile = func(name string, flag int, mode fs.FileMode) (*os.File, error) {
		f, err := os.OpenFile(name, flag, mode)
		if file == nil {
			file = f
		}
		return f, err
	}
	defer func() {
		if db == nil && err == nil {
			_ = syscall.Flock(int(file.Fd()), syscall.LOCK_UN) // the memory that still maps it would keep the lock
			_ = file.Close()
		}
	}()
	db, err = bolt.Open(path, 0o600, opts)
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, errInUse
	}
	return db, err
}

var errInUse = errors.New("another process has it open")

func check(ctx context.Context, db *bolt.DB) error {
	return db.View(func(b *bolt.Tx) error {
		for _, name := range [][]byte{bucketMeta, bucketEntries, bucketOutside, bucketBatches, bucketHandlers} {
			if b.Bucket(name) == nil {
				return fmt.Errorf("%w: no bucket %s", ErrCorrupt, name)
			}
		}
		return b.ForEach(func(name []byte, bucket *bolt.Bucket) error {
			if err := checkBucket(ctx, bucket, false); err != nil {
				return fmt.Errorf("bucket %s: %w", name, err)
			}
			return nil
		})
	})
}

// checkBucket checks a bucket and those in it: keys in order, and sealed values, but for those of the index of blocked
// marks, which are empty.
func checkBucket(ctx context.Context, bucket *bolt.Bucket, index bool) error {
	var last []byte
	n := 0
	return bucket.ForEach(func(k, v []byte) error {
		if n++; n%4096 == 1 && ctx.Err() != nil {
			return ctx.Err()
		}
		if last != nil && bytes.Compare(last, k) >= 0 {
			return fmt.Errorf("%w: keys out of order", ErrCorrupt)
		}
		last = k
		if v == nil {
			inner := bucket.Bucket(k)
			if inner == nil {
				return fmt.Errorf("%w: no bucket %x", ErrCorrupt, k)
			}
			return checkBucket(ctx, inner, bytes.Equal(k, bucketBlocked))
		}
		if index && len(v) == 0 && len(k) == pairLength {
			return nil
		}
		if !sealed(k, v) {
			return fmt.Errorf("%w: checksum of value %x", ErrCorrupt, k)
		}
		return nil
	})
}
