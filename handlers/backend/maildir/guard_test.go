package maildir

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/schema"
)

func TestMarkIsThereBeforeTheStore(t *testing.T) {
	for _, layout := range []backend.Layout{backend.ByUUID, backend.ByAddress} {
		o := owner("a", "a@example.test")
		for n := 0; ; n++ {
			w := newWorld(t, layout)
			w.reopen(crashAt(n))
			err := w.Ensure(t.Context(), o, true)
			home := w.file(w.homes.home(o.UUID, o.Address))
			if _, statErr := os.Stat(home); statErr == nil {
				if _, markErr := os.Stat(filepath.Join(home, MarkName)); markErr != nil {
					t.Fatalf("%s, crash %d: %v", layout, n, markErr)
				}
			}
			if err == nil {
				break
			}
			if !errors.Is(err, errCrash) {
				t.Fatalf("%s, crash %d: %v", layout, n, err)
			}
		}
	}
}

func TestOwnership(t *testing.T) {
	w := newWorld(t, backend.ByUUID)
	o := owner("a", "a@example.test")
	w.ensure(o, true)
	home := w.file("private/by-id", o.UUID.String())
	for _, name := range []string{home, home + "/Maildir", home + "/Maildir/cur", home + "/Maildir/new", home + "/Maildir/tmp"} {
		var st unix.Stat_t
		w.must(unix.Stat(name, &st))
		if want := uint32(w.owner.UID); os.Getuid() == 0 && (st.Uid != want || st.Gid != want) || st.Mode&0o777 != 0o700 {
			t.Errorf("%s: owner %d:%d, mode %o", name, st.Uid, st.Gid, st.Mode&0o777)
		}
	}
	for _, name := range []string{".trash", ".mailreg-lock"} {
		var st unix.Stat_t
		w.must(unix.Stat(w.file(name), &st))
		if st.Uid != uint32(os.Getuid()) || st.Mode&0o077 != 0 {
			t.Errorf("%s: owner %d, mode %o", name, st.Uid, st.Mode&0o777)
		}
	}
}

// TestLinksOfTheMailUser puts symbolic links where the mail user can, and expects that nothing outside is touched.
func TestLinksOfTheMailUser(t *testing.T) {
	o := owner("a", "a@example.test")
	for _, tt := range []struct {
		name   string
		layout backend.Layout
		// prepare puts a link to outside into the spool.
		prepare func(w *world, outside string)
		invalid bool
	}{
		{"home", backend.ByUUID, func(w *world, outside string) {
			w.must(os.MkdirAll(w.file("private/by-id"), 0o755))
			w.must(os.Symlink(outside, w.file("private/by-id", o.UUID.String())))
		}, true},
		{"by-id", backend.ByUUID, func(w *world, outside string) {
			w.must(os.MkdirAll(w.file("private"), 0o755))
			w.must(os.Symlink(outside, w.file("private/by-id")))
		}, true},
		{"domain", backend.ByAddress, func(w *world, outside string) {
			w.must(os.MkdirAll(w.file("private"), 0o755))
			w.must(os.Symlink(outside, w.file("private/example.test")))
		}, true},
		{"trash", backend.ByUUID, func(w *world, outside string) {
			w.must(os.MkdirAll(w.file("."), 0o755))
			w.must(os.Symlink(outside, w.file(".trash")))
		}, true},
		{"mark", backend.ByUUID, func(w *world, outside string) {
			w.must(os.MkdirAll(w.file("private/by-id", o.UUID.String()), 0o755))
			w.must(os.Symlink(outside+"/secret", w.file("private/by-id", o.UUID.String(), MarkName)))
		}, true},
		{"temporary mark", backend.ByUUID, func(w *world, outside string) {
			w.must(os.MkdirAll(w.file("private/by-id", o.UUID.String()), 0o755))
			w.must(os.Symlink(outside+"/secret", w.file("private/by-id", o.UUID.String(), ".mailreg-tmp"+MarkName)))
		}, false},
		{"pipe as mark", backend.ByUUID, func(w *world, _ string) {
			w.must(os.MkdirAll(w.file("private/by-id", o.UUID.String()), 0o755))
			w.must(unix.Mkfifo(w.file("private/by-id", o.UUID.String(), MarkName), 0o600))
		}, true},
		{"huge mark", backend.ByUUID, func(w *world, _ string) {
			w.write(strings.Repeat(" ", smallFile+1), "private/by-id", o.UUID.String(), MarkName)
		}, true},
		{"mark that is none", backend.ByUUID, func(w *world, _ string) {
			w.write(`{"version":1,"uuid":"aaaaaaaa-0000-4000-8000-aaaaaaaaaaaa","address":"../../etc@x"}`, "private/by-id", o.UUID.String(), MarkName)
		}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, tt.layout)
			outside := t.TempDir()
			w.must(os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o600))
			before := tree(t, outside)
			tt.prepare(w, outside)
			err := w.Ensure(t.Context(), o, true)
			if errors.Is(err, schema.ErrInvalid) != tt.invalid || !tt.invalid && err != nil {
				t.Errorf("error %v", err)
			}
			if err := w.Trash(t.Context(), backend.Away{UUID: o.UUID, From: o.Address, Cause: backend.Deleted}); err != nil && !errors.Is(err, schema.ErrInvalid) {
				t.Errorf("trash: %v", err)
			}
			if after := tree(t, outside); after != before {
				t.Errorf("outside was %q, is %q", before, after)
			}
		})
	}
}

