// Package confine works on directories that belong to somebody who is not trusted: one name at a time below an open
// directory, never following a symbolic link. Whoever may write there cannot lead the work elsewhere.
package confine

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
	"time"

	"golang.org/x/sys/unix"

	"github.com/mailreg/mailreg/schema"
)

// Owner owns what a directory makes; -1 leaves an id as it is.
type Owner struct{ UID, GID int }

// Caller makes files that belong to who makes them.
func Caller() Owner { return Owner{-1, -1} }

// Dir is an open directory. Its methods take one name, not a path, and never follow a symbolic link, so that whoever
// may write below it cannot lead them elsewhere.
type Dir struct {
	f *os.File
	// fault is asked before each change of the disk; tests make it fail.
	fault func(op, path string) error
}

const openDirectory = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC

// Open opens a directory by a path that is trusted. fault, when it is not nil, is asked before each change of the disk
// below; its error stops the change: for tests.
func Open(name string, fault func(op, path string) error) (*Dir, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	return &Dir{f: f, fault: fault}, nil
}

func (d *Dir) fd() int { return int(d.f.Fd()) }

// Name returns the path that the directory had when it was opened.
func (d *Dir) Name() string { return d.f.Name() }

// Path returns the path of a name in d.
func (d *Dir) Path(name string) string { return path.Join(d.f.Name(), name) }

// Close closes d.
func (d *Dir) Close() { _ = d.f.Close() }

// Sync brings what d lists to the disk.
func (d *Dir) Sync() error {
	if d.fault != nil {
		if err := d.fault("sync", d.Name()); err != nil {
			return err
		}
	}
	return d.f.Sync()
}

func (d *Dir) fail(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: d.Path(name), Err: err}
}

// one says whether name is a single name.
func (d *Dir) one(op, name string) error {
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") {
		return d.fail(op, name, unix.EINVAL)
	}
	return nil
}

// change says whether a change of the disk may go on.
func (d *Dir) change(op, name string) error {
	if err := d.one(op, name); err != nil || d.fault == nil {
		return err
	}
	return d.fault(op, d.Path(name))
}

// Sub opens a directory below d. Anything else of that name is invalid data: a person must look at it.
func (d *Dir) Sub(name string) (*Dir, error) {
	if err := d.one("open", name); err != nil {
		return nil, err
	}
	return d.open(name)
}

func (d *Dir) open(name string) (*Dir, error) {
	fd, err := unix.Openat(d.fd(), name, openDirectory, 0)
	if err == unix.ENOTDIR || err == unix.ELOOP {
		return nil, schema.Invalidf("%s is not a directory", d.Path(name))
	}
	if err != nil {
		return nil, d.fail("open", name, err)
	}
	return &Dir{f: os.NewFile(uintptr(fd), d.Path(name)), fault: d.fault}, nil
}

// Walk opens a directory several names below d, d itself when rel is ".".
func (d *Dir) Walk(rel string) (*Dir, error) {
	at, err := d.open(".")
	if err != nil || rel == "." {
		return at, err
	}
	for name := range strings.SplitSeq(rel, "/") {
		next, err := at.Sub(name)
		at.Close()
		if err != nil {
			return nil, err
		}
		at = next
	}
	return at, nil
}

// Make opens a directory below d and makes it when it is missing. It is never there with another owner or mode, not even
// after a crash; the umask does not count.
func (d *Dir) Make(name string, perm uint32, owner Owner) (*Dir, error) {
	if sub, err := d.Sub(name); !errors.Is(err, fs.ErrNotExist) {
		return sub, err
	}
	temp := temporary(name)
	if err := d.RemoveAll(temp); err != nil {
		return nil, err
	}
	if err := d.mkdir(temp, perm, owner); err != nil {
		return nil, err
	}
	err := d.Move(temp, d, name)
	if errors.Is(err, fs.ErrExist) { // somebody else was faster
		err = d.rmdir(temp)
	}
	if err != nil {
		return nil, err
	}
	return d.Sub(name)
}

