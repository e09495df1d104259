package listener

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mailreg/mailreg/schema"
)

// waiter is a handler whose calls for some entries end only with their context, or not even then.
type waiter struct {
	*target
	mu       sync.Mutex
	patient  map[schema.UUID]bool
	deaf     map[schema.UUID]bool
	released chan struct{}
}

func newWaiter() *waiter {
	return &waiter{target: newTarget(), patient: map[schema.UUID]bool{}, deaf: map[schema.UUID]bool{}, released: make(chan struct{})}
}

func (h *waiter) Apply(ctx context.Context, c schema.Change) error {
	h.mu.Lock()
	patient, deaf := h.patient[c.UUID], h.deaf[c.UUID]
	h.mu.Unlock()
	if patient {
		<-ctx.Done()
		return ctx.Err()
	}
	if deaf {
		<-h.released
	}
	return h.target.Apply(ctx, c)
}

func TestCallWithoutAnswerIsCancelled(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, user(1, "a"), user(2, "b"))
		h := newWaiter()
		h.patient[id(1)] = true
		r.target, r.config.Handlers = h.target, []Handler{h}
		r.config.Timeout = func() time.Duration { return time.Minute }
		r.start()
		r.expect("add u2 b")
		pass(time.Minute)
		r.expectMarks("u1 retry: no answer within 1m0s: context deadline exceeded")
		pass(time.Hour)
		r.expectMarks("u1 parked: no answer within 1m0s: context deadline exceeded")
	})
}

func TestCallThatDoesNotEndStarvesNobody(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var entries []*schema.Entry
		h := newWaiter()
		for n := 1; n <= 30; n++ {
			entries = append(entries, user(n, fmt.Sprintf("a%d", n)))
			h.deaf[id(n)] = n <= 6 // more than there are slots
		}
		r := newRig(t, entries...)
		r.target, r.config.Handlers = h.target, []Handler{h}
		r.config.Timeout = func() time.Duration { return time.Minute }
		r.start()
		pass(5 * time.Minute)
		if got := r.target.taken(); len(got) != 24 {
			t.Errorf("%d calls beside those that do not end: %q", len(got), got)
		}
		r.dir.set(user(1, "new"), user(31, "a1"), user(32, "a40"))
		r.expect("add u32 a40") // a1 is busy
		s, _ := r.Status(t.Context())
		if notes := strings.Join(s.Notes, "\n"); strings.Count(notes, "does not end although it was cancelled") != 6 || s.Ready {
			t.Errorf("%+v", s)
		}
		h.mu.Lock()
		clear(h.deaf)
		h.mu.Unlock()
		close(h.released)
		synctest.Wait()
		pass(time.Minute)
		r.expectMarks()
		if got := r.target.stores["new"]; got != id(1) || r.target.stores["a1"] != id(31) {
			t.Errorf("%v", r.target.stores)
		}
		if s, _ := r.Status(t.Context()); len(s.Notes) != 0 || s.Handlers[0].Running != 0 {
			t.Errorf("%+v", s)
		}
	})
}

func TestStopDoesNotWaitForEver(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, user(1, "a"), user(2, "b"))
		h := newWaiter()
		h.deaf[id(1)] = true
		r.target, r.config.Handlers = h.target, []Handler{h}
		r.start()
		r.expect("add u2 b")
		begun := time.Now()
		r.stop()
		if took := time.Since(begun); took > 30*time.Second {
			t.Errorf("stopping took %s", took)
		}
		close(h.released)
		synctest.Wait()
		r.start()
		r.expectAny("add u1 a", "add u1 a") // the one that was left behind, and again
		r.expectMarks()
	})
}

// collector is a handler that is flushed.
type collector struct {
	*target
	mu      sync.Mutex
	flushes []time.Time
}

func (h *collector) Flush(context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.flushes = append(h.flushes, time.Now())
	return nil
}

func TestFlushAtTheEndOfABurst(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, user(1, "a0"))
		h := &collector{target: r.target}
		r.config.Handlers = []Handler{h}
		r.config.FlushQuiet, r.config.FlushDelay = 100*time.Millisecond, 5*time.Second
		r.start()
		pass(time.Second)
		h.flushes = nil
		for n := range 20 { // a second of changes, then rest
			r.dir.set(user(1, fmt.Sprintf("b%d", n)))
			pass(50 * time.Millisecond)
		}
		pass(time.Second)
		if len(h.flushes) > 2 { // what changes while its entry waits for the flush needs another
			t.Errorf("%d flushes of one burst", len(h.flushes))
		}
		h.flushes = nil
		for n := range 600 { // half a minute without rest
			r.dir.set(user(n%9+1, fmt.Sprintf("c%d", n)))
			pass(50 * time.Millisecond)
		}
		if n := len(h.flushes); n < 4 || n > 8 {
			t.Errorf("%d flushes in 30 s without rest, at most 5 s apart", n)
		}
		pass(time.Minute)
		r.expectMarks()
	})
}

func TestPanicIsLoggedWithItsStack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, user(1, "a"))
		var log diary
		r.config.Logger = slog.New(slog.NewTextHandler(&log, nil))
		r.target.fail = func(schema.Change) error { panic(errors.New("oops")) }
		r.start()
		if got := strings.Join(log.taken(), "\n"); !strings.Contains(got, `err="panic: oops"`) || !strings.Contains(got, "calls_test.go") {
			t.Errorf("log:\n%s", got)
		}
	})
}
