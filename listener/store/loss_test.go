package store_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mailreg/mailreg/listener/store"
	"github.com/mailreg/mailreg/schema"
)

// crowd makes a store with so many entries that most of its pages are not read at once.
func crowd(t *testing.T) *db {
	t.Helper()
	d := open(t)
	d.update(func(tx *store.Tx) {
		for n := range 300 {
			tx.PutEntry(schema.NewEntry(schema.UUID{byte(n >> 8), byte(n), 1}, "cn=someone"))
		}
	})
	return d
}

// A page that goes bad under the open store ends all writing, wherever it was met, and nothing hangs.
func TestDamageWhileOpen(t *testing.T) {
	read := func(s *store.Store) error {
		return s.View(func(tx *store.Tx) error {
			for range tx.Entries(schema.UUID{}) {
			}
			return nil
		})
	}
	change := func(s *store.Store) error {
		return s.Update(func(tx *store.Tx) error {
			for n := range 300 {
				tx.DeleteEntry(schema.UUID{byte(n >> 8), byte(n), 1})
			}
			return nil
		})
	}
	damages := map[string]func(*testing.T, string){
		"overwritten": func(t *testing.T, path string) {
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			if err == nil {
				_, err = f.WriteAt([]byte(strings.Repeat("bad", 10000)), int64(2*os.Getpagesize()))
				err = errors.Join(err, f.Close())
			}
			if err != nil {
				t.Fatal(err)
			}
		},
		"cut short": func(t *testing.T, path string) {
			if err := os.Truncate(path, int64(2*os.Getpagesize())); err != nil {
				t.Fatal(err)
			}
		},
	}
	for name, damage := range damages {
		for how, use := range map[string]func(*store.Store) error{"reading": read, "changing": change} {
			t.Run(name+" "+how, func(t *testing.T) {
				d := crowd(t)
				damage(t, d.path)
				if err := use(d.Store); !errors.Is(err, store.ErrCorrupt) {
					t.Errorf("error %v", err)
				}
				if err := d.Watch(t.Context()); !errors.Is(err, store.ErrCorrupt) {
					t.Errorf("watched: %v", err)
				}
				if err := d.Update(func(*store.Tx) error { return nil }); !errors.Is(err, store.ErrCorrupt) {
					t.Errorf("writing on: %v", err)
				}
			})
		}
	}
}

func TestWatchEndsWithItsContext(t *testing.T) {
	d := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	d.must(d.Watch(ctx))
}

// A mistake of ours within a transaction leaves the store usable.
func TestPanicInATransaction(t *testing.T) {
	d := open(t)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
		}()
		d.update(func(*store.Tx) { panic("mistake") })
	}()
	d.update(func(tx *store.Tx) { tx.PutEntry(entry(1)) })
}

// What is not a file of ours is an error that names it, and stays as it is.
func TestOpenSomethingElse(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(empty); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("an empty file: %v", err)
	}
	folder := filepath.Join(dir, "folder")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(folder); err == nil || errors.Is(err, store.ErrCorrupt) || !strings.Contains(err.Error(), folder) {
		t.Errorf("a folder: %v", err)
	}
	if _, err := store.Open(filepath.Join(empty, "listener.db")); err == nil || errors.Is(err, store.ErrCorrupt) {
		t.Errorf("below a file: %v", err)
	}
}

// The remains of a creation that was cut short go when the store opens.
func TestRemainsAreSwept(t *testing.T) {
	d := open(t)
	for _, name := range []string{".store-123", "listener.db.new", "other"} {
		d.must(os.WriteFile(filepath.Join(filepath.Dir(d.path), name), nil, 0o600))
	}
	d.reopen()
	files, err := os.ReadDir(filepath.Dir(d.path))
	d.must(err)
	if len(files) != 2 || files[0].Name() != "listener.db" || files[1].Name() != "other" {
		t.Errorf("there are %v", files)
	}
}

// Nothing takes the place of a store that is in use, and no backup is given up for reasons that are not its own.
func TestReplaceGivesUp(t *testing.T) {
	d := crowd(t)
	backup := filepath.Join(t.TempDir(), "backup")
	d.must(d.Backup(t.Context(), backup))
	now := time.Unix(0, 0)
	if _, err := store.Replace(t.Context(), d.path, "why", now, backup); err == nil || !strings.Contains(err.Error(), "another process has it open") {
		t.Errorf("in use: %v", err)
	}
	d.must(d.Close())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	// One that is told to stop while it checks the backup begins no empty store.
	if _, err := store.Replace(ctx, d.path, "why", now, backup); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	d.must(os.MkdirAll(d.path+".new/full", 0o700))
	if _, err := store.Replace(t.Context(), d.path, "why", now, backup); err == nil {
		t.Error("not writable: no error")
	}
	d.must(os.RemoveAll(d.path + ".new"))
	if _, err := store.Restore(t.Context(), d.path, "why", now, filepath.Join(filepath.Dir(backup), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no backup: %v", err)
	}
	d.Store = nil
	d.reopen()
	d.view(func(tx *store.Tx) {
		if tx.CountEntries() != 300 || tx.State().Replaced != "" {
			t.Errorf("%d entries, %+v", tx.CountEntries(), tx.State())
		}
	})
	if files, _ := filepath.Glob(store.Aside(d.path)); len(files) != 0 {
		t.Errorf("set aside: %q", files)
	}
}
