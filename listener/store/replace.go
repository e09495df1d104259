package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
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

// fresh is the suffix of a file that is being made to take the store's place.
const fresh = ".new"

// Replace sets the file at path aside under a dated name and puts the first good of the backups in its place, or an empty
// store when none is. Path holds the one or the other at any time. Only a backup that is itself no good is passed over: when
// the disk is full, or ctx ends, the file stays. See Restore for what becomes of a backup. reason is kept with it.
func Replace(ctx context.Context, path, reason string, now time.Time, backups ...string) (r Replacement, err error) {
	for _, backup := range backups {
		taken, err := Restore(ctx, path, reason, now, backup)
		if err == nil || !unusable(err) {
			taken.Unusable = r.Unusable
			return taken, err
		}
		r.Unusable = errors.Join(r.Unusable, err)
	}
	draft := path + fresh
	if err := errors.Join(removeAny(draft), create(draft)); err != nil {
		return r, fmt.Errorf("creating store %s: %w", draft, err)
	}
	err = amend(draft, func(tx *Tx) {
		tx.State().Replaced = reason + "; an empty one has taken its place: what was parked or held is forgotten, and what was deleted meanwhile stays on disk"
	})
	if err != nil {
		return r, fmt.Errorf("creating store %s: %w", draft, err)
	}
	r.Aside, err = swap(path, now)
	return r, err
}

// Restore sets the file at path aside and puts a backup in its place. Nothing is due in it before a refresh has ended, and what
// takes mail away in that refresh is held: a person may have decided otherwise since. One that is no good is an error, and
// the file stays.
func Restore(ctx context.Context, path, reason string, now time.Time, backup string) (Replacement, error) {
	r := Replacement{From: backup}
	err := prepare(ctx, backup, path+fresh, reason+"; a backup has taken its place: "+backup)
	if err != nil {
		_ = os.Remove(path + fresh) // it only takes room
		return Replacement{}, fmt.Errorf("backup %s: %w", backup, err)
	}
	r.Aside, err = swap(path, now)
	return r, err
}

// swap sets the file at path aside, unless another process has it open, and puts the new one in its place.
func swap(path string, now time.Time) (aside string, err error) {
	file, err := os.Open(path)
	if err == nil {
		defer file.Close()
		err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case errors.Is(err, syscall.EWOULDBLOCK):
		return "", fmt.Errorf("setting the store aside: %w", errInUse)
	case err != nil:
		return "", fmt.Errorf("setting the store aside: %w", err)
	}
	if aside, err = setAside(path, now); err != nil {
		return "", err
	}
	if err := os.Rename(path+fresh, path); err != nil {
		return aside, err
	}
	return aside, syncDir(filepath.Dir(path))
}

// unusable reports whether an error says that a backup is no good, and not that it could not be taken.
func unusable(err error) bool {
	_, unread := errors.AsType[unreadError](err)
	return unread || errors.Is(err, ErrCorrupt) || errors.Is(err, ErrVersion)
}

// unreadError is that of reading a backup, which the disk does not give.
type unreadError struct{ error }

func (e unreadError) Unwrap() error { return e.error }

// Aside is the name pattern of the files that Replace has set aside, for a store at path.
func Aside(path string) string { return path + ".aside-*" }

// setAside gives the file a second name. The first stays until another file takes it. One that has a second name already,
// because this was cut short before, keeps that.
func setAside(path string, now time.Time) (string, error) {
	if name := namesake(path); name != "" {
		return name, nil
	}
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

// namesake returns the other name of a file that was set aside, "" when it has none.
func namesake(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	names, _ := filepath.Glob(Aside(path))
	for _, name := range names {
		if other, err := os.Stat(name); err == nil && os.SameFile(info, other) {
			return name
		}
	}
	return ""
}

// prepare copies a backup and makes a store of it that takes nothing for granted.
func prepare(ctx context.Context, backup, draft, reason string) error {
	if err := copyFile(backup, draft); err != nil {
		return err
	}
	if err := CheckFile(ctx, draft); err != nil {
		return err
	}
	return amend(draft, func(tx *Tx) {
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
		return unreadError{err}
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	// The writer hides what else the file can do, so that a read and a write fail apart from each other.
	_, err = io.Copy(struct{ io.Writer }{out}, backupReader{in})
	return errors.Join(err, out.Sync(), out.Close())
}

// backupReader marks the errors of reading.
type backupReader struct{ io.Reader }

func (r backupReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = unreadError{err}
	}
	return n, err
}

func removeAny(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
