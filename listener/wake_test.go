package listener

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mailreg/mailreg/schema"
)

// clerk is a handler to which an entry means something else at the time of its attribute due.
type clerk struct {
	mu    sync.Mutex
	now   func() time.Time
	calls []string
	// slow is how long a call takes.
	slow time.Duration
}

func (*clerk) Name() string               { return "clerk" }
func (*clerk) Match(e *schema.Entry) bool { return schema.IsMailbox(e) }

func (c *clerk) Apply(_ context.Context, change schema.Change) error {
	verb, late := describe("", change), ""
	if change.New != nil {
		if at, err := time.Parse(time.RFC3339Nano, change.New.First("due")); err == nil {
			late = fmt.Sprintf(" %v", !c.now().Before(at))
		}
	}
	c.mu.Lock()
	c.calls = append(c.calls, verb+late)
	c.mu.Unlock()
	time.Sleep(c.slow)
	return nil
}

func (*clerk) Wake(e *schema.Entry, after time.Time) time.Time { return (*ledger)(nil).Wake(e, after) }

func (c *clerk) taken() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	calls := c.calls
	c.calls = nil
	return calls
}

// wakeRig is a rig with a clerk, and by how much the wall clock is wrong.
func wakeRig(t *testing.T, entries ...*schema.Entry) (*rig, *clerk, *atomic.Int64) {
	r := newRig(t, entries...)
	skew := &atomic.Int64{}
	r.config.Now = func() time.Time { return time.Now().Add(time.Duration(skew.Load())) }
	c := &clerk{now: r.config.Now}
	r.config.Handlers = []Handler{c}
	return r, c, skew
}

func due(n int, in time.Duration) *schema.Entry {
	return user(n, fmt.Sprintf("a%d", n), attr("due", time.Now().Add(in).Format(time.RFC3339Nano)))
}

func (c *clerk) expect(t *testing.T, what string, want ...string) {
	t.Helper()
	synctest.Wait()
	got := c.taken()
	slices.Sort(got) // entries are called side by side
	if !slices.Equal(got, want) {
		t.Errorf("%s: calls %q, want %q", what, got, want)
	}
}

func TestWake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, c, _ := wakeRig(t, due(1, time.Hour), user(2, "a2"))
		r.start()
		c.expect(t, "at first", "add u1 a1 false", "add u2 a2")
		time.Sleep(time.Hour - time.Millisecond)
		c.expect(t, "before the time")
		time.Sleep(time.Millisecond)
		c.expect(t, "at the time", "change u1 a1 a1 true")
		time.Sleep(48 * time.Hour)
		c.expect(t, "later")
		r.start()
		c.expect(t, "after a restart")
		// A time that has moved is void.
		r.dir.set(due(1, time.Minute))
		c.expect(t, "changed", "change u1 a1 a1 false")
		r.dir.set(due(1, time.Hour))
		c.expect(t, "changed again", "change u1 a1 a1 false")
		time.Sleep(2 * time.Minute)
		c.expect(t, "at the former time")
		r.dir.delete(id(1))
		c.expect(t, "deleted", "remove u1 a1")
		time.Sleep(2 * time.Hour)
		c.expect(t, "after its time")
	})
}

// TestWakeWithoutADirectory proves that a time that has come up while nobody ran is acted on at the start, and that no
// directory is needed for that.
func TestWakeWithoutADirectory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, c, _ := wakeRig(t, due(1, time.Hour))
		r.start()
		c.expect(t, "at first", "add u1 a1 false")
		r.stop()
		time.Sleep(2 * time.Hour)
		r.dir.change(func() {
			r.dir.pretend = func(ctx context.Context, _ func(Event, error) bool) error { return errCut }
		})
		r.start()
		c.expect(t, "after the restart", "change u1 a1 a1 true")
		r.start()
		c.expect(t, "after another one")
	})
}

// TestWakeWhileCalled proves that a time is not lost that comes up during the call, not even when the process ends then.
func TestWakeWhileCalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, c, _ := wakeRig(t, due(1, 30*time.Second))
		c.slow = time.Minute
		r.start()
		c.expect(t, "before the time", "add u1 a1 false")
		time.Sleep(time.Minute)
		c.expect(t, "behind the call", "change u1 a1 a1 true")
		time.Sleep(time.Minute)
	})
}

func TestWakeWhenTheClockJumps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, c, skew := wakeRig(t, due(1, 24*time.Hour))
		r.start()
		c.expect(t, "at first", "add u1 a1 false")
		skew.Store(int64(48 * time.Hour))
		time.Sleep(glance)
		c.expect(t, "two days ahead", "change u1 a1 a1 true")
		skew.Store(0)
		time.Sleep(glance)
		c.expect(t, "right again", "change u1 a1 a1 false")
		time.Sleep(24 * time.Hour)
		c.expect(t, "at the time", "change u1 a1 a1 true")
	})
}

// TestWakeAfterAWrongClock proves that what was done by a clock that was ahead is done again when it is right.
func TestWakeAfterAWrongClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, c, skew := wakeRig(t, due(1, 24*time.Hour))
		skew.Store(int64(48 * time.Hour))
		r.start()
		c.expect(t, "ahead", "add u1 a1 true")
		r.stop()
		skew.Store(0)
		r.start()
		c.expect(t, "right", "change u1 a1 a1 false")
		time.Sleep(25 * time.Hour)
		c.expect(t, "at the time", "change u1 a1 a1 true")
	})
}

func TestWakeInStaging(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, c, _ := wakeRig(t, due(1, time.Hour))
		r.start()
		c.expect(t, "at first", "add u1 a1 false")
		r.config.Staging = true
		r.start()
		time.Sleep(2 * time.Hour)
		c.expect(t, "staging")
		r.config.Staging = false
		r.start()
		c.expect(t, "run", "change u1 a1 a1 true")
	})
}
