package maildir

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/schema"
)

// strand puts a message and a draft with a flag where a server delivers that does not know yet that the home has moved.
func (w *world) strand(o backend.Owner, name string) {
	w.t.Helper()
	w.deliver(o, name)
	w.deliver(o, "../.Later/cur/"+name+"x:2,F")
}

// afterwards returns the state after all looks.
func (w *world) afterwards() []string {
	w.t.Helper()
	now := w.cfg.Now()
	w.cfg.Now = func() time.Time { return now.Add(time.Hour) }
	w.reopen(nil)
	_, err := w.Sweep(w.t.Context(), time.Time{})
	w.must(err)
	for _, dir := range []string{vacatedDir, sweptDir} {
		if left, _ := filepath.Glob(w.file(dir, "*")); len(left) > 0 {
			w.t.Errorf("left: %q", left)
		}
	}
	return w.state()
}

// TestStranded delivers to a place that a store has just left, and looks where the mail is after the sweeps.
func TestStranded(t *testing.T) {
	a, b := owner("a", "a@example.test"), owner("a", "b@example.test")
	other := owner("b", "a@example.test")
	away := backend.Away{UUID: a.UUID, From: a.Address, Cause: backend.Deleted}
	for _, tt := range []struct {
		name  string
		leave func(*world) error
		// want by layout; without it the case is of the other layout only
		byUUID, byAddress []string
	}{
		{
			"renamed", func(w *world) error { return w.Ensure(w.t.Context(), b, true) }, nil,
			[]string{"live aaaaaaaa b@example.test m1,m2,m2x:2,F"},
		},
		{
			"trashed", func(w *world) error { return w.Trash(w.t.Context(), away) },
			[]string{"deleted-deleted aaaaaaaa a@example.test m1,m2,m2x:2,F"},
			[]string{"deleted-deleted aaaaaaaa a@example.test m1,m2,m2x:2,F"},
		},
		{
			"removed at once", func(w *world) error {
				w.cfg.Keep = 0
				w.reopen(nil)
				return w.Trash(w.t.Context(), away)
			},
			[]string{"quarantined-stranded aaaaaaaa  m2,m2x:2,F"},
			[]string{"quarantined-stranded aaaaaaaa  m2,m2x:2,F"},
		},
		{
			"set aside and brought to an end", func(w *world) error {
				if err := w.SetAside(w.t.Context(), away); err != nil {
					return err
				}
				w.strand(a, "m3")
				return w.Ensure(w.t.Context(), b, true)
			}, nil,
			[]string{"live aaaaaaaa b@example.test m1,m2,m2x:2,F,m3,m3x:2,F"},
		},
		{
			"quarantined", func(w *world) error { return w.Quarantine(w.t.Context(), away) },
			[]string{"quarantined-renamed aaaaaaaa a@example.test m1,m2,m2x:2,F"},
			nil,
		},
		{
			"given to a new id", func(w *world) error { return w.Inherit(w.t.Context(), a.UUID, other.UUID, a.Address) },
			[]string{"link a@example.test bbbbbbbb", "live bbbbbbbb a@example.test m1,m2,m2x:2,F"},
			nil,
		},
	} {
		for layout, want := range map[backend.Layout][]string{backend.ByUUID: tt.byUUID, backend.ByAddress: tt.byAddress} {
			if want == nil {
				continue
			}
			t.Run(string(layout)+"/"+tt.name, func(t *testing.T) {
				w := newWorld(t, layout)
				w.ensure(a, true)
				w.deliver(a, "m1")
				w.must(tt.leave(w))
				w.strand(a, "m2")
				if got := w.afterwards(); !slices.Equal(got, want) {
					t.Errorf("%q, want %q", got, want)
				}
			})
		}
	}
}

