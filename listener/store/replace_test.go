package store_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mailreg/mailreg/listener/store"
)

func TestBackupTakesThePlaceOfADamagedStore(t *testing.T) {
	d := open(t)
	d.update(func(tx *store.Tx) {
		tx.AddHandler("h")
		tx.State().Generation = 4
		h := tx.Handler("h")
		h.PutMark(store.Mark{UUID: id(1), Generation: 4, Approved: true})
		h.PutMark(store.Mark{UUID: id(2), Generation: 4, Class: store.Parked, ID: "p1", Reason: "why"})
		h.Acknowledge(id(3), entry(3, "v"), []string{"a"}, time.Unix(1, 0))
	})
	dir := t.TempDir()
	good, bad := filepath.Join(dir, "good"), filepath.Join(dir, "bad")
	d.must(d.Backup(t.Context(), good))
	d.update(func(tx *store.Tx) { tx.PutEntry(entry(9)) })
	d.must(d.Close())
	d.must(os.WriteFile(bad, []byte("no store"), 0o600))
	now := time.Date(2026, 11, 24, 1, 2, 3, 0, time.UTC)
	r, err := store.Replace(t.Context(), d.path, "it was damaged", now, bad, good)
	d.must(err)
	if r.From != good || r.Unusable == nil || r.Aside != d.path+".aside-20261124T010203Z" {
		t.Errorf("replaced: %+v", r)
	}
	if _, err := os.Stat(r.Aside); err != nil {
		t.Error(err)
	}
	d.Store = nil
	d.reopen()
	d.view(func(tx *store.Tx) {
		s := tx.State()
		if !s.Cautious || !strings.HasPrefix(s.Replaced, "it was damaged; a backup has taken its place: ") {
			t.Errorf("state %+v", s)
		}
		first, _ := tx.Handler("h").Mark(id(1))
		second, _ := tx.Handler("h").Mark(id(2))
		if first.Generation != 5 || first.Approved || !first.Doubt || second.Generation != 4 || second.ID != "p1" {
			t.Errorf("marks %+v, %+v", first, second)
		}
		if !tx.Handler("h").HasAcked(id(3)) || tx.HasEntry(id(9)) {
			t.Error("not what the backup holds")
		}
	})
}

func TestEmptyStoreTakesThePlaceWithoutABackup(t *testing.T) {
	d := open(t)
	d.update(func(tx *store.Tx) { tx.PutEntry(entry(1)) })
	d.must(d.Close())
	for range 2 { // in the same second
		_, err := store.Replace(t.Context(), d.path, "it was damaged", time.Unix(0, 0))
		d.must(err)
	}
	d.Store = nil
	d.reopen()
	d.view(func(tx *store.Tx) {
		if s := tx.State(); s.Cautious || s.Replaced == "" || tx.CountEntries() != 0 {
			t.Errorf("state %+v, %d entries", s, tx.CountEntries())
		}
	})
	if files, _ := filepath.Glob(store.Aside(d.path)); len(files) != 2 {
		t.Errorf("set aside: %q", files)
	}
}