func (d *Dir) mkdir(name string, perm uint32, owner Owner) error {
	made, err := d.made(name, perm, owner)
	if made != nil {
		made.Close()
	}
	return err
}

// made makes a directory and opens it. The caller closes it, also after an error.
func (d *Dir) made(name string, perm uint32, owner Owner) (*Dir, error) {
	if err := d.change("mkdir", name); err != nil {
		return nil, err
	}
	if err := unix.Mkdirat(d.fd(), name, 0o700); err != nil {
		return nil, d.fail("mkdir", name, err)
	}
	made, err := d.Sub(name)
	if err != nil {
		return nil, err
	}
	if err := d.change("chmod", name); err != nil {
		return made, err
	}
	if err := unix.Fchmod(made.fd(), perm); err != nil {
		return made, d.fail("chmod", name, err)
	}
	if owner == Caller() {
		return made, nil
	}
	if err := d.change("chown", name); err != nil {
		return made, err
	}
	return made, made.f.Chown(owner.UID, owner.GID)
}

// temporary returns the name under which a thing is made before it gets its own.
func temporary(name string) string {
	temp := ".mailreg-tmp" + name
	return temp[:min(len(temp), 255)] // an address of 254 characters leaves no room
}

// Stat returns what a name is, a link itself and not where it points to; found is false when nothing is there.
func (d *Dir) Stat(name string) (st unix.Stat_t, found bool, err error) {
	if err := d.one("stat", name); err != nil {
		return st, false, err
	}
	err = unix.Fstatat(d.fd(), name, &st, unix.AT_SYMLINK_NOFOLLOW)
	if err == unix.ENOENT {
		return st, false, nil
	}
	return st, err == nil, d.fail("stat", name, err)
}

