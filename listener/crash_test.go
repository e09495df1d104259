package listener

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mailreg/mailreg/schema"
)

// ledger is a handler that sets its whole target right when it begins.
type ledger struct {
	mu    sync.Mutex
	lines map[schema.UUID]string
}

func (*ledger) Name() string               { return "ledger" }
func (*ledger) Match(e *schema.Entry) bool { return schema.IsMailbox(e) }

func (l *ledger) Apply(_ context.Context, c schema.Change) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.New == nil {
		delete(l.lines, c.UUID)
		return nil
	}
	l.lines[c.UUID] = c.New.First(schema.AttrPrimaryAddress)
	return nil
}

func (l *ledger) Inspect(_ context.Context, e *schema.Entry) ([]schema.Difference, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if want := e.First(schema.AttrPrimaryAddress); l.lines[e.UUID] != want {
		return []schema.Difference{{What: "line", Want: want, Have: l.lines[e.UUID]}}, nil
	}
	return nil, nil
}

func (l *ledger) Reconcile(_ context.Context, entries iter.Seq[*schema.Entry]) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.lines)
	for e := range entries {
		l.lines[e.UUID] = e.First(schema.AttrPrimaryAddress)
	}
	return nil
}

// Wake tells when an entry is due by itself, for steps "due".
func (*ledger) Wake(e *schema.Entry, after time.Time) time.Time {
	at, err := time.Parse(time.RFC3339Nano, e.First("due"))
	if err != nil || !at.After(after) {
		return time.Time{}
	}
	return at
}

// everyPoint is a story in which every kind of transaction takes place.
var everyPoint = []step{
	{"set", 1, 1},
	{"set", 2, 2},
	{"set", 3, 3},
	{"wait", 0, 0},
	{"swap", 1, 2},
	{"wait", 0, 0},
	{"rotate", 0, 0},
	{"wait", 0, 0},
	{"set", 4, 1},
	{"wait", 0, 0},
	{"drop", 0, 0},
	{"set", 4, 4},
	{"bad", 5, 0},
	{"wait", 0, 0},
	{"hide", 2, 0},
	{"cut", 0, 0},
	{"quiet", 0, 0},
	{"retry", 0, 0},
	{"show", 2, 0},
	{"cut", 0, 0},
	{"quiet", 0, 0},
	{"minutes", 0, 0},
	{"fail", 3, 0},
	{"touch", 3, 0},
	{"wait", 0, 0},
	{"heal", 0, 0},
	{"delete", 1, 0},
	{"wait", 0, 0},
	{"guard", 0, 0},
	{"clear", 2, 0},
	{"clear", 3, 0},
	{"wait", 0, 0},
	{"approve", 0, 0},
	{"wait", 0, 0},
	{"approve", 0, 0}, // in case that the first one broke
	{"wait", 0, 0},
	{"clear", 4, 0},
	{"wait", 0, 0},
	{"reject", 0, 0},
	// Everybody does something, so that no store stays with one that was rejected.
	{"guard", 0, 0},
	{"set", 1, 1},
	{"set", 2, 2},
	{"set", 3, 3},
	{"set", 4, 4},
	{"set", 5, 5},
	{"wait", 0, 0},
	{"pause", 0, 0},
	{"touch", 1, 0},
	{"wait", 0, 0},
	{"resume", 0, 0},
	{"wait", 0, 0},
	{"resume", 0, 0},
	{"wait", 0, 0},
	{"without", 0, 0},
	{"touch", 2, 0},
	{"forget handler", 0, 0},
	{"with", 0, 0},
	{"resync", 0, 0},
	{"wait", 0, 0},
	{"reload", 1, 0},
	{"spoil", 2, 0},
	{"day", 0, 0},
	{"day", 0, 0}, // in case that the first one broke
	{"wait", 0, 0},
	{"spoil", 3, 0},
	{"repair", 0, 0},
	{"repair", 0, 0}, // in case that the first one broke
	{"wait", 0, 0},
	{"due", 1, 0},
	{"wait", 0, 0},
	{"minutes", 0, 0},
	{"slip", 1, 0},
	{"audit", 0, 0},
	{"audit", 0, 0}, // in case that the first one broke
	{"wait", 0, 0},
	{"disk", 0, 0},
	{"restart", 0, 0},
	{"wait", 0, 0},
}

// breakage is how a transaction breaks.
type breakage struct {
	name string
	// committed says that it breaks only after the commit: nobody hears of what is on the disk.
	committed bool
	// dies says that the process ends there; else the error is that of a full or broken disk.
	dies bool
}

// witness counts transactions by the function that runs them, and breaks one.
type witness struct {
	mu    sync.Mutex
	names []string
	at    int
	how   breakage
	// broken is set once the transaction was broken.
	broken bool
}

