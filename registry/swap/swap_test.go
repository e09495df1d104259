package swap_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/mailreg/mailreg/registry/swap"
)

// place is a directory with two files, and a set that changes one, adds one below a new folder and removes one.
type place struct {
	*testing.T
	dir, journal string
}

func TestMain(m *testing.M) {
	unix.Umask(0o022)
	m.Run()
}

func newPlace(t *testing.T) place {
	p := place{t, t.TempDir(), t.TempDir()}
	p.write("old", "old content")
	p.write("gone", "going")
	return p
}

func (p place) write(name, text string) {
	p.Helper()
	if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o644); err != nil {
		p.Fatal(err)
	}
}

func (p place) file(name, text string, mode fs.FileMode) swap.File {
	return swap.File{Path: filepath.Join(p.dir, name), Data: []byte(text), Mode: mode, UID: os.Geteuid(), GID: os.Getegid()}
}

func (p place) files() []swap.File {
	return []swap.File{p.file("old", "new content", 0o644), p.file("a/b/new", "secret", 0o600), {Path: filepath.Join(p.dir, "gone"), Remove: true}}
}

// tree returns every file with mode and content.
func (p place) tree() map[string]string {
	p.Helper()
	tree := map[string]string{}
	err := filepath.WalkDir(p.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == p.dir {
			return err
		}
		name, _ := filepath.Rel(p.dir, path)
		info, err := d.Info()
		if err != nil {
			return err
		}
		tree[name] = info.Mode().String()
		if d.Type().IsRegular() {
			data, err := os.ReadFile(path)
			tree[name] += " " + string(data)
			return err
		}
		return nil
	})
	if err != nil {
		p.Fatal(err)
	}
	return tree
}

var (
	before = map[string]string{"old": "-rw-r--r-- old content", "gone": "-rw-r--r-- going"}
	after  = map[string]string{"old": "-rw-r--r-- new content", "a": "drwxr-xr-x", "a/b": "drwxr-xr-x", "a/b/new": "-rw------- secret"}
)

func (p place) want(tree map[string]string) {
	p.Helper()
	if diff := cmp.Diff(tree, p.tree()); diff != "" {
		p.Error(diff)
	}
	if left, _ := os.ReadDir(p.journal); len(left) > 0 {
		p.Errorf("journal left: %v", left)
	}
}

