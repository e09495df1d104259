package listener

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/mailreg/mailreg/listener/store"
)

// sessionLimit is more than any one step of a session takes: a question to the provider has a shorter limit of its own.
const sessionLimit = 2 * time.Minute

// Alive reports whether the loops still turn: a transaction can begin, each worker takes part, and the session either
// waits for the provider or has made a step lately. It says which does not within the context's time. Calls of handlers
// that hang are not its matter, nor is a provider that is silent or down: starting the daemon again would mend neither.
func (l *Listener) Alive(ctx context.Context) error {
	if err := l.health.store(ctx, l.store); err != nil {
		return err
	}
	for _, w := range l.workers {
		err := w.do(ctx, func() error { return nil })
		switch {
		case errors.Is(err, errStopping):
			return nil // its end is in Run's hands
		case err != nil:
			return fmt.Errorf("the worker of handler %s does not turn: %w", w.name, err)
		}
	}
	if stuck := l.health.stuck(); stuck > sessionLimit {
		return fmt.Errorf("the session has made no step for %s", stuck.Round(time.Second))
	}
	return nil
}

// health is what Alive has to remember.
type health struct {
	mu sync.Mutex
	// open is closed when the transaction that is trying to begin has done so; nil without one.
	open chan struct{}
	// step is when the session made its last step; zero while it waits for the provider.
	step time.Time
}

// errRollback ends a transaction that was only to find out whether one can begin.
var errRollback = errors.New("nothing to write")

// store begins a transaction and takes it back, which writes nothing. While one hangs no other is begun.
func (h *health) store(ctx context.Context, s *store.Store) error {
	h.mu.Lock()
	open := h.open
	if open == nil {
		open = make(chan struct{})
		h.open = open
		go func() {
			// What is wrong with the content shows in the work itself; here it counts that there was an answer.
			_ = s.Update(func(*store.Tx) error { return errRollback })
			h.mu.Lock()
			defer h.mu.Unlock()
			h.open = nil
			close(open)
		}()
	}
	h.mu.Unlock()
	select {
	case <-open:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the store begins no transaction: %w", context.Cause(ctx))
	}
}

// beat notes that the session makes a step, rest that it waits for others.
func (h *health) beat() { h.set(time.Now()) }
func (h *health) rest() { h.set(time.Time{}) }

// again notes a step within a step, if the session makes one: others take it, too.
func (h *health) again() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.step.IsZero() {
		h.step = time.Now()
	}
}

func (h *health) set(step time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.step = step
}

// stuck returns how long ago the last step was, 0 while the session waits.
func (h *health) stuck() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.step.IsZero() {
		return 0
	}
	return time.Since(h.step)
}
