package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	bolt "go.etcd.io/bbolt"
)

// Backup writes the store as it is now to path, which appears there only when it is whole and every value of it was
// checked. Writers go on meanwhile.
func (s *Store) Backup(ctx context.Context, path string) (err error) {
	temp, err := os.CreateTemp(filepath.Dir(path), drafts)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(temp.Name()))
		}
	}()
	err = s.guarded(func() error {
		return s.db.View(func(b *bolt.Tx) error {
			_, err := b.WriteTo(temp)
			return err
		})
	})
	if err := errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return fmt.Errorf("copying the store to %s: %w", path, err)
	}
	if err := CheckFile(ctx, temp.Name()); err != nil {
		return fmt.Errorf("checking the copy of the store: %w", err)
	}
	if err := os.Rename(temp.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}
