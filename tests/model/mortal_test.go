package model_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/mailreg/mailreg/handlers/mailbox"
	"github.com/mailreg/mailreg/listener"
	"github.com/mailreg/mailreg/listener/probe"
	"github.com/mailreg/mailreg/listener/syncrepl"
	"github.com/mailreg/mailreg/schema"
)

// points are the moments at which the child can be told to die.
var points = []string{
	"connect", "connected", "first event", "content", "gone", "refresh end", "after refresh end", "session end",
	"verify", "verified", "position", "transaction", "committed", "refreshed",
	"apply", "applied", "set aside", "is set aside", "flush", "flushed", "reconcile", "reconciled",
}

// faults are what the files below the child's root say is to go wrong: "die" holds a point and a number, "fail" the name of
// a way to fail, "clock" a duration by which the time is another.
type faults struct {
	root string
	fuse *fuse
}

// fuse counts how often the point was passed since the file said something new.
type fuse struct {
	mu   sync.Mutex
	text string
	left int
}

func (f faults) read(name string) string {
	data, err := os.ReadFile(filepath.Join(f.root, name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		panic(err)
	}
	return string(bytes.TrimSpace(data))
}

func (f faults) now() time.Time {
	shift, err := time.ParseDuration(f.read("clock"))
	if err != nil {
		shift = 0 // nobody has moved the clock
	}
	f.at("transaction") // each one asks for the time first
	return time.Now().Add(shift)
}

// at kills the process when this is the point, for the given time. Whether it was reached is left in a file.
func (f faults) at(point string) {
	text := f.read("die")
	if text == "" {
		return
	}
	f.fuse.mu.Lock()
	defer f.fuse.mu.Unlock()
	if f.fuse.text != text {
		f.fuse.text = text
		var name string
		if _, err := fmt.Sscanf(text, "%d %q", &f.fuse.left, &name); err != nil {
			panic(err)
		}
	}
	if !bytes.HasSuffix([]byte(text), fmt.Appendf(nil, "%q", point)) {
		return
	}
	if f.fuse.left--; f.fuse.left > 0 {
		return
	}
	if err := os.Rename(filepath.Join(f.root, "die"), filepath.Join(f.root, "died")); err != nil {
		panic(err)
	}
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

var (
	errFail = errors.New("told to fail")
	errLost = errors.New("told to lose the answer")
)

// before and after are asked around each effect.
func (f faults) before() error {
	switch f.read("fail") {
	case "fail":
		return errFail
	case "down":
		return &schema.TargetDown{Target: "model", Err: errFail}
	}
	return nil
}

func (f faults) after(err error) error {
	if err == nil && f.read("fail") == "lose" {
		return errLost
	}
	return err
}

// around carries out a call between two points.
func (f faults) around(before, after string, call func() error) error {
	f.at(before)
	if err := f.before(); err != nil {
		return err
	}
	err := call()
	f.at(after)
	return f.after(err)
}

type mortalSource struct {
	*syncrepl.Source
	f faults
}

func (s mortalSource) Connect(ctx context.Context) (string, error) {
	s.f.at("connect")
	url, err := s.Source.Connect(ctx)
	s.f.at("connected")
	return url, err
}

func (s mortalSource) Events(ctx context.Context, cookie []byte) iter.Seq2[listener.Event, error] {
	return func(yield func(listener.Event, error) bool) {
		first := true
		for event, err := range s.Source.Events(ctx, cookie) {
			switch {
			case err != nil:
				s.f.at("session end")
			case first:
				s.f.at("first event")
			case event.Kind == listener.Content:
				s.f.at("content")
			case event.Kind == listener.Gone:
				s.f.at("gone")
			case event.Kind == listener.RefreshEnd:
				s.f.at("refresh end")
			}
			first = false
			if !yield(event, err) {
				return
			}
			if event.Kind == listener.RefreshEnd {
				s.f.at("after refresh end")
			}
		}
	}
}

type mortalProbe struct {
	*probe.Probe
	f faults
}

func (p mortalProbe) Verify(ctx context.Context, uuid schema.UUID, dn string) (listener.Verdict, *schema.Entry, error) {
	p.f.at("verify")
	verdict, entry, err := p.Probe.Verify(ctx, uuid, dn)
	p.f.at("verified")
	return verdict, entry, err
}

func (p mortalProbe) Position(ctx context.Context) ([]string, error) {
	p.f.at("position")
	return p.Probe.Position(ctx)
}

type mortalObserver struct{ f faults }

func (o mortalObserver) Committed(listener.Commit)  { o.f.at("committed") }
func (o mortalObserver) Refreshed(listener.Refresh) { o.f.at("refreshed") }
func (mortalObserver) Acted(listener.Action)        {}
func (mortalObserver) Ended(error)                  {}
func (mortalObserver) Braked(string, string)        {}

type mortalMailbox struct {
	*mailbox.Handler
	f faults
}

func (m *mortalMailbox) Apply(ctx context.Context, c schema.Change) error {
	return m.f.around("apply", "applied", func() error { return m.Handler.Apply(ctx, c) })
}

func (m *mortalMailbox) SetAside(ctx context.Context, c schema.Change) error {
	return m.f.around("set aside", "is set aside", func() error { return m.Handler.SetAside(ctx, c) })
}

// journal is a handler that writes the address of each mail user into a file named by its UUID, when it is told to flush.
type journal struct {
	dir string
	f   faults

	mu sync.Mutex
	// todo is what Flush is to write, guarded by mu.
	todo map[schema.UUID]*schema.Entry
}

func (*journal) Name() string                { return "journal" }
func (*journal) Match(e *schema.Entry) bool  { return schema.IsMailbox(e) }
func (j *journal) path(u schema.UUID) string { return filepath.Join(j.dir, u.String()) }

func (j *journal) Apply(_ context.Context, c schema.Change) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.todo == nil {
		j.todo = map[schema.UUID]*schema.Entry{}
	}
	j.todo[c.UUID] = c.New
	return nil
}

func (j *journal) Flush(context.Context) error {
	return j.f.around("flush", "flushed", func() error {
		j.mu.Lock()
		defer j.mu.Unlock()
		for uuid, entry := range j.todo {
			if err := j.write(uuid, entry); err != nil {
				return err
			}
			delete(j.todo, uuid)
		}
		return nil
	})
}

func (j *journal) write(uuid schema.UUID, entry *schema.Entry) error {
	if entry == nil {
		err := os.Remove(j.path(uuid))
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	if err := os.MkdirAll(j.dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(j.path(uuid), []byte(entry.First(schema.AttrPrimaryAddress)), 0o644)
}

// Reconcile makes the folder hold just the given entries.
func (j *journal) Reconcile(_ context.Context, entries iter.Seq[*schema.Entry]) error {
	return j.f.around("reconcile", "reconciled", func() error {
		var living []string
		for e := range entries {
			living = append(living, e.UUID.String())
			if err := j.write(e.UUID, e); err != nil {
				return err
			}
		}
		files, err := os.ReadDir(j.dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		for _, file := range files {
			if !slices.Contains(living, file.Name()) {
				if err := os.Remove(filepath.Join(j.dir, file.Name())); err != nil {
					return err
				}
			}
		}
		return nil
	})
}
