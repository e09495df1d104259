package store

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	bolt "go.etcd.io/bbolt"

	"github.com/mailreg/mailreg/schema"
)

// rewrite gives a new store another version, and the state another value.
func rewrite(t *testing.T, layout uint64, state func(*encoder)) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "listener.db")
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	err = s.db.Update(func(b *bolt.Tx) error {
		var v, e encoder
		v.uint(layout)
		state(&e)
		meta := b.Bucket(bucketMeta)
		return errors.Join(meta.Put(keyVersion, v.seal(keyVersion)), meta.Put(keyState, e.seal(keyState)))
	})
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFirstLayoutIsConverted(t *testing.T) {
	path := rewrite(t, 1, func(e *encoder) {
		e.str("base=\"dc=x\"\nldap://one")
		e.str("cookie")
		e.uint(3)
		e.uint(1 << 40)
		e.uint(5)
		e.strs([]string{"a", "b"})
	})
	here := Fingerprint("base=\"dc=x\"", "ldap://one")
	want := State{
		Fingerprint: here, Slots: []Slot{{Fingerprint: here, Cookie: []byte("cookie")}},
		Generation: 3, Seq: 1 << 40, IDs: 5, Handlers: []string{"a", "b"},
	}
	for range 2 {
		s, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		err = s.View(func(tx *Tx) error {
			if diff := cmp.Diff(want, *tx.State()); diff != "" {
				t.Error(diff)
			}
			return nil
		})
		if err := errors.Join(err, s.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestBrokenFirstLayoutIsCorrupt(t *testing.T) {
	path := rewrite(t, 1, func(e *encoder) { e.b = append(e.b, 9, 'x') })
	if _, err := Open(path); !errors.Is(err, ErrCorrupt) {
		t.Errorf("error %v", err)
	}
}

func TestNewerLayoutIsRefused(t *testing.T) {
	path := rewrite(t, version+1, func(*encoder) {})
	if _, err := Open(path); !errors.Is(err, ErrVersion) || errors.Is(err, ErrCorrupt) {
		t.Errorf("error %v", err)
	}
}

// Fields that an older program did not write are zero, fields of a newer one are passed over.
func TestRecordsGrowAtTheEnd(t *testing.T) {
	var e encoder
	e.state(State{Fingerprint: "f", Generation: 2}, 0)
	short := encoder{b: e.b[:3]}
	d := &decoder{s: string(short.b)}
	if got, _ := d.state(); d.end() != nil || !cmp.Equal(got, State{Fingerprint: "f", Generation: 2}) {
		t.Errorf("state %+v, error %v", got, d.end())
	}
	e.uint(7)
	e.str("later")
	d = &decoder{s: string(e.b)}
	if got, _ := d.state(); d.end() != nil || got.Generation != 2 {
		t.Errorf("state %+v, error %v", got, d.end())
	}
}

// A program that does not know of the count leaves it out when it writes the state; then it is taken anew.
func TestEntriesAreCounted(t *testing.T) {
	s, err := Open(filepath.Join(t.TempDir(), "listener.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	put := func(n byte) func(*Tx) error {
		return func(tx *Tx) error { tx.PutEntry(&schema.Entry{UUID: schema.UUID{n}}); return nil }
	}
	expect := func(want int) {
		t.Helper()
		err := s.View(func(tx *Tx) error {
			if got, real := tx.CountEntries(), int(tx.countedEntries()); got != want || real != want {
				t.Errorf("%d entries counted, %d there, want %d", got, real, want)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
	refused := errors.New("refused")
	steps := []struct {
		do   func(*Tx) error
		want int
	}{
		{put(1), 1},
		{put(2), 2},
		{put(2), 2},
		{func(tx *Tx) error { _ = put(3)(tx); return refused }, 2},
		{func(tx *Tx) error { tx.DeleteEntry(schema.UUID{3}); tx.DeleteEntry(schema.UUID{1}); return nil }, 1},
		{func(tx *Tx) error { tx.entries = 0; return nil }, 1},
		{put(4), 2},
	}
	for _, step := range steps {
		if err := s.Update(step.do); err != nil && !errors.Is(err, refused) {
			t.Fatal(err)
		}
		expect(step.want)
	}
}

func TestSlotUnusedForLongestGoes(t *testing.T) {
	var s State
	for _, name := range []string{"0", "1", "2", "3", "4", "5", "6", "7", "0", "8"} {
		s.SetCookie(name, []byte("c"))
	}
	if len(s.Slots) != MaxSlots || s.Slot("1") != nil || s.Slot("0") == nil || s.Slots[0].Fingerprint != "8" {
		t.Errorf("slots %+v", s.Slots)
	}
	s.SetCookie("8", nil)
	if s.Slot("8") != nil || s.Cookie() != nil {
		t.Errorf("slots %+v", s.Slots)
	}
}

// A backup that a newer program has written keeps its place; nothing empty begins instead.
func TestNewerBackupIsNotRestored(t *testing.T) {
	newer := rewrite(t, version+1, func(*encoder) {})
	path := filepath.Join(t.TempDir(), "listener.db")
	s, err := Open(path)
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := Restore(t.Context(), path, "why", time.Unix(0, 0), newer); !errors.Is(err, ErrVersion) {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(newer); err != nil {
		t.Error(err)
	}
}

// What is empty is whole in the index of blocked marks only.
func TestEmptyValueIsCorrupt(t *testing.T) {
	for _, key := range []string{"short", string(pair(schema.UUID{1}, schema.UUID{2}))} {
		path := filepath.Join(t.TempDir(), "listener.db")
		s, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		err = s.db.Update(func(b *bolt.Tx) error { return b.Bucket(bucketEntries).Put([]byte(key), nil) })
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Check(t.Context()); !errors.Is(err, ErrCorrupt) {
			t.Errorf("key %q: error %v", key, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
