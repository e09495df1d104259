// Package stage copies a service's config directory, so that changes can be laid over it and looked at before they are
// in force.
package stage

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/mailreg/mailreg/registry/swap"
)

// Copy copies the regular files, folders and symbolic links below src to dst, which it creates; a src that does not exist
// is empty. Sockets and the like are left out. The copies are readable by their owner alone. Links out of src keep
// pointing where they did.
func Copy(src, dst string) error {
	if err := os.MkdirAll(dst, 0o700); err != nil {
		return err
	}
	src, err := filepath.EvalSymlinks(src)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return filepath.WalkDir(src, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		to := filepath.Join(dst, strings.TrimPrefix(path, src))
		switch {
		case d.IsDir():
			return os.MkdirAll(to, 0o700)
		case d.Type() == fs.ModeSymlink:
			return link(src, path, to)
		case d.Type().IsRegular():
			return copyFile(path, to)
		}
		return nil
	})
}

// link copies a symbolic link. One that leads out of src by a relative way becomes absolute.
func link(src, path, to string) error {
	target, err := os.Readlink(path)
	if err != nil {
		return err
	}
	inside := filepath.Join(filepath.Dir(path), target)
	if !filepath.IsAbs(target) && inside != src && !strings.HasPrefix(inside, src+"/") {
		target = inside
	}
	return os.Symlink(target, to)
}

func copyFile(from, to string) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.WriteFile(to, data, info.Mode().Perm()&0o700); err != nil {
		return err
	}
	// Postfix compares the times of a table and its source.
	return os.Chtimes(to, info.ModTime(), info.ModTime())
}

// Lay puts what the file at path becomes over the copy below dir, or takes it away. The file's own path does not matter.
func Lay(dir, path string, f swap.File) error {
	to := filepath.Join(dir, path)
	if err := os.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if f.Remove {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	return os.WriteFile(to, f.Data, f.Mode&0o700|0o400)
}
