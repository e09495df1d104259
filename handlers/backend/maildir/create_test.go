package maildir

import (
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/mailreg/mailreg/handlers/backend"
)

// TestMakingLocksNobodyOut does in the middle of the making of a store what another process may do: purge, and make a store of
// its own.
func TestMakingLocksNobodyOut(t *testing.T) {
	for _, layout := range []backend.Layout{backend.ByUUID, backend.ByAddress} {
		w := newWorld(t, layout)
		other, err := Open(w.cfg)
		w.must(err)
		a, b := owner("a", "a@example.test"), owner("b", "b@example.test")
		cfg := w.cfg
		cfg.Skeleton = func(string) []File {
			if _, err := other.Purge(t.Context()); err != nil {
				t.Error(err)
			}
			w.must(other.Ensure(t.Context(), b, true))
			return nil
		}
		spool, err := Open(cfg)
		w.must(err)
		w.must(spool.Ensure(t.Context(), a, true))
		for _, o := range []backend.Owner{a, b} {
			if at, found, err := spool.Address(t.Context(), o.UUID, o.Address); err != nil || !found || at != o.Address {
				t.Errorf("%s: the store of %s: %s, %t, %v", layout, o.Address, at, found, err)
			}
		}
		w.unplanted(t)
	}
}

// TestStoreComesWhileOneIsMade lets the owner's store come to its place while another one is made for it: that is the one.
func TestStoreComesWhileOneIsMade(t *testing.T) {
	for _, layout := range []backend.Layout{backend.ByUUID, backend.ByAddress} {
		w := newWorld(t, layout)
		other, err := Open(w.cfg)
		w.must(err)
		a := owner("a", "a@example.test")
		w.must(other.Ensure(t.Context(), owner("b", "b@example.test"), true)) // the first of the spool
		cfg := w.cfg
		cfg.Skeleton = func(home string) []File {
			w.must(os.MkdirAll(home+"/Maildir/new", 0o700))
			w.must(os.WriteFile(home+"/Maildir/new/letter", nil, 0o600))
			w.must(os.WriteFile(home+"/"+MarkName, newMark(a, w.cfg.Now()).bytes(), 0o600))
			return nil
		}
		spool, err := Open(cfg)
		w.must(err)
		w.must(spool.Ensure(t.Context(), a, true))
		if _, err := os.Stat(w.file(w.homes.home(a.UUID, a.Address), "Maildir/new/letter")); err != nil {
			t.Errorf("%s: %v", layout, err)
		}
		w.unplanted(t)
	}
}

// TestQueue makes stores from several callers that share a queue.
func TestQueue(t *testing.T) {
	w := newWorld(t, backend.ByAddress)
	cfg := w.cfg
	cfg.Queue = new(Queue)
	var group sync.WaitGroup
	for n := range 8 {
		group.Go(func() {
			for i := range 10 {
				o := owner("a", fmt.Sprintf("a%d.%d@example.test", n, i))
				o.UUID[0], o.UUID[1] = byte(n), byte(i)
				spool, err := Open(cfg)
				if err == nil {
					err = spool.Ensure(t.Context(), o, true)
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	marked := 0
	for s, err := range w.Stores(t.Context()) {
		w.must(err)
		if s.State == "live" {
			marked++
		}
	}
	if marked != 80 {
		t.Errorf("%d stores", marked)
	}
	w.unplanted(t)
}

// unplanted demands that nothing is left of stores that were made.
func (w *world) unplanted(t *testing.T) {
	t.Helper()
	left, err := os.ReadDir(w.file(".trash"))
	w.must(err)
	for _, name := range left {
		t.Errorf("%s is left in the trash", name.Name())
	}
}
