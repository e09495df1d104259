package store_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	bolt "go.etcd.io/bbolt"
	"pgregory.net/rapid"

	"github.com/mailreg/mailreg/listener/store"
	"github.com/mailreg/mailreg/schema"
)

// db is a store whose calls end the test when they fail.
type db struct {
	*store.Store
	t    *testing.T
	path string
}

func open(t *testing.T) *db {
	t.Helper()
	d := &db{t: t, path: filepath.Join(t.TempDir(), "state", "listener.db")}
	d.reopen()
	t.Cleanup(func() { d.must(d.Close()) })
	return d
}

func (d *db) reopen() {
	d.t.Helper()
	if d.Store != nil {
		d.must(d.Close())
	}
	s, err := store.Open(d.path)
	d.must(err)
	d.Store = s
}

func (d *db) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *db) update(fn func(*store.Tx)) {
	d.t.Helper()
	d.must(d.Update(func(tx *store.Tx) error { fn(tx); return nil }))
}

func (d *db) view(fn func(*store.Tx)) {
	d.t.Helper()
	d.must(d.View(func(tx *store.Tx) error { fn(tx); return nil }))
}

func id(n byte) schema.UUID { return schema.UUID{15: n} }

func entry(n byte, values ...string) *schema.Entry {
	return schema.NewEntry(id(n), "cn=x", schema.Attribute{Name: "a", Values: values})
}

func TestReopeningChangesNoByte(t *testing.T) {
	d := open(t)
	d.update(func(tx *store.Tx) {
		tx.AddHandler("h")
		tx.PutEntry(entry(1, "v"))
		tx.Handler("h").PutMark(store.Mark{UUID: id(1), First: tx.NextSeq()})
		tx.State().SetCookie("f", []byte("c"))
	})
	d.reopen()
	before, err := os.ReadFile(d.path)
	d.must(err)
	d.view(func(tx *store.Tx) { tx.Entry(id(1)) })
	d.reopen()
	after, err := os.ReadFile(d.path)
	d.must(err)
	if !bytes.Equal(before, after) {
		t.Error("the file has changed")
	}
}

func TestNewFileIsPrivateAndComplete(t *testing.T) {
	d := open(t)
	info, err := os.Stat(d.path)
	d.must(err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	files, err := os.ReadDir(filepath.Dir(d.path))
	d.must(err)
	if len(files) != 1 {
		t.Errorf("left behind: %v", files)
	}
}

func TestSecondProcessIsRefused(t *testing.T) {
	d := open(t)
	_, err := store.Open(d.path)
	if err == nil || !strings.Contains(err.Error(), "another process has it open") {
		t.Errorf("error %v", err)
	}
}

func TestOtherVersionIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "listener.db")
	b, err := bolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(path); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("error %v", err)
	}
}

func TestFailedUpdateLeavesNothing(t *testing.T) {
	d := open(t)
	refused := errors.New("refused")
	err := d.Update(func(tx *store.Tx) error {
		tx.PutEntry(entry(1))
		tx.NextSeq()
		return refused
	})
	if !errors.Is(err, refused) {
		t.Errorf("error %v", err)
	}
	d.view(func(tx *store.Tx) {
		if tx.Entry(id(1)) != nil || tx.State().Seq != 0 {
			t.Error("something was written")
		}
	})
}

func TestCorruptValueIsNoticed(t *testing.T) {
	d := open(t)
	d.update(func(tx *store.Tx) { tx.PutEntry(entry(1, "value")) })
	d.must(d.Close())
	b, err := bolt.Open(d.path, 0o600, nil)
	d.must(err)
	d.must(b.Update(func(tx *bolt.Tx) error {
		entries := tx.Bucket([]byte("entries"))
		one := id(1)
		value := bytes.Replace(entries.Get(one[:]), []byte("value"), []byte("VALUE"), 1)
		return entries.Put(one[:], value)
	}))
	d.must(b.Close())
	d.Store = nil
	d.reopen()
	err = d.View(func(tx *store.Tx) error {
		if tx.Entry(id(1)) != nil {
			t.Error("a corrupt entry was returned")
		}
		return nil
	})
	if !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("error %v", err)
	}
}

func TestEntriesSurvive(t *testing.T) {
	d := open(t)
	rapid.Check(t, func(rt *rapid.T) {
		anything := rapid.Custom(func(rt *rapid.T) string { return string(rapid.SliceOf(rapid.Byte()).Draw(rt, "bytes")) })
		values := rapid.SliceOfN(anything, 1, 4)
		e := schema.NewEntry(id(1), anything.Draw(rt, "dn"),
			schema.Attribute{Name: "one", Values: values.Draw(rt, "one")},
			schema.Attribute{Name: "two;binary", Values: values.Draw(rt, "two")})
		d.update(func(tx *store.Tx) { tx.PutEntry(e) })
		d.view(func(tx *store.Tx) {
			if diff := cmp.Diff(e, tx.Entry(id(1))); diff != "" {
				rt.Fatal(diff)
			}
		})
	})
}

