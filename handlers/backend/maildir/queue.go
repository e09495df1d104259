package maildir

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/mailreg/mailreg/handlers/backend/confine"
	"github.com/mailreg/mailreg/schema"
)

// Queue lets the callers of one process have the lock of a spool one after the other. Without it each would have to ask for
// the lock again and again. Its zero value is ready.
type Queue struct {
	once sync.Once
	// turn holds one value: whoever has it may take the lock.
	turn chan struct{}
}

// wait waits for the caller's turn, which leave ends.
func (q *Queue) wait(ctx context.Context) (leave func(), err error) {
	if q == nil {
		return func() {}, nil
	}
	q.once.Do(func() { q.turn = make(chan struct{}, 1) })
	select {
	case q.turn <- struct{}{}:
		return func() { <-q.turn }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// acquire takes the lock of the spool. Somebody who has it for long, such as a stopped process, is a target that is down.
func (s *Spool) acquire(ctx context.Context, base *confine.Dir) (unlock func(), err error) {
	busy := fmt.Errorf("another process has held it for more than %s", s.cfg.Patience)
	within, cancel := context.WithTimeoutCause(ctx, s.cfg.Patience, busy)
	defer cancel()
	leave, err := s.cfg.Queue.wait(within)
	if err == nil {
		lock, failed := base.Lock(within, ".mailreg-lock")
		if err = failed; err == nil {
			return func() {
				_ = lock.Close()
				leave()
			}, nil
		}
		leave()
	}
	if errors.Is(err, busy) {
		return nil, &schema.TargetDown{Target: "spool", Err: err}
	}
	return nil, down(fmt.Errorf("locking the spool: %w", err))
}
