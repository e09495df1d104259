package maildir

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/mailreg/mailreg/schema"
)

// ids own what a directory makes; -1 leaves an id as it is.
type ids struct{ uid, gid int }

// keepOwner makes files that belong to the caller.
func keepOwner() ids { return ids{-1, -1} }

// dir is an open directory. Its methods take one name, not a path, and never follow a symbolic link, so that whoever
// may write below it cannot lead them elsewhere.
type dir struct {
	f *os.File
	// fault is asked before each change of the disk; tests make it fail.
	fault func(op, path string) error
}

const openDirectory = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC

func (d *dir) fd() int { return int(d.f.Fd()) }

func (d *dir) path(name string) string { return path.Join(d.f.Name(), name) }

func (d *dir) close() { _ = d.f.Close() }

func (d *dir) fail(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: d.path(name), Err: err}
}

// change says whether a change of the disk may go on.
func (d *dir) change(op, name string) error {
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") {
		return d.fail(op, name, unix.EINVAL)
	}
	if d.fault == nil {
		return nil
	}
	return d.fault(op, d.path(name))
}

// sub opens a directory below d. Anything else of that name is invalid data: a person must look at it.
func (d *dir) sub(name string) (*dir, error) {
	fd, err := unix.Openat(d.fd(), name, openDirectory, 0)
	if err == unix.ENOTDIR || err == unix.ELOOP {
		return nil, schema.Invalidf("%s is not a directory", d.path(name))
	}
	if err != nil {
		return nil, d.fail("open", name, err)
	}
	return &dir{f: os.NewFile(uintptr(fd), d.path(name)), fault: d.fault}, nil
}

// walk opens a directory several names below d, d itself when rel is ".".
func (d *dir) walk(rel string) (*dir, error) {
	at, err := d.sub(".")
	if err != nil || rel == "." {
		return at, err
	}
	for name := range strings.SplitSeq(rel, "/") {
		next, err := at.sub(name)
		at.close()
		if err != nil {
			return nil, err
		}
		at = next
	}
	return at, nil
}

// make opens a directory below d and makes it when it is missing.
func (d *dir) make(name string, perm uint32, owner ids) (*dir, error) {
	if sub, err := d.sub(name); !errors.Is(err, fs.ErrNotExist) {
		return sub, err
	}
	if err := d.change("mkdir", name); err != nil {
		return nil, err
	}
	if err := unix.Mkdirat(d.fd(), name, perm); err != nil && err != unix.EEXIST {
		return nil, d.fail("mkdir", name, err)
	}
	sub, err := d.sub(name)
	if err != nil {
		return nil, err
	}
	if owner != keepOwner() {
		if err := sub.f.Chown(owner.uid, owner.gid); err != nil {
			sub.close()
			return nil, err
		}
	}
	return sub, nil
}

// stat returns what a name is, a link itself and not where it points to; found is false when nothing is there.
func (d *dir) stat(name string) (st unix.Stat_t, found bool, err error) {
	err = unix.Fstatat(d.fd(), name, &st, unix.AT_SYMLINK_NOFOLLOW)
	if err == unix.ENOENT {
		return st, false, nil
	}
	return st, err == nil, d.fail("stat", name, err)
}

// names returns what d holds, sorted.
func (d *dir) names() ([]string, error) {
	again, err := d.sub(".") // an own read position
	if err != nil {
		return nil, err
	}
	defer again.close()
	entries, err := again.f.ReadDir(-1)
	if err != nil {
		return nil, fmt.Errorf("listing %s: %w", d.f.Name(), err)
	}
	names := make([]string, len(entries))
	for i, entry := range entries {
		names[i] = entry.Name()
	}
	slices.Sort(names)
	return names, nil
}

