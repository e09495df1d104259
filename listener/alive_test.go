package listener

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mailreg/mailreg/listener/store"
	"github.com/mailreg/mailreg/schema"
)

// stuck is a target that never says what an entry claims.
type stuck struct {
	*target
	block chan struct{}
}

func (s stuck) Claims(*schema.Entry) []string { <-s.block; return nil }

func (r *rig) expectAlive(want string) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Second)
	defer cancel()
	err := r.Alive(ctx)
	if err == nil && want != "" || err != nil && (want == "" || !strings.Contains(err.Error(), want)) {
		r.t.Errorf("alive: %v, want %q", err, want)
	}
}

// TestAliveWithoutAnswers holds that the daemon is not started again for what that would not mend.
func TestAliveWithoutAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, user(1, "a"))
		release := make(chan struct{})
		r.target.fail = func(schema.Change) error { <-release; return nil }
		r.start()
		r.expectAlive("")
		r.dir.pretend = func(ctx context.Context, _ func(Event, error) bool) error { <-ctx.Done(); return ctx.Err() }
		r.dir.cut()
		synctest.Wait()
		time.Sleep(time.Hour)
		r.expectAlive("")
		close(release)
	})
}

func TestAliveWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, user(1, "a"))
		block := make(chan struct{})
		r.config.Handlers = []Handler{stuck{r.target, block}}
		r.start()
		r.expectAlive("the worker of handler target does not turn")
		r.target.stores, r.target.fail = nil, func(schema.Change) error { return schema.Invalidf("enough") }
		close(block)
	})
}

func TestAliveSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, user(1, "a"))
		r.start()
		r.health.beat()
		time.Sleep(sessionLimit)
		r.expectAlive("")
		time.Sleep(time.Second)
		r.expectAlive("the session has made no step for 2m1s")
		r.health.again()
		r.expectAlive("")
	})
}

func TestAliveStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, user(1, "a"))
		r.start()
		begun, release := make(chan struct{}), make(chan struct{})
		go func() {
			_ = r.store.Update(func(*store.Tx) error { close(begun); <-release; return errRollback })
		}()
		<-begun
		// Time stands still while a goroutine waits for a lock, so the context has ended before.
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for range 2 {
			if err := r.Alive(ctx); err == nil || !strings.Contains(err.Error(), "the store begins no transaction") {
				t.Errorf("alive: %v", err)
			}
		}
		close(release)
		synctest.Wait()
		r.expectAlive("")
	})
}
