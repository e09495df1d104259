package maildir

import (
	"path"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mailreg/mailreg/handlers/backend/confine"
)

// lock is a file by which a process of Dovecot holds a folder. When its home moves, it stays without a holder, and whoever
// logs in waits two minutes for it.
type lock struct {
	// dir is below the home.
	dir, name string
	ino       uint64
	at        time.Time
}

// locks returns the locks in a home. What cannot be read has none: the mail user may have put anything there.
func (w *work) locks(rel string) []lock {
	home, err := w.base.Walk(rel)
	if err != nil {
		return nil
	}
	defer home.Close()
	return locksIn(home, ".")
}

func locksIn(d *confine.Dir, dir string) (all []lock) {
	names, err := d.Names()
	if err != nil {
		return nil
	}
	for _, name := range names {
		st, found, err := d.Stat(name)
		switch {
		case err != nil || !found:
		case st.Mode&unix.S_IFMT == unix.S_IFDIR:
			if name == "cur" || name == "new" || name == "tmp" {
				continue
			}
			if sub, err := d.Sub(name); err == nil {
				all = append(all, locksIn(sub, path.Join(dir, name))...)
				sub.Close()
			}
		case strings.HasSuffix(name, ".lock"):
			all = append(all, lock{dir: dir, name: name, ino: st.Ino, at: time.Unix(st.Mtim.Unix())})
		}
	}
	return all
}

// drop removes a lock from a home, unless somebody else has it by now.
func (w *work) drop(rel string, l lock) error {
	d, err := w.base.Walk(path.Join(rel, l.dir))
	if absent(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer d.Close()
	if st, found, err := d.Stat(l.name); err != nil || !found || st.Ino != l.ino {
		return err
	}
	return d.Remove(l.name)
}

// relocate moves a store to where a server looks for it, without the locks that it had.
func (w *work) relocate(from, to string) error {
	locks := w.locks(from)
	if err := w.move(from, to); err != nil {
		return err
	}
	for _, l := range locks {
		if err := w.drop(to, l); err != nil {
			return err
		}
	}
	return nil
}

// briefly is longer than a lock is held, and than relocate takes from the intent to the move.
const briefly = 250 * time.Millisecond

// dropOldLocks removes the locks that were taken in the moment of the move, unseen by relocate.
func (w *work) dropOldLocks(v vacated) error {
	h, found, err := w.locate(v.UUID)
	if err != nil || !found {
		return err
	}
	moved := v.Time.Add(briefly / 2)
	for _, l := range w.locks(h.rel) {
		if l.at.After(moved) || w.cfg.Now().Sub(l.at) < briefly {
			continue
		}
		if err := w.drop(h.rel, l); err != nil {
			return err
		}
	}
	return nil
}