// read returns a regular file of at most limit bytes.
func (d *dir) read(name string, limit int64) ([]byte, error) {
	fd, err := unix.Openat(d.fd(), name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err == unix.ELOOP {
		return nil, schema.Invalidf("%s is a symbolic link", d.path(name))
	}
	if err != nil {
		return nil, d.fail("open", name, err)
	}
	f := os.NewFile(uintptr(fd), d.path(name))
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > limit {
		return nil, schema.Invalidf("%s is not a file of at most %d bytes", d.path(name), limit)
	}
	return io.ReadAll(io.LimitReader(f, limit))
}

// create writes a new file and brings it to the disk.
func (d *dir) create(name string, data []byte, owner ids) (err error) {
	if err := d.change("create", name); err != nil {
		return err
	}
	fd, err := unix.Openat(d.fd(), name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return d.fail("create", name, err)
	}
	f := os.NewFile(uintptr(fd), d.path(name))
	defer func() { err = cmp.Or(err, f.Close()) }()
	if _, err := f.Write(data); err != nil {
		return err
	}
	if owner != keepOwner() {
		if err := f.Chown(owner.uid, owner.gid); err != nil {
			return err
		}
	}
	return f.Sync()
}

// replace writes a file so that readers see the old bytes or the new ones, and a crash leaves one of them.
func (d *dir) replace(name string, data []byte, owner ids) error {
	temp := ".mailreg-tmp" + name
	if err := d.remove(temp); err != nil {
		return err
	}
	if err := d.create(temp, data, owner); err != nil {
		return err
	}
	return cmp.Or(d.over(temp, name), d.f.Sync())
}

// over renames within d and replaces what is there.
func (d *dir) over(from, to string) error {
	if err := d.change("rename", to); err != nil {
		return err
	}
	return d.fail("rename", to, unix.Renameat(d.fd(), from, d.fd(), to))
}

// link makes name a symbolic link to target, in place of a link or a file that is there.
func (d *dir) link(name, target string) error {
	if d.target(name) == target {
		return nil
	}
	temp := ".mailreg-tmp" + name
	if len(temp) > 255 { // an address of 254 characters leaves no room
		temp = temp[:255]
	}
	if err := d.remove(temp); err != nil {
		return err
	}
	if err := d.change("symlink", temp); err != nil {
		return err
	}
	if err := unix.Symlinkat(target, d.fd(), temp); err != nil {
		return d.fail("symlink", temp, err)
	}
	return d.over(temp, name)
}

// target returns where a symbolic link points to, "" when name is none.
func (d *dir) target(name string) string {
	buf := make([]byte, 4096)
	n, err := unix.Readlinkat(d.fd(), name, buf)
	if err != nil {
		return ""
	}
	return string(buf[:n])
}

// remove removes a file or a link; a missing one is removed already.
func (d *dir) remove(name string) error {
	if _, found, err := d.stat(name); err != nil || !found {
		return err
	}
	if err := d.change("remove", name); err != nil {
		return err
	}
	if err := unix.Unlinkat(d.fd(), name, 0); err != nil && err != unix.ENOENT {
		return d.fail("remove", name, err)
	}
	return nil
}

// move renames to another directory and replaces nothing: an existing toName is fs.ErrExist.
func (d *dir) move(name string, to *dir, toName string) error {
	if err := cmp.Or(d.change("move", name), to.change("move", toName)); err != nil {
		return err
	}
	err := unix.Renameat2(d.fd(), name, to.fd(), toName, unix.RENAME_NOREPLACE)
	if err == unix.EINVAL || err == unix.ENOSYS {
		err = d.moveChecked(name, to, toName)
	}
	if err == unix.EXDEV {
		return schema.Invalidf("%s and %s lie on different file systems: stores are never copied", d.path(name), to.path(toName))
	}
	return d.fail("move", name, err)
}

// moveChecked serves file systems without renameat2 flags (NFS): a look first, under the lock of the spool.
func (d *dir) moveChecked(name string, to *dir, toName string) error {
	if _, found, err := to.stat(toName); err != nil || found {
		return cmp.Or(err, error(unix.EEXIST))
	}
	return unix.Renameat(d.fd(), name, to.fd(), toName)
}

// removeAll removes a name and all below it; a missing one is removed already.
func (d *dir) removeAll(name string) error {
	st, found, err := d.stat(name)
	if err != nil || !found {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return d.remove(name)
	}
	sub, err := d.sub(name)
	if err != nil {
		return err
	}
	defer sub.close()
	names, err := sub.names()
	if err != nil {
		return err
	}
	for _, below := range names {
		if err := sub.removeAll(below); err != nil {
			return err
		}
	}
	return d.rmdir(name)
}

// rmdir removes an empty directory; a missing one is removed already.
func (d *dir) rmdir(name string) error {
	if err := d.change("rmdir", name); err != nil {
		return err
	}
	if err := unix.Unlinkat(d.fd(), name, unix.AT_REMOVEDIR); err != nil && err != unix.ENOENT {
		return d.fail("rmdir", name, err)
	}
	return nil
}
