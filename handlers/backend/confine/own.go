package confine

import "golang.org/x/sys/unix"

// Own gives all that is below d to an owner, but for what is called except in d itself: links to elsewhere, devices and files
// with a second name are left alone, for whoever could make them here must not get what they stand for.
func (d *Dir) Own(owner Owner, except string) error {
	var failed error
	err := d.Each(func(in *Dir, name string, st unix.Stat_t) {
		kind := st.Mode & unix.S_IFMT
		plain := kind == unix.S_IFDIR || kind == unix.S_IFREG && st.Nlink == 1
		if failed == nil && plain && (name != except || in.Name() != d.Name()) {
			failed = in.OwnOne(name, owner)
		}
	})
	if failed != nil {
		return failed
	}
	return err
}

// OwnOne gives one name of d to an owner.
func (d *Dir) OwnOne(name string, owner Owner) error {
	if err := d.one("chown", name); err != nil {
		return err
	}
	if err := d.change("chown", name); err != nil {
		return err
	}
	err := unix.Fchownat(d.fd(), name, owner.UID, owner.GID, unix.AT_SYMLINK_NOFOLLOW)
	return d.fail("chown", name, err)
}
