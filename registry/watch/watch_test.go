package watch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/google/go-cmp/cmp"

	"github.com/mailreg/mailreg/registry"
)

// fake is a registry whose edits and answers are set by the test.
type fake struct {
	*registry.Registry
	mu     sync.Mutex
	edits  registry.Edits
	err    error
	looks  []time.Duration
	begin  time.Time
	real   int
	dryRun int
	// unreadable is the error of View.
	unreadable error
}

func (f *fake) View() (*registry.View, error) {
	if f.unreadable != nil {
		return nil, f.unreadable
	}
	return f.Registry.View()
}

func (f *fake) Edited(context.Context) (registry.Edits, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.looks = append(f.looks, time.Since(f.begin))
	return f.edits, nil
}

func (f *fake) Commit(_ context.Context, opts registry.CommitOptions) (registry.Outcome, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case !opts.Typed:
		return registry.Outcome{}, errors.New("not by types")
	case opts.DryRun:
		f.dryRun++
		return registry.Outcome{Files: []string{"/etc/x"}}, f.err
	}
	f.real++
	if f.err == nil {
		f.edits.Files = nil
	}
	return registry.Outcome{}, f.err
}

func (f *fake) edit(mark string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.edits, f.err = registry.Edits{Files: []string{"/etc/mailreg/base.conf"}, Mark: mark}, err
}

// rig is a watcher on a fake registry with events by hand.
type rig struct {
	*testing.T
	*fake
	w     *Watcher
	root  string
	n     *notifier
	added error
	log   *bytes.Buffer
	done  chan struct{}
}

// inBubble runs test with a started watcher in a bubble of synctest.
func inBubble(t *testing.T, autocommit bool, test func(*rig)) {
	root := t.TempDir()
	writeLayer(t, root, fmt.Sprintf("mailreg/autocommit: %t\n", autocommit))
	synctest.Test(t, func(t *testing.T) {
		r := &rig{T: t, root: root, log: &bytes.Buffer{}, done: make(chan struct{})}
		r.fake = &fake{Registry: registry.Open(root), begin: time.Now()}
		r.n = &notifier{
			add:    func(string) error { return r.added },
			close:  func() error { return nil },
			events: make(chan fsnotify.Event), errors: make(chan error),
		}
		r.w = New(Config{Registry: r.fake, Logger: slog.New(slog.NewTextHandler(r.log, nil)), open: func() (*notifier, error) { return r.n, nil }})
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			defer close(r.done)
			if err := r.w.Run(ctx); err != nil {
				t.Error(err)
			}
		}()
		synctest.Wait()
		test(r)
		cancel()
		<-r.done
	})
}

// event sends an event about a file of /etc/mailreg.
func (r *rig) event(name string) {
	r.n.events <- fsnotify.Event{Name: filepath.Join(r.root, "etc/mailreg", name), Op: fsnotify.Write}
	synctest.Wait()
}

func (r *rig) pass(d time.Duration) {
	time.Sleep(d) // of the bubble
	synctest.Wait()
}

func (r *rig) want(what string, want, got any) {
	r.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		r.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func writeLayer(t *testing.T, root, lines string) {
	t.Helper()
	name := filepath.Join(root, "etc/mailreg/base.conf")
	text := "# mailreg layer file 1: base.conf\n" + lines + "# end of base.conf\n"
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o644)); err != nil {
		t.Fatal(err)
	}
}

func TestBurstIsOneLook(t *testing.T) {
	inBubble(t, true, func(r *rig) {
		r.want("looks at the start", []time.Duration{0}, r.looks)
		for range 4 {
			r.event("base.conf")
			r.pass(200 * time.Millisecond)
		}
		r.event("base.conf.swp") // nobody's file: it does not put the look off
		r.pass(time.Hour)
		r.want("looks", []time.Duration{0, 1100 * time.Millisecond}, r.looks)
	})
}

func TestEndlessEventsAreLookedAt(t *testing.T) {
	inBubble(t, true, func(r *rig) {
		for range 62 {
			r.event("templates/x.tmpl")
			r.pass(100 * time.Millisecond)
		}
		r.want("looks after six seconds", []time.Duration{0, 5 * time.Second}, r.looks)
	})
}

func TestOverflowIsALook(t *testing.T) {
	inBubble(t, true, func(r *rig) {
		r.edit("1", nil)
		r.n.errors <- fsnotify.ErrEventOverflow
		r.pass(time.Second)
		r.want("commits", 1, r.real)
		if !strings.Contains(r.log.String(), "events were lost") {
			t.Error(r.log)
		}
	})
}

func TestRefusedOnce(t *testing.T) {
	inBubble(t, true, func(r *rig) {
		r.edit("1", errors.New("smtpd is not pleased"))
		for range 3 {
			r.event("base.conf")
			r.pass(time.Minute)
		}
		r.want("attempts", 1, r.real)
		note := []string{"/etc/mailreg/base.conf was edited and is refused, the last good files stay in force: smtpd is not pleased"}
		r.want("notes", note, r.w.Notes())
		r.want("records", 1, strings.Count(r.log.String(), "not pleased"))
		r.edit("2", nil)
		r.event("base.conf")
		r.pass(time.Second)
		r.want("attempts after another edit", 2, r.real)
		r.want("notes after another edit", []string{}, r.w.Notes())
	})
}

