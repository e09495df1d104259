package confine

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mailreg/mailreg/schema"
)

func open(t *testing.T, name string) *Dir {
	t.Helper()
	d, err := Open(name, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	return d
}

func TestOtherFileSystem(t *testing.T) {
	memory, err := os.MkdirTemp("/dev/shm", "maildir")
	if err != nil {
		t.Fatalf("looking for a second file system: %v", err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(memory) })
	here, there := open(t, t.TempDir()), open(t, memory)
	if err := os.Mkdir(here.Path("home"), 0o700); err != nil {
		t.Fatal(err)
	}
	err = here.Move("home", there, "home")
	if !errors.Is(err, schema.ErrInvalid) || !strings.Contains(err.Error(), here.Path("home")) || !strings.Contains(err.Error(), there.Path("home")) {
		t.Errorf("error %v must name both and park", err)
	}
}

func TestMoveReplacesNothing(t *testing.T) {
	d := open(t, t.TempDir())
	for _, name := range []string{"a", "b"} {
		if err := os.Mkdir(d.Path(name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for name, move := range map[string]func(string, *Dir, string) error{"renameat2": d.Move, "checked": d.moveChecked} {
		if err := move("a", d, "b"); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%s onto an empty directory: %v", name, err)
		}
	}
	if err := d.moveChecked("a", d, "c"); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"", ".", "..", "a/b", "a\x00"} {
		if err := d.Move("b", d, name); !errors.Is(err, unix.EINVAL) {
			t.Errorf("name %q: %v", name, err)
		}
	}
}

func TestBorn(t *testing.T) {
	at, err := open(t, t.TempDir()).Born()
	if err != nil || time.Since(at) > time.Hour || time.Since(at) < -time.Minute {
		t.Errorf("born %s, %v", at, err)
	}
}

// TestMakeForgetsTheUmask would leave directories that the mail server cannot enter, on a host with a strict root.
func TestMakeForgetsTheUmask(t *testing.T) {
	d := open(t, t.TempDir())
	defer unix.Umask(unix.Umask(0o077))
	for range 2 {
		made, err := d.Make("dir", 0o755, Caller())
		if err != nil {
			t.Fatal(err)
		}
		made.Close()
	}
	st, _, err := d.Stat("dir")
	if err != nil || st.Mode&0o777 != 0o755 {
		t.Errorf("mode %o, %v", st.Mode, err)
	}
	if names, err := d.Names(); len(names) != 1 || err != nil {
		t.Errorf("left %q, %v", names, err)
	}
}

func TestLockWaits(t *testing.T) {
	d := open(t, t.TempDir())
	first, err := d.Lock(t.Context(), "lock")
	if err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeoutCause(t.Context(), 5*time.Millisecond, errors.New("tired of waiting"))
	defer cancel()
	if _, err := d.Lock(short, "lock"); err == nil || !strings.Contains(err.Error(), "tired of waiting") {
		t.Errorf("a lock that somebody has: %v", err)
	}
	time.AfterFunc(5*time.Millisecond, func() { _ = first.Close() })
	second, err := d.Lock(t.Context(), "lock")
	if err != nil {
		t.Fatal(err)
	}
	_ = second.Close()
}

// TestNames gives every method names that lead elsewhere.
func TestNames(t *testing.T) {
	root := t.TempDir()
	for _, name := range []string{"in", "out"} {
		if err := os.Mkdir(filepath.Join(root, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "out/file"), []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Symlink("../out", filepath.Join(root, "in/dir")), os.Symlink("../out/file", filepath.Join(root, "in/file"))); err != nil {
		t.Fatal(err)
	}
	d := open(t, filepath.Join(root, "in"))
	for _, name := range []string{"", ".", "..", "../out", "../out/file", "dir/file", "a\x00"} {
		_, subErr := d.Sub(name)
		_, makeErr := d.Make(name, 0o700, Caller())
		_, readErr := d.Read(name, 10)
		_, _, statErr := d.Stat(name)
		_, lockErr := d.Lock(t.Context(), name)
		for op, err := range map[string]error{
			"Sub": subErr, "Make": makeErr, "Read": readErr, "Stat": statErr, "Lock": lockErr,
			"Create": d.Create(name, nil, Caller()), "Replace": d.Replace(name, nil, Caller()), "Link": d.Link(name, "x"),
			"Rename": d.Rename("file", name), "Remove": d.Remove(name), "RemoveAll": d.RemoveAll(name),
		} {
			if err == nil {
				t.Errorf("%s(%q) passes", op, name)
			}
		}
	}
	for op, err := range map[string]error{
		"Sub":  func() error { _, err := d.Sub("dir"); return err }(),
		"Make": func() error { _, err := d.Make("dir", 0o700, Caller()); return err }(),
		"Read": func() error { _, err := d.Read("file", 10); return err }(),
	} {
		if !errors.Is(err, schema.ErrInvalid) {
			t.Errorf("%s of a link: %v", op, err)
		}
	}
	if err := d.Replace("file", []byte("new"), Caller()); err != nil {
		t.Error(err)
	}
	if err := d.RemoveAll("dir"); err != nil {
		t.Error(err)
	}
	if data, err := os.ReadFile(filepath.Join(root, "out/file")); string(data) != "secret" {
		t.Errorf("outside: %q, %v", data, err)
	}
}

func TestFault(t *testing.T) {
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "old"), 0o700); err != nil {
		t.Fatal(err)
	}
	errFault := errors.New("fault")
	d, err := Open(root, func(string, string) error { return errFault })
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	_, makeErr := d.Make("new", 0o700, Caller())
	for op, err := range map[string]error{
		"Make": makeErr, "Create": d.Create("f", nil, Caller()), "Replace": d.Replace("f", nil, Caller()), "Link": d.Link("l", "x"),
		"Rename": d.Rename("old", "o"), "Move": d.Move("old", d, "o"), "RemoveAll": d.RemoveAll("old"),
	} {
		if !errors.Is(err, errFault) {
			t.Errorf("%s: %v", op, err)
		}
	}
	if names, err := d.Names(); err != nil || len(names) != 1 {
		t.Errorf("names %v, %v", names, err)
	}
}
