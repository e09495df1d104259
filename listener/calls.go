package listener

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"github.com/mailreg/mailreg/schema"
)

// heed is how long a call may take to end after it was cancelled.
const heed = 10 * time.Second

// spares is how many times its number of calls a handler may have open, with those that do not end.
const spares = 3

// wholeHandler stands for Flush and Reconcile among the calls, which are not about one entry.
func wholeHandler() schema.UUID { return schema.UUID{} }

// openCall is a call without an answer yet.
type openCall struct {
	dn string
	// since is the time by the wall clock.
	since time.Time
	// hangs is set when it goes on although it was cancelled. Nothing can end it; its entry and claims stay busy.
	hangs bool
}

// calling notes that the handler has been called and has yet to answer.
func (w *worker) calling(uuid schema.UUID, dn string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open[uuid] = openCall{dn: dn, since: w.l.cfg.Now()}
}

// answered notes that it has.
func (w *worker) answered(uuid schema.UUID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.open, uuid)
}

// unanswered returns how many calls run.
func (w *worker) unanswered() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.open)
}

// hanging tells of the calls that do not end.
func (w *worker) hanging() (notes []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.open {
		if c.hangs {
			notes = append(notes, fmt.Sprintf("handler %s: the call for %s of %s does not end although it was cancelled: its entry waits for it",
				w.name, c.dn, c.since.UTC().Format(time.RFC3339)))
		}
	}
	slices.Sort(notes)
	return notes
}

// limit is how long a call of the handler may take.
func (w *worker) limit() time.Duration {
	if timed, ok := w.handler.(Timed); ok {
		return timed.Limit()
	}
	return w.l.cfg.Timeout()
}

// errLimit is why a call was cancelled.
type errLimit time.Duration

// Error says how long it took.
func (e errLimit) Error() string { return fmt.Sprintf("no answer within %s", time.Duration(e)) }

// bounded calls fn with a context that ends after the limit. An error that comes of that says so.
func bounded(work context.Context, limit time.Duration, fn func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(work, limit, errLimit(limit))
	defer cancel()
	err := safely(func() error { return fn(ctx) })
	if cause := context.Cause(ctx); err != nil && errors.As(cause, new(errLimit)) {
		return fmt.Errorf("%w: %w", cause, err)
	}
	return err
}

// panicked is a panic as an error; its stack is for the log.
type panicked struct {
	value any
	stack []byte
}

// Error tells the value.
func (p *panicked) Error() string { return fmt.Sprintf("panic: %v", p.value) }

// safely runs a function of the handler; a panic in it is an error like another.
func safely(fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &panicked{p, debug.Stack()}
		}
	}()
	return fn()
}

// spare gives the slots of calls that do not end to others, up to a bound. A handler that bears few calls at once gets none.
func (w *worker) spare() {
	now := time.Now()
	for uuid, at := range w.overdue {
		if at.After(now) {
			continue
		}
		delete(w.overdue, uuid)
		w.mu.Lock()
		c, open := w.open[uuid]
		if open {
			c.hangs = true
			w.open[uuid] = c
		}
		w.mu.Unlock()
		if !open {
			continue // its answer is on the way
		}
		_, limited := w.handler.(Limited)
		if len(w.hung) < (spares-1)*w.workers && !limited {
			w.hung[uuid] = struct{}{}
			w.running--
		}
		w.log.Error("does not end although it was cancelled", "op", "call", "dn", c.dn, "uuid", uuid.String(), "others", len(w.hung))
	}
}

// finish takes in the result of a call.
func (w *worker) finish(o outcome) {
	delete(w.overdue, o.change.UUID)
	if _, hung := w.hung[o.change.UUID]; hung {
		delete(w.hung, o.change.UUID)
	} else {
		w.running--
	}
	w.shun(o)
	w.keep(o)
}

// keep collects what is to be stored.
func (w *worker) keep(o outcome) {
	w.newest = time.Now()
	if len(w.done) == 0 {
		w.oldest = w.newest
	}
	w.done = append(w.done, o)
}

// burst reports whether a Flusher is to be asked now: at the end of a burst, when a batch is full, or when what was done
// first has waited long enough. No call runs then, so that it is known which ones Flush was for.
func (w *worker) burst(ctx context.Context) bool {
	now := time.Now()
	switch {
	case w.running > 0:
		return false
	case ctx.Err() != nil, w.reconcile, len(w.done) >= maxBatch, w.room() <= 0, w.late(now):
		return true
	default:
		return w.queue.Len() == 0 && !now.Before(w.newest.Add(w.l.cfg.FlushQuiet))
	}
}

// late reports whether nothing more may begin before a Flusher has been asked.
func (w *worker) late(now time.Time) bool {
	return w.flusher != nil && len(w.done) > 0 && !now.Before(w.oldest.Add(w.l.cfg.FlushDelay))
}

// nextCall returns when something about calls is to be looked at, and whether anything is.
func (w *worker) nextCall() (next time.Time, ok bool) {
	earlier := func(at time.Time) {
		if !ok || at.Before(next) {
			next, ok = at, true
		}
	}
	for _, at := range w.overdue {
		earlier(at)
	}
	if w.flusher != nil && len(w.done) > 0 && w.running == 0 && !w.committing {
		earlier(w.newest.Add(w.l.cfg.FlushQuiet))
		earlier(w.oldest.Add(w.l.cfg.FlushDelay))
	}
	return next, ok
}
