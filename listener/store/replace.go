package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Replacement says how a damaged or restored store was replaced.
type Replacement struct {
	// Aside is where the former file is now, "" when there was none.
	Aside string
	// From is the backup that took its place, "" for an empty store.
	From string
	// Unusable are the backups that were passed over, and why.
	Unusable error
}

// Replace sets the file at path aside under a dated name and puts the first good of the backups in its place, or an empty
// store when none is. Path holds the one or the other at any time. Of a backup, nothing is due before a refresh has ended,
// and what takes mail away in that refresh is held: a person may have decided otherwise since. reason is kept with it.
func Replace(ctx context.Context, path, reason string, now time.Time, backups ...string) (Replacement, error) {
	var r Replacement
	fresh := path + ".new"
	for _, backup := range backups {
		err := prepare(ctx, backup, fresh, reason+"; a backup has taken its place: "+backup)
		if err == nil {
			r.From = backup
			break
		}
		r.Unusable = errors.Join(r.Unusable, fmt.Errorf("backup %s: %w", backup, err))
	}
	if r.From == "" {
		err := errors.Join(removeAny(fresh), create(fresh))
		if err == nil {
			err = amend(fresh, func(tx *Tx) {
				tx.State().Replaced = reason + "; an empty one has taken its place: what was parked or held is forgotten, and what was deleted meanwhile stays on disk"
			})
		}
		if err != nil {
			return r, fmt.Errorf("creating store %s: %w", fresh, err)
		}
	}
	aside, err := setAside(path, now)
	if err != nil {
		return r, err
	}
	r.Aside = aside
	if err := os.Rename(fresh, path); err != nil {
		return r, err
	}
	return r, syncDir(filepath.Dir(path))
}

// Aside is the name pattern of the files that Replace has set aside, for a store at path.
func Aside(path string) string { return path + ".aside-*" }

// setAside gives the file a second name. The first stays until another file takes it.
func setAside(path string, now time.Time) (string, error) {
	base := path + ".aside-" + now.UTC().Format("20060102T150405Z")
	for n := 1; ; n++ {
		name := base
		if n > 1 {
			name = fmt.Sprintf("%s.%d", base, n)
		}
		err := os.Link(path, name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return "", nil
		case err == nil:
			return name, nil
		case !errors.Is(err, fs.ErrExist):
			return "", fmt.Errorf("setting the store aside: %w", err)
		}
	}
}

// prepare copies a backup and makes a store of it that takes nothing for granted.
func prepare(ctx context.Context, backup, fresh, reason string) error {
	if err := copyFile(backup, fresh); err != nil {
		return err
	}
	if err := CheckFile(ctx, fresh); err != nil {
		return err
	}
	return amend(fresh, func(tx *Tx) {
		state := tx.State()
		state.Replaced, state.Cautious = reason, true
		for _, name := range tx.HandlerNames() {
			tx.Handler(name).await(state.Generation)
		}
	})
}

// await makes what is to be worked on wait for the end of the next refresh, and takes back what lets it pass the brake.
func (h *Handler) await(generation uint64) {
	var marks []Mark
	for m := range h.Marks() {
		if m.Class != Parked && m.Class != Held {
			marks = append(marks, m)
		}
	}
	for _, m := range marks {
		m.Doubt = m.Called(generation)
		m.Approved, m.Checked = false, false
		m.Generation, m.Known = generation+1, 0
		h.PutMark(m)
	}
}

func amend(path string, change func(*Tx)) error {
	s, err := Open(path)
	if err != nil {
		return err
	}
	err = s.Update(func(tx *Tx) error { change(tx); return nil })
	return errors.Join(err, s.Close())
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}

func removeAny(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