// transaction returns the name of the function that runs the transaction from whose hook it is called.
func transaction() string {
	callers := make([]uintptr, 64)
	frames := runtime.CallersFrames(callers[:runtime.Callers(2, callers)])
	update := false
	for {
		frame, more := frames.Next()
		_, name, _ := strings.Cut(frame.Function, "mailreg/listener.")
		name = regexp.MustCompile(`\.func\d.*`).ReplaceAllString(name, "")
		ours := strings.HasPrefix(name, "(*Listener).update")
		if update && name != "" && !ours {
			return name
		}
		update = update || ours
		if !more {
			return ""
		}
	}
}

// see is told of each transaction, before and after its commit.
func (w *witness) see(committed bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !committed {
		w.names = append(w.names, transaction())
	}
	if len(w.names) == w.at && committed == w.how.committed && !w.broken {
		w.broken = true
		return fmt.Errorf("%w: %s", errDead, w.how.name)
	}
	return nil
}

// crashStory tells everyPoint with a transaction that breaks, and returns what is wrong at its end.
func crashStory(path string, eye *witness) []string {
	book := &ledger{lines: map[schema.UUID]string{}}
	w := newWorldWith(path, func(w *world) {
		w.more, w.see = []Handler{book}, func(committed bool) error {
			err := eye.see(committed)
			if err != nil && eye.how.dies {
				w.dead.Store(true)
			}
			return err
		}
	})
	for _, s := range everyPoint {
		w.do(s)
		if w.dead.Load() {
			synctest.Wait()
			w.stop()
			w.start()
		}
	}
	w.settle()
	w.stop()
	w.check()
	for n := 1; n <= 5; n++ {
		want := ""
		if e := w.dir.inScope(id(n)); schema.IsMailbox(e) {
			want = w.address(n)
		}
		if book.lines[id(n)] != want {
			w.errorf("ledger: u%d has %q, want %q", n, book.lines[id(n)], want)
		}
	}
	if err := w.store.Close(); err != nil {
		w.errorf("%v", err)
	}
	return w.wrong
}

// TestEveryTransaction breaks each transaction of a story: killed before the commit and after it, and with an error of the
// disk that says truly or wrongly that nothing was written. What comes of it in the end is the same.
func TestEveryTransaction(t *testing.T) {
	dir := memoryDir(t)
	whole := &witness{}
	synctest.Test(t, func(t *testing.T) {
		for _, wrong := range crashStory(filepath.Join(dir, "whole.db"), whole) {
			t.Error(wrong)
		}
	})
	reached := slices.Compact(slices.Sorted(slices.Values(whole.names)))
	if diff := slices.DeleteFunc(transactions(t), func(name string) bool { return slices.Contains(reached, name) }); len(diff) > 0 {
		t.Errorf("no step of the story runs a transaction of %q; it runs those of %q", diff, reached)
	}
	for _, how := range []breakage{
		{"killed before", false, true}, {"killed after", true, true}, {"disk is full", false, false}, {"answer of the disk lost", true, false},
	} {
		for at := range whole.names {
			eye := &witness{at: at + 1, how: how}
			var wrong []string
			path := filepath.Join(dir, fmt.Sprintf("%s%d.db", how.name, at))
			synctest.Test(t, func(*testing.T) { wrong = crashStory(path, eye) })
			if len(wrong) > 0 {
				t.Errorf("%s: transaction %d, of %s:\n%s", how.name, at+1, whole.names[at], strings.Join(wrong, "\n"))
			}
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Logf("%d transactions of %q", len(whole.names), reached)
}

// TestWaitAfterALostAnswer proves that what the disk has written, although it said no, is noticed: by those who wait, and by
// the handler of what was approved.
func TestWaitAfterALostAnswer(t *testing.T) {
	for _, name := range []string{"(*worker).commit", "(*intake).write", "(*Listener).Retry"} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, user(1, "a"), user(2, "bad"))
			armed := false
			r.config.fault = func(committed bool) error {
				if armed && committed && transaction() == name {
					armed = false
					return errDead
				}
				return nil
			}
			r.start()
			armed = true
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if name == "(*Listener).Retry" {
				if _, err := r.Retry(ctx, ""); !errors.Is(err, errDead) {
					t.Errorf("Retry: %v", err)
				}
			} else {
				r.dir.set(user(1, "b"))
			}
			if _, err := r.Wait(ctx); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if armed {
				t.Errorf("%s: no transaction was broken", name)
			}
		})
	}
}

// memoryDir returns a folder in memory where there is one: what is proved here does not depend on the disk.
func memoryDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "mailreg-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// transactions returns the names of the functions that run one, as the package's source has them.
func transactions(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	function := regexp.MustCompile(`^func (?:\(\w+ (\*?\w+)\) )?(\w+)\(`)
	var names []string
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := ""
		for line := range strings.Lines(string(text)) {
			if m := function.FindStringSubmatch(line); m != nil {
				name = m[2]
				if m[1] != "" {
					name = "(" + m[1] + ")." + name
				}
			}
			if strings.Contains(line, ".update(") && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}
