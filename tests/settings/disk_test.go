package settings_test

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/mailreg/mailreg/registry/swap"
	"github.com/mailreg/mailreg/tests/harness"
)

// TestFullDisk has the file system of the state, then that of the settings, run full for real. What finds no room changes
// nothing, and works as soon as there is room.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	host := newHost(t)
	for _, dir := range []string{"var/lib/mailreg", "etc/mailreg", "etc/postfix"} {
		onTmpfs(t, host, dir)
		fill := filepath.Join(host.Root(), dir, "fill")
		if err := os.WriteFile(fill, make([]byte, 2<<20), 0o600); !errors.Is(err, unix.ENOSPC) {
			t.Fatalf("filling %s: %v", dir, err)
		}
		refusedForNow(t, host, dir, "no space left on device", func() error { return os.Remove(fill) })
	}
}

// TestFullJournal leaves nothing behind where the journal of a set of files finds no room.
func TestFullJournal(t *testing.T) {
	t.Parallel()
	dir, journal := t.TempDir(), t.TempDir()
	if err := unix.Mount("tmpfs", journal, "tmpfs", 0, "size=16k"); err != nil {
		t.Fatalf("mounting a small file system: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(journal, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	old := filepath.Join(dir, "old")
	if err := os.WriteFile(old, []byte("old content"), 0o644); err != nil {
		t.Fatal(err)
	}
	before := fingerprint(t, dir)
	files := []swap.File{
		{Path: old, Data: []byte("new content"), Mode: 0o644},
		{Path: filepath.Join(dir, "a/b/new"), Data: []byte("secret"), Mode: 0o600},
		{Path: filepath.Join(dir, "large"), Data: make([]byte, 100_000), Mode: 0o644},
	}
	if _, err := swap.Stage(journal, files, nil); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("error %v", err)
	}
	if diff := cmp.Diff(before, fingerprint(t, dir)); diff != "" {
		t.Errorf("files, -before +after:\n%s", diff)
	}
}

// TestReadOnlyDisk has them mounted read-only.
func TestReadOnlyDisk(t *testing.T) {
	t.Parallel()
	host := newHost(t)
	for _, dir := range []string{"var/lib/mailreg", "etc/mailreg", "etc/postfix"} {
		path := filepath.Join(host.Root(), dir)
		if err := errors.Join(unix.Mount(path, path, "", unix.MS_BIND, ""),
			unix.Mount("", path, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, "")); err != nil {
			t.Fatalf("mounting %s read-only: %v", dir, err)
		}
		unmount := func() error { return unix.Unmount(path, unix.MNT_DETACH) }
		t.Cleanup(func() { _ = unmount() }) // it is gone when all went well
		refusedForNow(t, host, dir, "read-only file system", unmount)
	}
}

// onTmpfs moves a folder of the host to a file system of one megabyte.
func onTmpfs(t *testing.T, host *harness.Host, dir string) {
	t.Helper()
	path := filepath.Join(host.Root(), dir)
	away := path + ".away"
	if err := errors.Join(os.Rename(path, away), os.Mkdir(path, 0o755)); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", path, "tmpfs", 0, "size=1m,mode=755"); err != nil {
		t.Fatalf("mounting a small file system on %s: %v", dir, err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(path, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	if err := os.CopyFS(path, os.DirFS(away)); err != nil {
		t.Fatal(err)
	}
	// CopyFS makes files of its own mode.
	if err := errors.Join(os.RemoveAll(away), filepath.Walk(path, func(name string, info os.FileInfo, err error) error {
		if err == nil && (info.Name() == "secrets.conf" || info.Name() == "state.json") {
			err = os.Chmod(name, 0o600)
		}
		return err
	})); err != nil {
		t.Fatal(err)
	}
	host.Must("commit")
}

// refusedForNow demands that a set is refused with a line that names the folder, and passes once the fault is gone.
func refusedForNow(t *testing.T, host *harness.Host, dir, fault string, mend func() error) {
	t.Helper()
	former := host.Must("get", "mail/messagesizelimit")
	was, err := strconv.Atoi(strings.TrimSpace(former))
	if err != nil {
		t.Fatal(err)
	}
	limit := strconv.Itoa(was + 1)
	assignment := "mail/messagesizelimit=" + limit
	unchanged(t, host, func() {
		r := host.Run("set", assignment)
		lines := strings.Split(strings.TrimSpace(r.Stderr), "\n")
		if r.Code != 1 || r.Stdout != "" || len(lines) > 2 || !strings.Contains(lines[0], fault) || !strings.Contains(lines[0], "/"+dir) {
			t.Errorf("set while %s has a fault: %s", dir, r)
		}
		if got := host.Must("get", "mail/messagesizelimit"); got != former {
			t.Errorf("a refused set has set %s", got)
		}
	})
	if err := mend(); err != nil {
		t.Fatal(err)
	}
	host.Must("set", assignment)
	main, err := os.ReadFile(filepath.Join(host.Root(), "etc/postfix/main.cf"))
	if want := "\nmessage_size_limit = " + limit + "\n"; err != nil || !strings.Contains(string(main), want) {
		t.Errorf("main.cf lacks %q (%v)", want, err)
	}
}
