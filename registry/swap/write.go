package swap

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// writeFile writes a file that does not exist, or replaces a left-over, and syncs it. The content is never readable with
// more than the final mode.
func writeFile(f File) error {
	var s syncer
	if err := createFile(f, &s); err != nil {
		return err
	}
	return s.sync()
}

// createFile is writeFile for who syncs several files together.
func createFile(f File, s *syncer) error {
	if err := remove(f.Path); err != nil {
		return err
	}
	out, err := os.OpenFile(f.Path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = out.Write(f.Data)
	if err == nil {
		err = out.Chown(f.UID, f.GID)
	}
	if err == nil {
		err = out.Chmod(f.Mode)
	}
	if err == nil && !f.Time.IsZero() {
		err = os.Chtimes(f.Path, f.Time, f.Time)
	}
	if err != nil {
		return errors.Join(err, out.Close())
	}
	return s.add(out)
}

func remove(path string) error {
	if err := os.Remove(path); err != nil && !gone(err) {
		return err
	}
	return nil
}

func gone(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) }

// Write replaces one file by itself: durable, or not at all.
func Write(f File) error {
	if err := writeFile(f.as(temp(f.Path))); err != nil {
		return errors.Join(err, remove(temp(f.Path)))
	}
	if err := os.Rename(temp(f.Path), f.Path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(f.Path))
}