// Names returns what d holds, sorted.
func (d *Dir) Names() ([]string, error) {
	again, err := d.open(".") // an own read position
	if err != nil {
		return nil, err
	}
	defer again.Close()
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

// Read returns a regular file of at most limit bytes.
func (d *Dir) Read(name string, limit int64) ([]byte, error) {
	if err := d.one("open", name); err != nil {
		return nil, err
	}
	fd, err := unix.Openat(d.fd(), name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err == unix.ELOOP {
		return nil, schema.Invalidf("%s is a symbolic link", d.Path(name))
	}
	if err != nil {
		return nil, d.fail("open", name, err)
	}
	f := os.NewFile(uintptr(fd), d.Path(name))
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > limit {
		return nil, schema.Invalidf("%s is not a file of at most %d bytes", d.Path(name), limit)
	}
	return io.ReadAll(io.LimitReader(f, limit))
}

// Create writes a new file and brings it to the disk.
func (d *Dir) Create(name string, data []byte, owner Owner) error {
	f, err := d.create(name, data, owner)
	if f == nil {
		return err
	}
	if err == nil {
		err = f.Sync()
	}
	return cmp.Or(err, f.Close())
}

// create writes a new file. The caller closes it, also after an error.
func (d *Dir) create(name string, data []byte, owner Owner) (*os.File, error) {
	if err := d.change("create", name); err != nil {
		return nil, err
	}
	fd, err := unix.Openat(d.fd(), name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return nil, d.fail("create", name, err)
	}
	f := os.NewFile(uintptr(fd), d.Path(name))
	_, err = f.Write(data)
	if err == nil && owner != Caller() {
		err = f.Chown(owner.UID, owner.GID)
	}
	return f, err
}

// Replace writes a file so that readers see the old bytes or the new ones, and a crash leaves one of them.
func (d *Dir) Replace(name string, data []byte, owner Owner) error {
	temp := temporary(name)
	if err := d.Remove(temp); err != nil {
		return err
	}
	if err := d.Create(temp, data, owner); err != nil {
		return err
	}
	if err := d.Rename(temp, name); err != nil {
		return err
	}
	return d.Sync()
}

// Rename renames within d and replaces what is there.
func (d *Dir) Rename(from, to string) error {
	if err := d.change("rename", to); err != nil {
		return err
	}
	return d.fail("rename", to, unix.Renameat(d.fd(), from, d.fd(), to))
}

// Link makes name a symbolic link to target, in place of a link or a file that is there.
func (d *Dir) Link(name, target string) error {
	if d.Target(name) == target {
		return nil
	}
	temp := temporary(name)
	if err := d.Remove(temp); err != nil {
		return err
	}
	if err := d.change("symlink", temp); err != nil {
		return err
	}
	if err := unix.Symlinkat(target, d.fd(), temp); err != nil {
		return d.fail("symlink", temp, err)
	}
	return d.Rename(temp, name)
}

// Chown gives a name, a link itself and not where it points to, to an owner.
func (d *Dir) Chown(name string, owner Owner) error {
	if owner == Caller() {
		return nil
	}
	if err := d.change("chown", name); err != nil {
		return err
	}
	return d.fail("chown", name, unix.Fchownat(d.fd(), name, owner.UID, owner.GID, unix.AT_SYMLINK_NOFOLLOW))
}

// Date sets when a name, a link itself and not what it points to, was changed last.
func (d *Dir) Date(name string, at time.Time) error {
	if err := d.change("date", name); err != nil {
		return err
	}
	times := []unix.Timespec{unix.NsecToTimespec(at.UnixNano()), unix.NsecToTimespec(at.UnixNano())}
	return d.fail("date", name, unix.UtimesNanoAt(d.fd(), name, times, unix.AT_SYMLINK_NOFOLLOW))
}

// Target returns where a symbolic link points to, "" when name is none.
func (d *Dir) Target(name string) string {
	buf := make([]byte, 4096)
	n, err := unix.Readlinkat(d.fd(), name, buf)
	if err != nil {
		return ""
	}
	return string(buf[:n])
}

// Remove removes a file or a link; a missing one is removed already.
func (d *Dir) Remove(name string) error {
	if _, found, err := d.Stat(name); err != nil || !found {
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

// Move renames to another directory and replaces nothing: an existing toName is fs.ErrExist.
func (d *Dir) Move(name string, to *Dir, toName string) error {
	if err := cmp.Or(d.change("move", name), to.change("move", toName)); err != nil {
		return err
	}
	err := unix.Renameat2(d.fd(), name, to.fd(), toName, unix.RENAME_NOREPLACE)
	if err == unix.EINVAL || err == unix.ENOSYS {
		err = d.moveChecked(name, to, toName)
	}
	if err == unix.EXDEV {
		return schema.Invalidf("%s and %s lie on different file systems: stores are never copied", d.Path(name), to.Path(toName))
	}
	return d.fail("move", name, err)
}

// moveChecked serves file systems without renameat2 flags (NFS): a look first, under the lock of the spool.
func (d *Dir) moveChecked(name string, to *Dir, toName string) error {
	if _, found, err := to.Stat(toName); err != nil || found {
		return cmp.Or(err, error(unix.EEXIST))
	}
	return unix.Renameat(d.fd(), name, to.fd(), toName)
}

// RemoveAll removes a name and all below it; what is missing is removed already, maybe by another process.
func (d *Dir) RemoveAll(name string) error {
	st, found, err := d.Stat(name)
	if err != nil || !found {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		return d.Remove(name)
	}
	sub, err := d.Sub(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer sub.Close()
	names, err := sub.Names()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, below := range names {
		if err := sub.RemoveAll(below); err != nil {
			return err
		}
	}
	return d.rmdir(name)
}

// rmdir removes an empty directory; a missing one is removed already.
func (d *Dir) rmdir(name string) error {
	if err := d.change("rmdir", name); err != nil {
		return err
	}
	if err := unix.Unlinkat(d.fd(), name, unix.AT_REMOVEDIR); err != nil && err != unix.ENOENT {
		return d.fail("rmdir", name, err)
	}
	return nil
}
