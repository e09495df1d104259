package confine

import (
	"os"
	"path"
	"slices"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// Tree is a directory that is being made where nobody looks for it, and all below it. What is added is on the disk after
// Settle, which brings all of it there at once: a disk does that in about the time that one file takes.
type Tree struct {
	*Dir
	owner Owner
	subs  []*Tree
	files []*os.File
	// filled says that the directory holds something.
	filled bool
}

// Plant begins a tree, in place of what is left of one. Until it is closed, Abandoned does not report it.
func (d *Dir) Plant(name string, perm uint32, owner Owner) (*Tree, error) {
	if err := d.RemoveAll(name); err != nil {
		return nil, err
	}
	t, err := d.grow(name, perm, owner)
	if err != nil {
		return nil, err
	}
	_ = unix.Flock(t.fd(), unix.LOCK_EX|unix.LOCK_NB) // where that is not possible, who clears up may make us begin anew
	return t, nil
}

func (d *Dir) grow(name string, perm uint32, owner Owner) (*Tree, error) {
	made, err := d.made(name, perm, owner)
	if err != nil && made != nil {
		made.Close()
	}
	return &Tree{Dir: made, owner: owner}, err
}

// Abandoned reports whether nobody is at a tree: who has planted it is done, or has crashed.
func (d *Dir) Abandoned(name string) bool {
	top, err := d.Sub(name)
	if err != nil {
		return true
	}
	defer top.Close()
	return unix.Flock(top.fd(), unix.LOCK_SH|unix.LOCK_NB) != unix.EWOULDBLOCK
}

// Branch returns a directory of the tree, which is made when it is missing. The tree closes it.
func (t *Tree) Branch(name string, perm uint32) (*Tree, error) {
	for _, sub := range t.subs {
		if path.Base(sub.Name()) == name {
			return sub, nil
		}
	}
	sub, err := t.grow(name, perm, t.owner)
	if err != nil {
		return nil, err
	}
	t.subs, t.filled = append(t.subs, sub), true
	return sub, nil
}

// File adds a file.
func (t *Tree) File(name string, data []byte, owner Owner) error {
	f, err := t.create(name, data, owner)
	if f != nil {
		t.files = append(t.files, f)
	}
	t.filled = true
	return err
}

// Link adds a symbolic link, which belongs to the owner of the tree.
func (t *Tree) Link(name, target string) error {
	t.filled = true
	if err := t.change("symlink", name); err != nil {
		return err
	}
	if err := unix.Symlinkat(target, t.fd(), name); err != nil {
		return t.fail("symlink", name, err)
	}
	return t.Chown(name, t.owner)
}

// Settle brings the tree to the disk: each file, and each directory that holds something.
func (t *Tree) Settle() error {
	all := t.open()
	for _, f := range all {
		if t.fault == nil {
			break
		}
		if err := t.fault("sync", f.Name()); err != nil {
			return err
		}
	}
	var group errgroup.Group
	for _, f := range all {
		group.Go(f.Sync)
	}
	return group.Wait()
}

func (t *Tree) open() []*os.File {
	all := slices.Clone(t.files)
	if t.filled {
		all = append(all, t.f)
	}
	for _, sub := range t.subs {
		all = append(all, sub.open()...)
	}
	return all
}

// Close closes the tree.
func (t *Tree) Close() {
	for _, f := range t.files {
		_ = f.Close()
	}
	for _, sub := range t.subs {
		sub.Close()
	}
	t.Dir.Close()
}

// Settle brings what several directories list to the disk.
func Settle(dirs ...*Dir) error {
	var group errgroup.Group
	for _, d := range dirs {
		group.Go(d.Sync)
	}
	return group.Wait()
}
