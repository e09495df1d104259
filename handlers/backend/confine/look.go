package confine

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// IsDir reports whether a name is a directory.
func (d *Dir) IsDir(name string) (bool, error) {
	st, found, err := d.Stat(name)
	return found && st.Mode&unix.S_IFMT == unix.S_IFDIR, err
}

// Each visits all names below d, directories before what is in them.
func (d *Dir) Each(visit func(in *Dir, name string, st unix.Stat_t)) error {
	names, err := d.Names()
	if err != nil {
		return err
	}
	for _, name := range names {
		st, found, err := d.Stat(name)
		if err != nil {
			return err
		}
		if !found {
			continue
		}
		visit(d, name, st)
		if st.Mode&unix.S_IFMT != unix.S_IFDIR {
			continue
		}
		sub, err := d.Sub(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		err = sub.Each(visit)
		sub.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// Born returns when d was made, or the oldest change of anything in it where the file system does not tell.
func (d *Dir) Born() (time.Time, error) {
	var x unix.Statx_t
	if err := unix.Statx(d.fd(), "", unix.AT_EMPTY_PATH, unix.STATX_BTIME|unix.STATX_CTIME, &x); err != nil {
		return time.Time{}, d.fail("statx", ".", err)
	}
	if x.Mask&unix.STATX_BTIME != 0 {
		return time.Unix(x.Btime.Sec, int64(x.Btime.Nsec)), nil
	}
	oldest := time.Unix(x.Ctime.Sec, int64(x.Ctime.Nsec))
	err := d.Each(func(_ *Dir, _ string, st unix.Stat_t) {
		if at := time.Unix(st.Ctim.Unix()); at.Before(oldest) {
			oldest = at
		}
	})
	return oldest, err
}

// Lock takes the lock of a file in d, which is made when it is missing, and waits while somebody else has it, until the
// context ends. Closing what is returned, or the end of the process, gives it up.
func (d *Dir) Lock(ctx context.Context, name string) (io.Closer, error) {
	if err := d.one("flock", name); err != nil {
		return nil, err
	}
	fd, err := unix.Openat(d.fd(), name, unix.O_RDWR|unix.O_CREAT|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, d.fail("open", name, err)
	}
	f := os.NewFile(uintptr(fd), d.Path(name))
	if err := flock(ctx, fd); err != nil {
		_ = f.Close()
		return nil, d.fail("flock", name, err)
	}
	return f, nil
}

// flock asks again and again, because a waiting flock(2) cannot be ended from outside. Who has the lock is mostly at work
// for milliseconds.
func flock(ctx context.Context, fd int) error {
	for wait := time.Millisecond; ; wait = min(wait*5/4, 50*time.Millisecond) {
		err := unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
		if err != unix.EWOULDBLOCK && err != unix.EINTR {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(wait):
		}
	}
}

// IsLink reports whether a name is a symbolic link.
func (d *Dir) IsLink(name string) (bool, error) {
	st, found, err := d.Stat(name)
	return found && st.Mode&unix.S_IFMT == unix.S_IFLNK, err
}
