package swap

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// Check reports why files could not be put in place, and writes nothing; Stage finds out more.
func Check(files []File) error {
	for _, f := range files {
		if _, err := os.Stat(filepath.Dir(f.Path)); err != nil {
			continue // Stage would make the directory
		}
		if err := checkTarget(f.Path, f.UID); err != nil {
			return err
		}
	}
	return nil
}

// checkTarget reports why f could not be renamed into place: found before anything is written, for after the journal
// there is no way back. uid is the owner that the file is to get.
func checkTarget(path string, uid int) error {
	dir := filepath.Dir(path)
	if err := unix.Access(dir, unix.W_OK|unix.X_OK); err != nil {
		return &fs.PathError{Op: "write", Path: dir, Err: err}
	}
	if err := checkOne(dir, uid, fs.ModeDir); err != nil {
		return err
	}
	err := checkOne(path, uid, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// checkOne checks the type, the owner and the attributes of a file, or of a directory (symlinks to which are followed).
func checkOne(path string, uid int, kind fs.FileMode) error {
	look := os.Lstat
	if kind == fs.ModeDir {
		look = os.Stat
	}
	info, err := look(path)
	if err != nil {
		return err
	}
	if err := checkKind(path, info, kind); err != nil {
		return err
	}
	// What belongs to another user may be exchanged by him at any time, between this look and the rename.
	if sys, ok := info.Sys().(*syscall.Stat_t); ok && sys.Uid != 0 && int(sys.Uid) != uid && int(sys.Uid) != os.Geteuid() {
		return fmt.Errorf("%s belongs to user %d", path, sys.Uid)
	}
	// rename(2) fails on these with EPERM and EBUSY, which would be after the journal.
	var sx unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, path, 0, 0, &sx); err != nil {
		return &fs.PathError{Op: "statx", Path: path, Err: err}
	}
	switch {
	case sx.Attributes&(unix.STATX_ATTR_IMMUTABLE|unix.STATX_ATTR_APPEND) != 0:
		return fmt.Errorf("%s is immutable or append-only", path)
	case kind == 0 && sx.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0:
		return fmt.Errorf("%s is busy: another file is mounted over it", path)
	}
	return nil
}

// checkKind reports that a file is not of the type that is wanted: 0 for a regular file, or fs.ModeDir.
func checkKind(path string, info fs.FileInfo, kind fs.FileMode) error {
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		return fmt.Errorf("%s is a symbolic link", path)
	case info.Mode().Type() != kind:
		return fmt.Errorf("%s is no %s", path, map[fs.FileMode]string{0: "regular file", fs.ModeDir: "directory"}[kind])
	}
	return nil
}
