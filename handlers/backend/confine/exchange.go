package confine

import (
	"cmp"

	"golang.org/x/sys/unix"
)

// Exchange lets two names, which both exist, change places in one step. ok is false where the file system cannot do that
// (NFS); then nothing has happened.
func (d *Dir) Exchange(name string, with *Dir, withName string) (ok bool, err error) {
	if err := cmp.Or(d.change("exchange", name), with.change("exchange", withName)); err != nil {
		return false, err
	}
	err = unix.Renameat2(d.fd(), name, with.fd(), withName, unix.RENAME_EXCHANGE)
	if err == unix.EINVAL || err == unix.ENOSYS {
		return false, nil
	}
	return err == nil, d.fail("exchange", name, err)
}

// RemoveEmpty removes a directory unless there is something in it.
func (d *Dir) RemoveEmpty(name string) error {
	if err := d.change("rmdir", name); err != nil {
		return err
	}
	switch err := unix.Unlinkat(d.fd(), name, unix.AT_REMOVEDIR); err {
	case nil, unix.ENOENT, unix.ENOTEMPTY, unix.ENOTDIR, unix.EEXIST:
		return nil
	default:
		return d.fail("rmdir", name, err)
	}
}

// Chmod gives d itself a mode.
func (d *Dir) Chmod(perm uint32) error {
	if d.fault != nil {
		if err := d.fault("chmod", d.Name()); err != nil {
			return err
		}
	}
	return d.fail("chmod", ".", unix.Fchmod(d.fd(), perm))
}
