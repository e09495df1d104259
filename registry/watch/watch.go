package watch

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/mailreg/mailreg/registry"
)

// Registry is what the watch needs of the registry.
type Registry interface {
	View() (*registry.View, error)
	Inputs() (registry.Inputs, error)
	Edited(ctx context.Context) (registry.Edits, error)
	Commit(ctx context.Context, opts registry.CommitOptions) (registry.Outcome, error)
}

// Config says what is watched, and how patiently; the zero values of the times do.
type Config struct {
	// Registry is watched. Required.
	Registry Registry
	// Logger gets a record for each edit and each report; discarded when nil.
	Logger *slog.Logger
	// Quiet is how long nothing may have moved before the edits are looked at; 500 ms when 0. Most is how long they wait at
	// most while something always moves; 5 s when 0.
	Quiet, Most time.Duration
	// Poll is the time between two looks when inotify does not serve, and after an error of the system; 30 s when 0.
	Poll time.Duration

	// open returns the notifier; tests bring their own.
	open func() (*notifier, error)
}

// Watcher watches the inputs of one registry.
type Watcher struct {
	cfg    Config
	notify *notifier // nil while there is none
	inputs registry.Inputs
	// deaf is why not everything is watched, "" when it is.
	deaf string
	// refused is what the last commit was refused for, waiting what waits for one.
	refused, waiting verdict

	mu    sync.Mutex
	notes []string
}

// verdict is what was found out about the content that has a mark.
type verdict struct{ mark, note string }

// New returns a watcher that has not looked yet.
func New(cfg Config) *Watcher {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	cfg.Quiet = cmp.Or(cfg.Quiet, 500*time.Millisecond)
	cfg.Most = cmp.Or(cfg.Most, 5*time.Second)
	cfg.Poll = cmp.Or(cfg.Poll, 30*time.Second)
	if cfg.open == nil {
		cfg.open = inotify
	}
	return &Watcher{cfg: cfg}
}

// Notes returns what a person should know about edits that are not in force; nothing when all are.
func (w *Watcher) Notes() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.notes
}

// Run watches until ctx ends, which is no error; nothing else ends it. It begins with a look, for edits that were made
// while nobody watched.
func (w *Watcher) Run(ctx context.Context) error {
	defer func() {
		if w.notify != nil {
			_ = w.notify.close() // nothing was written by it
		}
	}()
	due := time.Now().Add(w.look(ctx))
	var first time.Time // of the events that wait for a look
	for ctx.Err() == nil {
		timer := time.NewTimer(time.Until(due))
		select {
		case <-ctx.Done():
		case event := <-w.notify.channel():
			if w.concerns(event) {
				now := time.Now()
				if first.IsZero() {
					first = now
				}
				due = earlier(now.Add(w.cfg.Quiet), first.Add(w.cfg.Most))
			}
		case err := <-w.notify.failures():
			// The queue has overflowed, or worse: nobody knows what was missed, so everything is looked at.
			w.cfg.Logger.Warn("events were lost, looking at everything", "op", "watch", "err", err)
			due = time.Now().Add(w.cfg.Quiet)
		case <-timer.C:
			first = time.Time{}
			wait := w.look(ctx)
			due = time.Now().Add(wait)
		}
		timer.Stop()
	}
	return nil
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// look sets the watches and looks at what was edited. It returns when to look again if nothing moves.
func (w *Watcher) look(ctx context.Context) time.Duration {
	w.listen()
	again := w.judge(ctx)
	if w.deaf != "" || again {
		return w.cfg.Poll
	}
	return never
}

// never is long enough.
const never = 1000 * time.Hour

// report makes note, unless it is empty, the one note beside that about the watch itself, and logs what is new.
func (w *Watcher) report(note string) {
	notes := slices.DeleteFunc([]string{note, w.deaf}, func(s string) bool { return s == "" })
	w.mu.Lock()
	before := w.notes
	w.notes = notes
	w.mu.Unlock()
	for _, note := range notes {
		if !slices.Contains(before, note) {
			w.cfg.Logger.Warn(note, "op", "watch")
		}
	}
	if len(before) > 0 && len(notes) == 0 {
		w.cfg.Logger.Info("all edits are in force", "op", "watch")
	}
}

// notifier is what inotify does for us.
type notifier struct {
	add    func(dir string) error
	close  func() error
	events chan fsnotify.Event
	errors chan error
}

// inotify returns the notifier of the system.
func inotify() (*notifier, error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	return &notifier{add: w.Add, close: w.Close, events: w.Events, errors: w.Errors}, nil
}

// channel and failures return nil, which never delivers, when there is no notifier.
func (n *notifier) channel() chan fsnotify.Event {
	if n == nil {
		return nil
	}
	return n.events
}

func (n *notifier) failures() chan error {
	if n == nil {
		return nil
	}
	return n.errors
}