func TestErrorOfTheSystemIsTriedAgain(t *testing.T) {
	inBubble(t, true, func(r *rig) {
		r.edit("1", fmt.Errorf("preparing: %w", syscall.ENOSPC))
		r.event("base.conf")
		r.pass(time.Second)
		r.edit("1", nil)
		r.pass(time.Minute)
		r.want("attempts", 2, r.real)
		r.want("notes", []string{}, r.w.Notes())
	})
}

// TestServerThatDiesIsNotTriedAgain is about settings of which a server dies, so that nobody listens any more.
func TestServerThatDiesIsNotTriedAgain(t *testing.T) {
	inBubble(t, true, func(r *rig) {
		r.edit("1", fmt.Errorf("smtpd does not work with the new settings: %w", syscall.ECONNREFUSED))
		r.event("base.conf")
		r.pass(time.Hour)
		r.want("attempts", 1, r.real)
	})
}

// TestUnreadableSettings are read again when it is the system that does not let us.
func TestUnreadableSettings(t *testing.T) {
	inBubble(t, true, func(r *rig) {
		r.edit("1", nil)
		r.unreadable = fmt.Errorf("reading base.conf: %w", syscall.EIO)
		r.event("base.conf")
		r.pass(time.Second)
		r.want("attempts", 0, r.real)
		r.unreadable = nil
		r.pass(time.Minute)
		r.want("attempts when it can be read", 1, r.real)
	})
}

func TestPendingActionIsInForce(t *testing.T) {
	inBubble(t, true, func(r *rig) {
		r.edit("1", registry.ErrPending)
		r.event("base.conf")
		r.pass(time.Second)
		r.want("notes", []string{}, r.w.Notes())
	})
}

func TestWithoutAutocommit(t *testing.T) {
	inBubble(t, false, func(r *rig) {
		r.edit("1", nil)
		for range 2 {
			r.event("base.conf")
			r.pass(time.Second)
		}
		r.want("commits", 0, r.real)
		r.want("dry runs", 1, r.dryRun)
		r.want("notes", []string{
			"/etc/mailreg/base.conf was edited and waits, for mailreg/autocommit is no: mailreg commit would write /etc/x",
		}, r.w.Notes())
		writeLayer(r.T, r.root, "mailreg/autocommit: yes\n")
		r.event("base.conf")
		r.pass(time.Second)
		r.want("commits once it is on", 1, r.real)
		r.want("notes once it is on", []string{}, r.w.Notes())
	})
}

func TestBrokenLayer(t *testing.T) {
	inBubble(t, true, func(r *rig) {
		name := filepath.Join(r.root, "etc/mailreg/base.conf")
		if err := os.WriteFile(name, []byte("mailreg/autocommit: yes\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		r.edit("1", nil)
		r.event("base.conf")
		r.pass(time.Second)
		r.want("commits", 0, r.real)
		if notes := r.w.Notes(); len(notes) != 1 || !strings.Contains(notes[0], "base.conf") {
			t.Errorf("notes %q", notes)
		}
		writeLayer(r.T, r.root, "mailreg/autocommit: yes\n")
		r.event("base.conf")
		r.pass(time.Second)
		r.want("commits once it is healed", 1, r.real)
		r.want("notes", []string{}, r.w.Notes())
	})
}

func TestNoWatchesLeft(t *testing.T) {
	inBubble(t, true, func(r *rig) {
		r.added = syscall.ENOSPC
		r.event("base.conf")
		r.pass(time.Second)
		notes := r.w.Notes()
		if len(notes) != 1 || !strings.Contains(notes[0], "raise fs.inotify.max_user_watches") {
			t.Errorf("notes %q", notes)
		}
		r.edit("1", nil)
		r.pass(time.Minute)
		r.want("commits", 1, r.real)
		r.added = nil
		r.pass(time.Minute)
		r.want("notes when there are watches again", []string{}, r.w.Notes())
		looks := len(r.looks)
		r.pass(time.Hour)
		r.want("looks in peace", looks, len(r.looks))
	})
}

// TestFolderThatComesMeanwhile makes a folder when the one above it has been listed and is not watched yet.
func TestFolderThatComesMeanwhile(t *testing.T) {
	root := t.TempDir()
	templates := filepath.Join(root, "etc/mailreg/templates")
	if err := os.MkdirAll(templates, 0o755); err != nil {
		t.Fatal(err)
	}
	watched := map[string]bool{}
	add := func(dir string) error {
		watched[dir] = true
		return os.MkdirAll(filepath.Join(templates, "postfix"), 0o755)
	}
	w := New(Config{Registry: registry.Open(root), open: func() (*notifier, error) { return &notifier{add: add}, nil }})
	w.listen()
	if !watched[filepath.Join(templates, "postfix")] || w.deaf != "" {
		t.Errorf("watched are %v, %s", watched, w.deaf)
	}
}

func TestNoInotify(t *testing.T) {
	w := New(Config{Registry: registry.Open(t.TempDir()), Poll: time.Millisecond, open: func() (*notifier, error) {
		return nil, syscall.EMFILE
	}})
	if wait := w.look(t.Context()); wait != time.Millisecond || len(w.Notes()) != 1 {
		t.Errorf("waits %s, notes %q", wait, w.Notes())
	}
}
