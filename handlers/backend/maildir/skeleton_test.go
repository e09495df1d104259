package maildir

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/mailreg/mailreg/handlers/backend"
)

// TestSkeleton makes a store with a crash before each change of the disk: whenever it can be seen it is whole, and a second
// call neither adds anything nor brings back what its owner has removed.
func TestSkeleton(t *testing.T) {
	crash := errors.New("crash")
	o := owner("a", "a@example.test")
	for limit := range 100 {
		root, left := t.TempDir(), limit
		cfg := Config{
			Root: root,
			Skeleton: func(home string) []File {
				return []File{{Name: "sieve/one.sieve", Data: []byte(home)}, {Name: ".active", Link: "sieve/one.sieve"}, {Name: ".made", Data: []byte("x")}}
			},
			Fault: func(string, string) error {
				if left--; left < 0 {
					return crash
				}
				return nil
			},
		}
		ensure := func() error {
			s, err := Open(cfg)
			if err != nil {
				t.Fatal(err)
			}
			return s.Ensure(t.Context(), o, true)
		}
		home := filepath.Join(root, "var/spool/dovecot/private/by-id", o.UUID.String())
		whole := func() {
			t.Helper()
			text, err := os.ReadFile(filepath.Join(home, ".active"))
			if err != nil || string(text) != home {
				t.Errorf("after %d changes: %q, %v", limit, text, err)
			}
			active, err1 := os.Lstat(filepath.Join(home, ".active"))
			made, err2 := os.Stat(filepath.Join(home, ".made"))
			if err1 != nil || err2 != nil || !made.ModTime().After(active.ModTime()) {
				t.Errorf("after %d changes: %v, %v, or not dated in order", limit, err1, err2)
			}
		}
		err := ensure()
		if err != nil && !errors.Is(err, crash) {
			t.Fatal(err)
		}
		if _, err := os.Stat(home); err == nil {
			whole()
		}
		cfg.Fault = nil
		if err := ensure(); err != nil {
			t.Fatal(err)
		}
		whole()
		if err := errors.Join(os.Remove(filepath.Join(home, ".active")), ensure()); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Lstat(filepath.Join(home, ".active")); err == nil {
			t.Error("what the owner had removed came back")
		}
		if err == nil {
			return
		}
	}
	t.Error("never done")
}

// TestNoSkeleton proves that a store which was there before is left as it is.
func TestNoSkeleton(t *testing.T) {
	o := backend.Owner{UUID: owner("a", "a@example.test").UUID, Address: owner("a", "a@example.test").Address}
	root := t.TempDir()
	home := filepath.Join(root, "var/spool/dovecot/private/by-id", o.UUID.String())
	if err := os.MkdirAll(filepath.Join(home, "Maildir/new"), 0o700); err != nil {
		t.Fatal(err)
	}
	s, err := Open(Config{Root: root, Skeleton: func(string) []File { return []File{{Name: "new", Data: []byte("x")}} }})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Ensure(t.Context(), o, true); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(home, "new")); err == nil {
		t.Error("an adopted store was changed")
	}
}