func TestSwap(t *testing.T) {
	p := newPlace(t)
	s, err := swap.Stage(p.journal, p.files(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []func() error{s.Commit, func() error { return s.Swap(nil) }, s.Done} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	p.want(after)
	back, err := swap.Stage(p.journal, s.Former, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []func() error{back.Commit, func() error { return back.Swap(nil) }, back.Done} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]string{"a": "drwxr-xr-x", "a/b": "drwxr-xr-x"}
	for name, text := range before {
		want[name] = text
	}
	p.want(want)
}

func TestAbort(t *testing.T) {
	p := newPlace(t)
	s, err := swap.Stage(p.journal, p.files(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Abort(); err != nil {
		t.Fatal(err)
	}
	p.want(before)
}

func TestRecover(t *testing.T) {
	type crash struct{}
	swapOnly := func(n int) func(string) {
		return func(string) {
			if n--; n < 0 {
				panic(crash{})
			}
		}
	}
	tests := []struct {
		name string
		run  func(s *swap.Set)
		want map[string]string
	}{
		{"before the journal", func(*swap.Set) {}, before},
		{"after the journal", func(s *swap.Set) { _ = s.Commit() }, after},
		{"after one file", func(s *swap.Set) { _ = s.Commit(); _ = s.Swap(swapOnly(1)) }, after},
		{"after two files", func(s *swap.Set) { _ = s.Commit(); _ = s.Swap(swapOnly(2)) }, after},
		{"after all files", func(s *swap.Set) { _ = s.Commit(); _ = s.Swap(nil) }, after},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := newPlace(t)
			s, err := swap.Stage(p.journal, p.files(), []byte(`"note"`))
			if err != nil {
				t.Fatal(err)
			}
			func() {
				defer func() { _ = recover() }()
				test.run(s)
			}()
			p.recover()
			p.want(test.want)
		})
	}
}

func (p place) recover() {
	p.Helper()
	s, err := swap.Recover(p.journal)
	if err != nil {
		p.Fatal(err)
	}
	if s == nil {
		return
	}
	if string(s.Note) != `"note"` {
		p.Errorf("note = %s", s.Note)
	}
	if err := s.Swap(nil); err != nil {
		p.Fatal(err)
	}
	if err := s.Done(); err != nil {
		p.Fatal(err)
	}
}

// TestLostTemporaryFile is the loss of power after which the journal is there but the temporary files are not.
func TestLostTemporaryFile(t *testing.T) {
	p := newPlace(t)
	s, err := swap.Stage(p.journal, p.files(), []byte(`"note"`))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{".old.mailreg", "a/b/.new.mailreg", "a/b", "a"} {
		if err := os.Remove(filepath.Join(p.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	p.recover()
	p.want(after)
}

// TestKilledOnTheWayBack is the kill of a process that has swapped a set and was staging the way back: the set stands, and
// the temporary files of the way back do not pass for its own.
func TestKilledOnTheWayBack(t *testing.T) {
	p := newPlace(t)
	s, err := swap.Stage(p.journal, p.files(), []byte(`"note"`))
	if err != nil {
		t.Fatal(err)
	}
	p.must(s.Commit())
	p.must(s.Swap(nil))
	if _, err := swap.Stage(p.journal, s.Former, []byte(`"back"`)); err != nil {
		t.Fatal(err)
	}
	p.recover()
	p.want(after)
}

// TestForeignTemporaryFile is a left-over of which no draft tells any more, because the power was lost.
func TestForeignTemporaryFile(t *testing.T) {
	p := newPlace(t)
	s, err := swap.Stage(p.journal, p.files(), []byte(`"note"`))
	if err != nil {
		t.Fatal(err)
	}
	p.must(s.Commit())
	p.write(".old.mailreg", "of another set")
	p.recover()
	p.want(after)
}

// TestUmask makes directories that the servers can read, whatever the caller keeps for himself.
func TestUmask(t *testing.T) {
	p := newPlace(t)
	was := unix.Umask(0o077)
	_, err := swap.Stage(p.journal, p.files(), nil)
	unix.Umask(was)
	if err != nil {
		t.Fatal(err)
	}
	if mode := p.tree()["a/b"]; mode != after["a/b"] {
		t.Errorf("mode of a directory: %s", mode)
	}
}

func TestHalfADraft(t *testing.T) {
	p := newPlace(t)
	if err := os.WriteFile(filepath.Join(p.journal, "journal.draft"), []byte(`{"files":[`), 0o600); err != nil {
		t.Fatal(err)
	}
	p.recover()
	p.want(before)
}

func TestRefusedTargets(t *testing.T) {
	tests := []struct {
		name, want string
		prepare    func(p place)
	}{
		{"symbolic link", "old is a symbolic link", func(p place) {
			p.must(os.Remove(filepath.Join(p.dir, "old")))
			p.must(os.Symlink("gone", filepath.Join(p.dir, "old")))
		}},
		{"directory", "no regular file", func(p place) {
			p.must(os.Remove(filepath.Join(p.dir, "old")))
			p.must(os.Mkdir(filepath.Join(p.dir, "old"), 0o755))
		}},
		{"file in the place of a folder", "not a directory", func(p place) { p.write("a", "") }},
		{"foreign owner", "belongs to user 12345", func(p place) {
			if os.Geteuid() != 0 {
				p.Skip("only root can give files away")
			}
			p.must(os.Chown(filepath.Join(p.dir, "old"), 12345, -1))
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := newPlace(t)
			test.prepare(p)
			was := p.tree()
			_, err := swap.Stage(p.journal, p.files(), nil)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
			p.want(was)
		})
	}
}

func (p place) must(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}