// TestSweepLeavesOthersAlone: who has the address by now keeps what is delivered there.
func TestSweepLeavesOthersAlone(t *testing.T) {
	w := newWorld(t, backend.ByAddress)
	a, b, heir := owner("a", "a@example.test"), owner("a", "b@example.test"), owner("b", "a@example.test")
	w.ensure(a, true)
	w.ensure(b, true)
	w.strand(a, "m1") // older than the claim of the heir: mail of who was there before
	heir.Changed = time.Now().Add(time.Hour)
	w.ensure(heir, true)
	w.deliver(heir, "m2")
	want := []string{"live aaaaaaaa b@example.test m1,m1x:2,F", "live bbbbbbbb a@example.test m2"}
	if got := w.afterwards(); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestSweepAsks: what lies at an address that somebody has by now, whose change is on its way, is not taken; nor while nobody
// can say. It is looked at until that is over.
func TestSweepAsks(t *testing.T) {
	a, b := owner("a", "a@example.test"), owner("a", "b@example.test")
	answers := map[string]func() (bool, error){
		"held":         func() (bool, error) { return true, nil },
		"nobody knows": func() (bool, error) { return false, errCrash },
	}
	for name, answer := range answers {
		w := newWorld(t, backend.ByAddress)
		w.cfg.Held = func(context.Context, schema.Address) (bool, error) { return answer() }
		w.reopen(nil)
		w.ensure(a, true)
		w.ensure(b, true)
		w.strand(a, "m1")
		w.cfg.Now = func() time.Time { return at("09:00:00") }
		w.reopen(nil)
		for _, since := range []time.Time{{}, at("08:59:00")} {
			next, err := w.Sweep(t.Context(), since)
			if !next.Equal(at("09:01:00")) || name == "held" && err != nil || name != "held" && !errors.Is(err, errCrash) {
				t.Errorf("%s: next %s, %v", name, next, err)
			}
		}
		answer = func() (bool, error) { return false, nil }
		want := []string{"live aaaaaaaa b@example.test m1,m1x:2,F"}
		if got := w.afterwards(); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// TestLastToLeave: of two stores that have left a place one after the other, the later one gets what lies there.
func TestLastToLeave(t *testing.T) {
	w := newWorld(t, backend.ByAddress)
	w.ensure(owner("a", "a@example.test"), true)
	w.ensure(owner("a", "b@example.test"), true)
	w.ensure(owner("b", "a@example.test"), true)
	w.ensure(owner("b", "c@example.test"), true)
	w.strand(owner("a", "a@example.test"), "m1")
	want := []string{"live aaaaaaaa b@example.test", "live bbbbbbbb c@example.test m1,m1x:2,F"}
	if got := w.afterwards(); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestLooks: a place is looked at four times, and after a restart.
func TestLooks(t *testing.T) {
	w := newWorld(t, backend.ByAddress)
	a, b := owner("a", "a@example.test"), owner("a", "b@example.test")
	start := at("06:00:00")
	now := start
	w.cfg.Now = func() time.Time { return now }
	w.reopen(nil)
	w.ensure(a, true)
	w.ensure(b, true)
	var since time.Time
	for n, after := range looks {
		for _, early := range []bool{true, false} {
			now = start.Add(after)
			if early {
				now = now.Add(-time.Millisecond)
			}
			w.strand(a, string(rune('p'+n)))
			next, err := w.Sweep(t.Context(), since)
			w.must(err)
			since = now
			_, err = os.Stat(w.file("private/example.test/a"))
			if early != (err == nil) {
				t.Errorf("after %s: %v", now.Sub(start), err)
			}
			if early && !next.Equal(start.Add(after)) || !early && n < len(looks)-1 && !next.Equal(start.Add(looks[n+1])) {
				t.Errorf("after %s: next is %s", now.Sub(start), next)
			}
		}
	}
	w.strand(a, "z")
	if next, err := w.Sweep(t.Context(), time.Time{}); !next.IsZero() || err != nil {
		t.Errorf("after the last look: %s, %v", next, err)
	}
	if _, err := os.Stat(w.file("private/example.test/a")); err != nil {
		t.Error("swept after the last look")
	}
}

// TestSweepCrashes interrupts a rename onto a home that the server has made, and the sweep, before each change of the disk.
func TestSweepCrashes(t *testing.T) {
	a, b := owner("a", "a@example.test"), owner("a", "b@example.test")
	b.Changed = at("05:30:00")
	for n, done := 0, false; !done; n++ {
		w := newWorld(t, backend.ByAddress)
		w.ensure(a, true)
		w.deliver(a, "m1")
		w.strand(b, "m2") // early, at the new address
		w.reopen(crashAt(n))
		err := w.Ensure(t.Context(), b, true)
		if err == nil {
			w.reopen(crashAt(n / 2))
			w.strand(a, "m3")
			_, err = w.Sweep(t.Context(), time.Time{})
			done = err == nil
		} else {
			w.strand(a, "m3") // before, or after the store has left
		}
		if err != nil && !errors.Is(err, errCrash) {
			t.Fatal(err)
		}
		// A restarted daemon sweeps before the change is called again.
		w.reopen(nil)
		_, err = w.Sweep(t.Context(), time.Time{})
		w.must(err)
		w.ensure(b, true)
		want := []string{"live aaaaaaaa b@example.test m1,m2,m2x:2,F,m3,m3x:2,F"}
		if got := w.afterwards(); !slices.Equal(got, want) {
			t.Fatalf("crash %d: %q, want %q", n, got, want)
		}
	}
}

// TestStaleLocks: a lock does not move along, and one that is taken anew stays.
func TestStaleLocks(t *testing.T) {
	w := newWorld(t, backend.ByAddress)
	a, b := owner("a", "a@example.test"), owner("a", "b@example.test")
	w.ensure(a, true)
	w.write("", "private/example.test/a/Maildir/dovecot-uidlist.lock")
	w.write("", "private/example.test/a/Maildir/.Sub/dovecot-uidlist.lock")
	w.write("", "private/example.test/a/Maildir/.Sub/new/x.lock")
	w.ensure(b, true)
	for name, want := range map[string]bool{"dovecot-uidlist.lock": false, ".Sub/dovecot-uidlist.lock": false, ".Sub/new/x.lock": true} {
		if _, err := os.Stat(w.file("private/example.test/b/Maildir", name)); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestLeftInQuarantine: what two homes have under one name is not lost.
func TestLeftInQuarantine(t *testing.T) {
	w := newWorld(t, backend.ByAddress)
	a, b := owner("a", "a@example.test"), owner("a", "b@example.test")
	w.ensure(a, true)
	w.write("old", "private/example.test/a/sieve/x.sieve")
	w.ensure(b, true)
	w.strand(a, "m2")
	w.write("new", "private/example.test/a/sieve/x.sieve")
	want := []string{"live aaaaaaaa b@example.test m2,m2x:2,F", "quarantined-stranded aaaaaaaa b@example.test"}
	if got := w.afterwards(); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestSweptFiles: what takes effect by lying in a home is merged, and what Dovecot writes anew is no reason to keep a home.
func TestSweptFiles(t *testing.T) {
	w := newWorld(t, backend.ByAddress)
	a, b := owner("a", "a@example.test"), owner("a", "b@example.test")
	w.ensure(a, true)
	old, now := "private/example.test/a", "private/example.test/b"
	for name, text := range map[string]string{
		"Maildir/dovecot-acl": "user=x@example.test lr\n", "Maildir/subscriptions": "V\t2\n\nSent\n", "sieve/s.sieve": "keep;",
		"Maildir/dovecot-keywords": "0 Work\n", ".dovecot.lda-dupes": "1", ".dovecot.svbin": "1",
	} {
		w.write(text, old, name)
	}
	w.ensure(b, true)
	for name, text := range map[string]string{
		"Maildir/dovecot-acl": "user=x@example.test lrws\nanyone lr\n", "Maildir/subscriptions": "V\t2\n\nJunk\n", "sieve/s.sieve": "keep;",
		"Maildir/dovecot-keywords": "0 Home\n", ".dovecot.lda-dupes": "2", ".dovecot.svbin": "2", "Maildir/cur/m1:2,Sa": "x",
	} {
		w.write(text, old, name)
	}
	if got, want := w.afterwards(), []string{"live aaaaaaaa b@example.test m1:2,Sb"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	for name, want := range map[string]string{
		"dovecot-acl": "user=x@example.test lr\nanyone lr\n", "subscriptions": "V\t2\n\nSent\nJunk\n", "dovecot-keywords": "0 Work\n1 Home\n",
	} {
		if data, err := os.ReadFile(w.file(now, "Maildir", name)); err != nil || string(data) != want {
			t.Errorf("%s is %q, %v", name, data, err)
		}
	}
}
