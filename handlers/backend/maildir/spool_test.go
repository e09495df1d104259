package maildir

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/schema"
)

// world is a spool in a scratch root.
type world struct {
	*Spool
	t   *testing.T
	cfg Config
}

func at(clock string) time.Time {
	t, err := time.Parse("2006-01-02 15:04:05", "2026-11-24 "+clock)
	if err != nil {
		panic(err)
	}
	return t
}

func newWorld(t *testing.T, layout backend.Layout, change ...func(*Config)) *world {
	t.Helper()
	cfg := Config{Root: scratch(t), Layout: layout, Keep: 7 * 24 * time.Hour, Now: func() time.Time { return at("05:37:15") }}
	if os.Getuid() == 0 {
		cfg.UID, cfg.GID = "5000", "5000"
	}
	for _, c := range change {
		c(&cfg)
	}
	w := &world{t: t, cfg: cfg}
	w.reopen(nil)
	return w
}

// scratch returns a directory that is gone after the test: in memory where the host can, since the stores fsync much.
func scratch(t *testing.T) string {
	t.Helper()
	root, err := os.MkdirTemp("/dev/shm", "maildir")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(root); err != nil {
			t.Error(err)
		}
	})
	return root
}

// reopen is what a restart does; fault makes the new one fail.
func (w *world) reopen(fault func(op, path string) error) {
	w.t.Helper()
	cfg := w.cfg
	cfg.Fault = fault
	s, err := Open(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	w.Spool = s
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) ensure(o backend.Owner, follow bool) {
	w.t.Helper()
	w.must(w.Ensure(w.t.Context(), o, follow))
}

// file is a path below the spool's base.
func (w *world) file(parts ...string) string {
	return filepath.Join(w.cfg.Root, "var/spool/dovecot", filepath.Join(parts...))
}

func (w *world) write(data string, parts ...string) {
	w.t.Helper()
	name := w.file(parts...)
	w.must(os.MkdirAll(filepath.Dir(name), 0o700))
	w.must(os.WriteFile(name, []byte(data), 0o600))
}

// deliver puts a message into the inbox of the owner's home, as the mail user.
func (w *world) deliver(o backend.Owner, name string) {
	w.t.Helper()
	file := w.file(w.homes.home(o.UUID, o.Address), "Maildir/new", name)
	w.write("Subject: "+name+"\n", strings.TrimPrefix(file, w.file()))
	for ; os.Getuid() == 0 && file != w.file("private"); file = filepath.Dir(file) {
		w.must(os.Lchown(file, w.owner.UID, w.owner.GID))
	}
}

// state lists every store with its messages, and what the owners' links say.
func (w *world) state() []string {
	w.t.Helper()
	var lines []string
	add := func(s backend.Store) {
		who := "nobody"
		if !s.UUID.IsZero() {
			who = s.UUID.String()[:8]
		}
		var messages []string
		root := filepath.Join(w.cfg.Root, s.Path)
		w.must(filepath.WalkDir(root, func(p string, d os.DirEntry, err error) error {
			if folder := filepath.Base(filepath.Dir(p)); err == nil && (folder == "cur" || folder == "new") {
				messages = append(messages, d.Name())
			}
			return err
		}))
		slices.Sort(messages)
		usage, err := w.Usage(w.t.Context(), s)
		w.must(err)
		if usage.Messages != len(messages) {
			w.t.Errorf("Usage(%s) = %d messages, want %d", s.Path, usage.Messages, len(messages))
		}
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s%s %s %s %s", s.State, dash(s.Cause), who, s.Address, strings.Join(messages, ","))))
	}
	for s, err := range w.Stores(w.t.Context()) {
		w.must(err)
		add(s)
	}
	kept, err := w.Kept(w.t.Context())
	w.must(err)
	for _, s := range kept {
		add(s)
	}
	links, _ := os.ReadDir(w.file("private/by-address"))
	for _, link := range links {
		target, err := os.Readlink(w.file("private/by-address", link.Name()))
		w.must(err)
		lines = append(lines, "link "+link.Name()+" "+filepath.Base(target)[:8])
	}
	slices.Sort(lines)
	return lines
}

func dash(c backend.Cause) string {
	if c == "" {
		return ""
	}
	return "-" + string(c)
}

func (w *world) want(lines ...string) {
	w.t.Helper()
	slices.Sort(lines)
	if diff := cmp.Diff(lines, w.state()); diff != "" {
		w.t.Errorf("stores (-want +got):\n%s", diff)
	}
}

func owner(digit, address string) backend.Owner {
	uuid, err := schema.ParseUUID(strings.Repeat(digit, 8) + "-0000-4000-8000-" + strings.Repeat(digit, 12))
	if err != nil {
		panic(err)
	}
	a, err := schema.ParseAddress(address)
	if err != nil {
		panic(err)
	}
	return backend.Owner{UUID: uuid, Address: a, Changed: at("05:30:00")}
}

var errCrash = errors.New("crash")

// manySteps is more than any operation takes: a test that looks for the last step must come to an end.
const manySteps = 1000

// crashAt fails the n-th change of the disk and all after it, as a kill does.
func crashAt(n int) func(op, path string) error {
	if n > manySteps {
		panic("no end of steps")
	}
	count := 0
	return func(string, string) error {
		count++
		if count > n {
			return errCrash
		}
		return nil
	}
}

// failAt fails the n-th change of the disk alone, as a disk does that is full for a moment.
func failAt(n int) func(op, path string) error {
	if n > manySteps {
		panic("no end of steps")
	}
	count := 0
	return func(string, string) error {
		count++
		if count == n+1 {
			return errCrash
		}
		return nil
	}
}

// eachCrash runs op with a crash before each of its changes of the disk, or a failure of it alone, then again after a
// restart, and twice; the outcome must be the same every time.
func eachCrash(t *testing.T, layout backend.Layout, setUp func(*world), op func(*world) error, want ...string) {
	t.Helper()
	for name, fault := range map[string]func(int) func(op, path string) error{"crash": crashAt, "failure": failAt} {
		for n := 0; ; n++ {
			w := newWorld(t, layout)
			setUp(w)
			w.reopen(fault(n))
			first := op(w)
			if first != nil && !errors.Is(first, errCrash) {
				t.Fatalf("%s %d: %v", name, n, first)
			}
			w.reopen(nil)
			for range 2 {
				w.must(op(w))
			}
			w.want(want...)
			w.wantOwners()
			if t.Failed() {
				t.Fatalf("after a %s before change %d", name, n)
			}
			if first == nil {
				if n < 2 {
					t.Fatalf("op changed the disk only %d times", n)
				}
				break
			}
		}
	}
}

// wantOwners demands that the mail user can reach every home, and what is made in one.
func (w *world) wantOwners() {
	w.t.Helper()
	if os.Getuid() != 0 {
		return
	}
	private := w.file("private")
	w.must(filepath.WalkDir(private, func(p string, d os.DirEntry, err error) error {
		ours := strings.HasPrefix(filepath.Base(p), ".mailreg-") || filepath.Base(p) == "by-address"
		if err != nil || !d.IsDir() || ours || p == private && w.cfg.Layout == backend.ByUUID {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(p, &st); err != nil {
			return err
		}
		if st.Uid != uint32(w.owner.UID) {
			w.t.Errorf("%s belongs to %d", p, st.Uid)
		}
		return nil
	}))
}