// tree prints names, owners and contents of a directory.
func tree(t *testing.T, root string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(p, &st); err != nil {
			return err
		}
		b.WriteString(strings.TrimPrefix(p, root) + " " + time.Unix(st.Mtim.Unix()).String())
		if d.Type().IsRegular() {
			data, err := os.ReadFile(p)
			b.Write(data)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestLinksInsideAStoreStayLinks(t *testing.T) {
	w := newWorld(t, backend.ByUUID, func(c *Config) { c.Keep = 0 })
	outside := t.TempDir()
	w.must(os.WriteFile(filepath.Join(outside, "secret"), []byte("secret"), 0o600))
	o := owner("a", "a@example.test")
	w.ensure(o, true)
	home := w.file("private/by-id", o.UUID.String())
	w.must(os.Symlink(outside, home+"/Maildir/.Sub"))
	w.must(os.Symlink(outside+"/secret", home+"/Maildir/new/m1"))
	if u, err := w.Usage(t.Context(), backend.Store{Place: w.homes.home(o.UUID, o.Address)}); u.Messages != 0 || err != nil {
		t.Errorf("Usage = %+v, %v", u, err)
	}
	w.must(w.Trash(t.Context(), backend.Away{UUID: o.UUID, From: o.Address, Cause: backend.Deleted})) // removed at once
	w.want()
	if _, err := os.Stat(filepath.Join(outside, "secret")); err != nil {
		t.Error(err)
	}
}

func TestAdoption(t *testing.T) {
	o := owner("a", "a@example.test")
	now := time.Now() // stores are born now
	for _, tt := range []struct {
		name    string
		layout  backend.Layout
		changed time.Time
		// set up says that the host has had stores before the change
		setUp time.Time
		reuse backend.Reuse
		mark  string
		want  string
	}{
		{"uuid: the path names the owner", backend.ByUUID, now.Add(time.Hour), now, "", "", "live aaaaaaaa a@example.test m1"},
		{"first run", backend.ByAddress, now.Add(-time.Hour), time.Time{}, "", "", "live aaaaaaaa a@example.test m1"},
		{"claimed before the first run", backend.ByAddress, now.Add(time.Hour), now.Add(2 * time.Hour), "", "", "live aaaaaaaa a@example.test m1"},
		{"born after the claim", backend.ByAddress, now.Add(-time.Minute), now.Add(-time.Hour), "", "", "live aaaaaaaa a@example.test m1"},
		{"born a little before the claim", backend.ByAddress, now.Add(4 * time.Minute), now.Add(-time.Hour), "", "", "live aaaaaaaa a@example.test m1"},
		{"born long before the claim", backend.ByAddress, now.Add(6 * time.Minute), now.Add(-time.Hour), "", "", "quarantined-unmarked nobody a@example.test m1"},
		{"claim of an unknown time", backend.ByAddress, time.Time{}, now.Add(-time.Hour), "", "", "quarantined-unmarked nobody a@example.test m1"},
		{"marked for another", backend.ByAddress, now, now.Add(-time.Hour), backend.QuarantineForeign, "b", "quarantined-foreign bbbbbbbb a@example.test m1"},
		{"marked for another, adopted", backend.ByAddress, now, now.Add(-time.Hour), backend.AdoptForeign, "b", "live aaaaaaaa a@example.test m1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			clock := now
			w := newWorld(t, tt.layout, func(c *Config) {
				c.Now = func() time.Time { return clock }
				c.Reuse = tt.reuse
			})
			if !tt.setUp.IsZero() {
				clock = tt.setUp
				w.ensure(owner("c", "c@example.test"), true)
				clock = now
			}
			w.deliver(o, "m1")
			if tt.mark != "" {
				w.must(os.WriteFile(w.file(w.homes.home(o.UUID, o.Address), MarkName), newMark(owner(tt.mark, "a@example.test"), now).bytes(), 0o600))
			}
			o.Changed = tt.changed
			for range 2 {
				w.ensure(o, true)
			}
			if state := strings.Join(w.state(), "\n"); !strings.Contains(state, tt.want) || !strings.Contains(state, "live aaaaaaaa a@example.test") {
				t.Errorf("state:\n%s\nwant %s", state, tt.want)
			}
		})
	}
}

// TestLockHeldByAnother proves that a stopped process, which keeps the lock, is a target that is down.
func TestLockHeldByAnother(t *testing.T) {
	w := newWorld(t, backend.ByUUID, func(c *Config) { c.Patience = 5 * time.Millisecond })
	other, err := w.begin(t.Context())
	w.must(err)
	o := owner("a", "a@example.test")
	err = w.Ensure(t.Context(), o, true)
	if !errors.As(err, new(*schema.TargetDown)) || !strings.Contains(err.Error(), ".mailreg-lock: another process has held it for more than 5ms") {
		t.Errorf("ensure: %v", err)
	}
	other.end()
	w.ensure(o, true)
}

// TestFullDisk proves that what would fail for every store pauses the spool, and parks nobody.
func TestFullDisk(t *testing.T) {
	o := owner("a", "a@example.test")
	for layout, call := range map[backend.Layout]func(*world) error{
		backend.ByUUID:    func(w *world) error { return w.Ensure(t.Context(), o, true) },
		backend.ByAddress: func(w *world) error { return w.Trash(t.Context(), backend.Away{UUID: o.UUID, From: o.Address}) },
	} {
		w := newWorld(t, layout)
		if layout == backend.ByAddress {
			w.ensure(o, true)
		}
		w.reopen(func(string, string) error { return unix.ENOSPC })
		if err := call(w); !errors.As(err, new(*schema.TargetDown)) || !strings.Contains(err.Error(), o.UUID.String()) {
			t.Errorf("%s: %v", layout, err)
		}
	}
}

func TestRefuse(t *testing.T) {
	w := newWorld(t, backend.ByUUID, func(c *Config) { c.Refuse = func() error { return errCrash } })
	if err := w.Ensure(t.Context(), owner("a", "a@example.test"), true); !errors.Is(err, errCrash) {
		t.Errorf("ensure: %v", err)
	}
	if err := w.Trash(t.Context(), backend.Away{}); !errors.Is(err, errCrash) {
		t.Errorf("trash: %v", err)
	}
	if _, err := w.Purge(t.Context()); err != nil {
		t.Errorf("purge: %v", err)
	}
}

// TestManyAtOnce has a daemon and two command lines at work on the same two owners: no message is lost, and none is in a
// store of the other.
func TestManyAtOnce(t *testing.T) {
	for _, layout := range []backend.Layout{backend.ByUUID, backend.ByAddress} {
		w := newWorld(t, layout)
		a, b := owner("a", "a@example.test"), owner("b", "b@example.test")
		w.make(a, "ma")
		w.make(b, "mb")
		check := func(err error) {
			if err != nil {
				t.Error(err)
			}
		}
		var all sync.WaitGroup
		for n := range 3 {
			s, err := Open(w.cfg)
			w.must(err)
			all.Go(func() {
				for round := range 15 {
					for _, o := range []backend.Owner{a, b} {
						ctx := t.Context()
						switch (n + round) % 3 {
						case 0:
							check(s.Trash(ctx, backend.Away{UUID: o.UUID, From: o.Address, Cause: backend.Deleted}))
						case 1:
							check(s.Ensure(ctx, o, true))
						case 2:
							kept, err := s.Kept(ctx)
							check(err)
							for _, k := range kept { // somebody else may be faster
								_, _ = s.Restore(ctx, k.ID, schema.Address{}, schema.Address{})
							}
						}
					}
				}
			})
		}
		all.Wait()
		w.ensure(a, true)
		w.ensure(b, true)
		state := slices.DeleteFunc(w.state(), func(line string) bool { return strings.HasPrefix(line, "link ") })
		want := []string{"live aaaaaaaa a@example.test ma", "live bbbbbbbb b@example.test mb"}
		if !slices.Equal(state, want) {
			t.Errorf("%s: %q", layout, state)
		}
	}
}
