package listener

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mailreg/mailreg/schema"
)

// waiting runs Wait and returns a function that tells whether it has returned, and with what.
func (r *rig) wait(timeout time.Duration) func() (bool, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	ended := make(chan error, 1)
	go func() {
		defer cancel()
		_, err := r.Wait(ctx)
		ended <- err
	}()
	return func() (bool, error) {
		synctest.Wait()
		select {
		case err := <-ended:
			return true, err
		default:
			return false, nil
		}
	}
}

func TestWaitForTheProvider(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, user(1, "a"))
		r.start()
		gate := make(chan struct{})
		r.target.fail = func(schema.Change) error { <-gate; return nil }
		r.dir.set(user(1, "b"))
		returned := r.wait(time.Hour)
		if ok, err := returned(); ok {
			t.Fatal("returned before the handler had done it", err)
		}
		close(gate)
		if ok, err := returned(); !ok || err != nil {
			t.Error(ok, err)
		}
	})
}

func TestWaitWithoutCookiesBeginsARefresh(t *testing.T) {
	for name, spoil := range map[string]func(*directory){
		"live events have no cookie": func(d *directory) { d.silent = true },
		"position cannot be read":    func(d *directory) { d.positionErr = errCut },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r := newRig(t, user(1, "a"))
				r.start()
				spoil(r.dir)
				r.dir.set(user(1, "b"))
				synctest.Wait()
				sessions := len(r.dir.sessions)
				if _, err := r.Wait(t.Context()); err != nil {
					t.Error(err)
				}
				if n := len(r.dir.sessions); n != sessions+1 {
					t.Errorf("%d more sessions", n-sessions)
				}
				if _, err := r.Wait(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestWaitSaysWhatItWaitsFor(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, user(1, "a"), user(2, "b"))
		r.target.fail = func(c schema.Change) error {
			return &schema.TargetDown{Target: "dovecot", Err: errors.New("refused")}
		}
		r.start()
		returned := r.wait(time.Minute)
		pass(time.Minute)
		_, err := returned()
		want := "still waiting for handler target: 2 changes, such as uid=u1,ou=people (dovecot is down: refused)"
		if err == nil || err.Error() != want {
			t.Errorf("error %v", err)
		}
	})
}

// TestCallThatHangsIsNamed proves that one can see what keeps a slot of a handler.
func TestCallThatHangsIsNamed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, crowd(3)...)
		gate := make(chan struct{})
		r.target.fail = func(c schema.Change) error {
			if c.UUID == id(2) {
				<-gate
			}
			return errors.New("no luck")
		}
		r.config.Attempts = 1000
		r.start()
		returned := r.wait(2 * time.Minute)
		pass(2 * time.Minute)
		_, err := returned()
		want := "handler target: 3 changes%s, such as uid=u2,ou=people (called 2m0s ago, no answer yet)"
		if err == nil || err.Error() != "still waiting for "+fmt.Sprintf(want, "") {
			t.Errorf("wait: %v", err)
		}
		r.expectReason(fmt.Sprintf(want, " older than 1m0s"))
		close(gate)
	})
}

func TestFlushThatHangsIsNamed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, user(1, "a"))
		gate := make(chan struct{})
		r.config.Handlers = []Handler{&flushing{target: r.target, flush: func() error { <-gate; return nil }}}
		r.start()
		pass(2 * time.Minute)
		r.expectReason("handler target: 1 change older than 1m0s, such as uid=u1,ou=people (the handler has been flushing or reconciling for 2m0s)")
		close(gate)
	})
}

func TestWaitForAProviderThatIsAway(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, user(1, "a"))
		r.pretend(errors.New("refused"))
		r.start()
		returned := r.wait(time.Minute)
		pass(time.Minute)
		if _, err := returned(); err == nil || err.Error() != "still waiting for the source: down: refused" {
			t.Errorf("error %v", err)
		}
		returned = r.wait(time.Hour)
		r.honest()
		pass(2 * time.Minute)
		if ok, err := returned(); !ok || err != nil {
			t.Error(ok, err)
		}
		r.expect("add u1 a")
	})
}

func TestWaitReturnsWhatIsParked(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, user(1, "bad"), user(2, "b"))
		r.start()
		result, err := r.Wait(t.Context())
		if err != nil || len(result.Parked) != 1 || !strings.Contains(result.Parked[0].Reason, "bad address") || result.Parked[0].Attempts != 1 {
			t.Errorf("%+v %v", result, err)
		}
	})
}

func TestWaitIncludesFlush(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, user(1, "a"))
		gate := make(chan struct{})
		f := &flushing{target: r.target, flush: func() error { <-gate; return nil }}
		r.config.Handlers = []Handler{f}
		r.start()
		returned := r.wait(time.Hour)
		if ok, _ := returned(); ok {
			t.Error("returned before Flush")
		}
		close(gate)
		if ok, err := returned(); !ok || err != nil {
			t.Error(ok, err)
		}
	})
}

// flushing is a target that finishes its work in Flush.
type flushing struct {
	*target
	flush func() error
	count int
}

func (f *flushing) Flush(context.Context) error {
	f.count++
	if f.flush != nil {
		return f.flush()
	}
	return nil
}

func TestFlushOnceForABurst(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, crowd(300)...)
		f := &flushing{target: r.target}
		r.config.Handlers = []Handler{f}
		r.start()
		r.expectCount(300)
		if f.count != 2 { // 256 and the rest
			t.Errorf("%d flushes", f.count)
		}
		r.dir.set(user(1, "b"))
		r.expectCount(1)
		if f.count != 3 {
			t.Errorf("%d flushes", f.count)
		}
	})
}

func TestFailedFlushIsThatOfEveryEntry(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, crowd(3)...)
		failed := false
		f := &flushing{target: r.target, flush: func() error {
			if !failed {
				failed = true
				return errors.New("no reload")
			}
			return nil
		}}
		r.config.Handlers = []Handler{f}
		r.start()
		r.expectCount(3)
		r.expectMarks("u1 retry: no reload", "u2 retry: no reload", "u3 retry: no reload")
		pass(10 * time.Second)
		r.expectCount(3)
		r.expectMarks()
	})
}
