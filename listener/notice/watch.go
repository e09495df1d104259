package notice

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Config says whom to ask and how to tell.
type Config struct {
	API API
	// Path is the file that remembers over restarts what was told.
	Path string
	// Host is the host's full name.
	Host string
	// Interval returns the time between two looks.
	Interval func() time.Duration
	// Deliver tells a person, and reports whether anybody was told; nobody to tell is no error. What nobody has heard of is
	// tried again at the next look.
	Deliver func(ctx context.Context, m Message) (told bool, err error)
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
	// Logger discards when nil.
	Logger *slog.Logger
}

// Watch looks for problems and tells of them.
type Watch struct {
	cfg    Config
	memory memory

	mu sync.Mutex
	// failure is guarded by mu: why the last message could not be delivered.
	failure string
}

// New reads what was told before. A file that cannot be read is as good as none: then it is told again.
func New(cfg Config) *Watch {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	w := &Watch{cfg: cfg, memory: memory{told: map[string]Problem{}}}
	problems, err := w.load()
	if err != nil {
		cfg.Logger.Warn("what was told before is not known", "op", "notice", "err", err)
	}
	for _, p := range problems {
		w.memory.told[p.key()] = p
	}
	return w
}

// Run looks at once and then at each interval, until ctx ends.
func (w *Watch) Run(ctx context.Context) error {
	for {
		w.look(ctx)
		timer := time.NewTimer(w.cfg.Interval())
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
	}
}

// Notes says when a message could not be delivered.
func (w *Watch) Notes() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failure == "" {
		return nil
	}
	return []string{"a notice could not be delivered: " + w.failure}
}

func (w *Watch) look(ctx context.Context) {
	now := w.cfg.Now()
	problems := look(ctx, w.cfg.API, now)
	n := w.memory.look(now, problems)
	if n.none() || ctx.Err() != nil {
		return
	}
	told, err := w.cfg.Deliver(ctx, Message{
		Host: w.cfg.Host, Time: now, New: append([]Problem{}, n.fresh...), Healed: append([]Problem{}, n.healed...), Open: len(problems),
	})
	if told {
		w.memory.done(now, n, w.cfg.Interval())
		err = errors.Join(err, w.save())
	}
	w.note(err)
}

func (w *Watch) note(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	text := ""
	if err != nil {
		text = strings.ReplaceAll(err.Error(), "\n", "; ") // a way to tell and another one have failed
	}
	if text != "" && text != w.failure {
		w.cfg.Logger.Warn("cannot deliver a notice", "op", "notice", "err", err)
	}
	w.failure = text
}

func (w *Watch) load() (problems []Problem, err error) {
	data, err := os.ReadFile(w.cfg.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, &problems); err != nil {
		return nil, fmt.Errorf("reading %s: %w", w.cfg.Path, err)
	}
	return problems, nil
}

// save writes what was told. After a power failure in this moment it may be told again.
func (w *Watch) save() error {
	var problems []Problem
	for _, key := range slices.Sorted(maps.Keys(w.memory.told)) {
		problems = append(problems, w.memory.told[key])
	}
	data, err := json.Marshal(problems)
	if err != nil {
		return fmt.Errorf("writing down what was told: %w", err)
	}
	temp := filepath.Join(filepath.Dir(w.cfg.Path), "."+filepath.Base(w.cfg.Path))
	if err := os.WriteFile(temp, data, 0o600); err != nil {
		return err
	}
	return os.Rename(temp, w.cfg.Path)
}