func TestMarksSurvive(t *testing.T) {
	d := open(t)
	now := time.Now().Round(0)
	full := store.Mark{
		UUID: id(1), First: 1, Last: 300, Known: 7, Since: now, Generation: 2, Class: store.Retry, Attempts: 3, Next: now.Add(time.Second),
		Reason: "why", ID: "p1", BlockedBy: id(2), Resync: true, Approved: true, Checked: true, SetAside: true, Doubt: true,
		Tried: []store.Trial{{Resource: "mailbox:a@x", Generation: 2, Known: 1 << 20}}, Before: entry(1, "v"),
	}
	d.update(func(tx *store.Tx) {
		tx.AddHandler("h")
		tx.Handler("h").PutMark(full)
		tx.Handler("h").PutMark(store.Mark{UUID: id(3)})
	})
	d.reopen()
	d.view(func(tx *store.Tx) {
		got := slices.Collect(tx.Handler("h").Marks())
		if diff := cmp.Diff([]store.Mark{full, {UUID: id(3)}}, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestStateSurvives(t *testing.T) {
	d := open(t)
	want := store.State{
		Fingerprint: "f", Slots: []store.Slot{{Fingerprint: "f", Cookie: []byte{0, 255}}, {Fingerprint: "g", Cookie: []byte("c"), Suspended: true}},
		Generation: 3, Seq: 1 << 40, IDs: 5, Handlers: []string{"a", "b"},
	}
	state := store.HandlerState{Reconcile: true, From: 4, LastSuccess: time.Unix(1, 2)}
	d.update(func(tx *store.Tx) {
		*tx.State() = want
		tx.AddHandler("a")
		tx.Handler("a").SetState(state)
		tx.PutOutside(id(1), "cn=gone")
	})
	d.reopen()
	d.view(func(tx *store.Tx) {
		if diff := cmp.Diff(want, *tx.State()); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(state, tx.Handler("a").State()); diff != "" {
			t.Error(diff)
		}
		if dn, ok := tx.Outside(id(1)); !ok || dn != "cn=gone" {
			t.Error(dn, ok)
		}
	})
}

func TestClaimsFollowAcknowledgements(t *testing.T) {
	d := open(t)
	owners := func(tx *store.Tx) string {
		var b strings.Builder
		for _, r := range []string{"a", "b", "c"} {
			if owner, ok := tx.Handler("h").Owner(r); ok {
				b.WriteString(r + string('0'+rune(owner[15])))
			}
		}
		return b.String()
	}
	steps := []struct {
		entry  byte
		gone   bool
		claims []string
		want   string
	}{
		{1, false, []string{"a", "b"}, "a1b1"},
		{2, false, []string{"b", "c"}, "a1b1c2"}, // b is another's
		{1, false, []string{"a"}, "a1c2"},
		{2, false, []string{"b", "c"}, "a1b2c2"},
		{2, false, []string{"c", "c"}, "a1c2"},
		{1, true, nil, "c2"},
		{2, true, nil, ""},
	}
	d.update(func(tx *store.Tx) { tx.AddHandler("h") })
	for _, s := range steps {
		d.update(func(tx *store.Tx) {
			e := entry(s.entry)
			if s.gone {
				e = nil
			}
			tx.Handler("h").Acknowledge(id(s.entry), e, s.claims, time.Unix(7, 0))
			if e != nil && tx.Handler("h").Acked(id(s.entry)).At != time.Unix(7, 0) {
				t.Error("the time was not kept")
			}
			if got := owners(tx); got != s.want {
				t.Errorf("%+v: owners %s", s, got)
			}
		})
	}
}

func TestBatchesFollowMarks(t *testing.T) {
	d := open(t)
	d.update(func(tx *store.Tx) {
		tx.AddHandler("h")
		h := tx.Handler("h")
		b := store.Batch{ID: tx.NextID("h"), Handler: "h", Reason: "too many", Since: time.Unix(5, 0), Live: true}
		tx.PutBatch(b)
		for n := range byte(3) {
			h.PutMark(store.Mark{UUID: id(n), Class: store.Held, Batch: b.ID})
		}
		b.Count = 3
		if got, ok := tx.Batch("h1"); !ok || !cmp.Equal(got, b) {
			t.Errorf("batch %+v", got)
		}
		h.PutMark(store.Mark{UUID: id(0)})
		h.DeleteMark(id(1))
		if got, _ := tx.Batch("h1"); got.Count != 1 {
			t.Errorf("batch %+v", got)
		}
		h.DeleteMark(id(2))
		if n := len(slices.Collect(tx.Batches())); n != 0 {
			t.Errorf("%d batches", n)
		}
	})
}

func TestBlockedIndexFollowsMarks(t *testing.T) {
	d := open(t)
	d.update(func(tx *store.Tx) {
		tx.AddHandler("h")
		h := tx.Handler("h")
		h.PutMark(store.Mark{UUID: id(1), BlockedBy: id(9)})
		h.PutMark(store.Mark{UUID: id(2), BlockedBy: id(9)})
		h.PutMark(store.Mark{UUID: id(3), BlockedBy: id(8)})
		if got := h.BlockedBy(id(9)); !slices.Equal(got, []schema.UUID{id(1), id(2)}) {
			t.Errorf("blocked %v", got)
		}
		h.PutMark(store.Mark{UUID: id(1), BlockedBy: id(8)})
		h.DeleteMark(id(2))
		if got := h.BlockedBy(id(9)); got != nil {
			t.Errorf("blocked %v", got)
		}
	})
}

// TestTakesOverClocks: what counts is how long ago a take was, as far as the clocks tell.
func TestTakesOverClocks(t *testing.T) {
	at := time.Unix(10_000_000, 0)
	for name, c := range map[string]struct {
		// jump is by how much the wall clock was ahead of the other one from the second of three takes on; restart is when the
		// next run begins, after the first take by the wall clock of then; within are those of the last ten minutes.
		jump, restart time.Duration
		within        int
	}{
		"as it should be": {0, 5 * time.Minute, 3},
		"later":           {0, 11 * time.Minute, 2},
		"long ago":        {0, time.Hour, 0},
		"forward":         {48 * time.Hour, 48*time.Hour + 5*time.Minute, 3},
		"back":            {-48 * time.Hour, -48*time.Hour + 5*time.Minute, 3},
		"back meanwhile":  {0, -time.Hour, 3},
	} {
		t.Run(name, func(t *testing.T) {
			d := open(t)
			d.update(func(tx *store.Tx) {
				tx.AddHandler("h")
				h := tx.Handler("h")
				for n, skew := range []time.Duration{0, c.jump, c.jump} {
					now := at.Add(time.Duration(n) * 90 * time.Second)
					h.AddTake(store.Take{At: now, Wall: now.Add(skew), UUID: id(1), Removed: n == 0}, now.Add(-time.Hour))
				}
				now := at.Add(c.restart)
				h.SettleTakes(now)
				removed := min(c.within/3, 1)
				if all, r := h.Takes(now.Add(-10 * time.Minute)); all != c.within || r != removed {
					t.Errorf("%d takes, %d removed", all, r)
				}
				if all, _ := h.Takes(now.Add(time.Nanosecond)); all != 0 {
					t.Errorf("%d takes to come", all)
				}
			})
		})
	}
}

func TestTakesAreForgotten(t *testing.T) {
	d := open(t)
	at := time.Unix(1000, 0)
	d.update(func(tx *store.Tx) {
		tx.AddHandler("h")
		h := tx.Handler("h")
		for n := range byte(10) {
			h.AddTake(store.Take{At: at.Add(time.Duration(n) * time.Minute), UUID: id(n), Removed: n%2 == 0}, at.Add(2*time.Minute))
		}
		if all, removed := h.Takes(at); all != 8 || removed != 4 {
			t.Errorf("%d takes, %d removed", all, removed)
		}
		if all, _ := h.Takes(at.Add(9 * time.Minute)); all != 1 {
			t.Errorf("%d takes in the last minute", all)
		}
	})
}

func TestWaive(t *testing.T) {
	s := open(t)
	waived := func(change func(*store.Handler)) (waived bool) {
		s.update(func(tx *store.Tx) {
			tx.AddHandler("h")
			change(tx.Handler("h"))
		})
		s.view(func(tx *store.Tx) { waived = tx.Handler("h").Acked(id(1)).Waived })
		return waived
	}
	acknowledge := func(h *store.Handler) { h.Acknowledge(id(1), entry(1, "v"), []string{"r"}, time.Unix(7, 0)) }
	if waived(func(h *store.Handler) { h.Waive(id(1)) }) || waived(acknowledge) {
		t.Error("waived without having been")
	}
	if !waived(func(h *store.Handler) { h.Waive(id(1)) }) || waived(acknowledge) {
		t.Error("not waived, or for ever")
	}
}
