package listener

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/schema"
)

func TestStatus(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, user(1, "a"), user(2, "bad"), user(3, "c"), user(4, ""))
		r.config.Kind, r.config.URL = "syncrepl", "ldap://x"
		r.target.fail = func(c schema.Change) error {
			if c.UUID == id(3) {
				return errors.New("no luck")
			}
			return nil
		}
		r.start()
		s, err := r.Status(t.Context())
		if err != nil || !s.Ready || s.Entries != 4 || s.Source.Phase != "persist" || s.Source.URL != "ldap://x" || s.Source.LastMessage.IsZero() {
			t.Errorf("%+v %v", s, err)
		}
		h := s.Handlers[0]
		if h.Name != "target" || h.Pending != 0 || h.Retrying != 1 || h.Parked != 1 || h.LastSuccess.IsZero() || h.LastError == "" {
			t.Errorf("%+v", h)
		}
		pass(61 * time.Second)
		r.expectReason("handler target: 1 change older than 1m0s, such as uid=u3,ou=people (no luck)")
		pass(time.Hour) // parked does not make unready
		if s, _ := r.Status(t.Context()); !s.Ready || s.Handlers[0].Parked != 2 {
			t.Errorf("%+v", s)
		}
	})
}

func TestRetryOneOrAll(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, user(1, "bad1"), user(2, "bad2"))
		r.start()
		r.target.taken()
		if n, err := r.Retry(t.Context(), "p2"); n != 1 || err != nil {
			t.Error(n, err)
		}
		r.expectCount(1)
		if n, err := r.Retry(t.Context(), ""); n != 2 || err != nil {
			t.Error(n, err)
		}
		r.expectCount(2)
		list, _ := r.Parked(t.Context())
		if len(list) != 2 || list[0].ID != "p1" || list[1].ID != "p2" {
			t.Errorf("IDs change: %+v", list)
		}
		if _, err := r.Retry(t.Context(), "p9"); err == nil {
			t.Error("no error")
		}
	})
}

func TestRetryEndsAPause(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, user(1, "a"))
		r.target.fail = func(schema.Change) error { return &schema.TargetDown{Target: "t", Err: errCut} }
		r.start()
		pass(time.Hour)
		r.target.fail = nil
		if n, err := r.Retry(t.Context(), ""); n != 1 || err != nil {
			t.Error(n, err)
		}
		r.expect("add u1 a")
	})
}

func TestDrop(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, user(1, "a"), user(2, "bad"))
		r.start()
		r.target.taken()
		if err := r.Drop(t.Context(), "p1"); err != nil {
			t.Error(err)
		}
		r.expect()
		r.expectMarks()
		if err := r.Drop(t.Context(), "p1"); err == nil {
			t.Error("no error")
		}
		r.dir.set(user(2, "b"))
		r.expect("change u2 bad b")
	})
}

func TestResync(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, user(1, "a@x", attr(schema.AttrAlternativeAddress, "alias@x")), user(2, "b@x"), user(3, ""))
		r.start()
		r.target.taken()
		one := []string{"change u1 a@x a@x"}
		both := []string{"change u1 a@x a@x", "change u2 b@x b@x"}
		cases := []struct {
			name  string
			s     control.Selection
			calls []string
		}{
			{"all", control.Selection{}, both},
			{"address", control.Selection{Address: "A@X"}, one},
			{"alias", control.Selection{Address: "alias@X"}, one},
			{"uuid", control.Selection{UUID: id(1).String()}, one},
			{"dn", control.Selection{DN: "UID=u1, ou=People"}, one},
			{"what the handler does not match", control.Selection{UUID: id(3).String()}, nil},
		}
		for _, c := range cases {
			dry, err := r.Resync(t.Context(), control.ResyncRequest{Handler: "target", Selection: c.s, DryRun: true})
			if err != nil || len(dry.Entries) != len(c.calls) {
				t.Errorf("%s: dry run %+v, %v", c.name, dry, err)
			}
			r.expect()
			if _, err := r.Resync(t.Context(), control.ResyncRequest{Handler: "target", Selection: c.s}); err != nil {
				t.Error(err)
			}
			r.expectAny(c.calls...)
			r.expectMarks()
		}
		for _, bad := range []control.ResyncRequest{{Handler: "nobody"}, {Handler: "target", Selection: control.Selection{UUID: "x"}}} {
			if _, err := r.Resync(t.Context(), bad); err == nil {
				t.Errorf("%+v: no error", bad)
			}
		}
	})
}

func TestEntries(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, user(1, "a@x"), user(2, "b@x"))
		r.start()
		list, err := r.Entries(t.Context(), control.Selection{Address: "b@X"})
		if err != nil || len(list) != 1 || list[0].UUID != id(2) || list[0].Attrs["mailprimaryaddress"][0] != "b@x" {
			t.Errorf("%+v %v", list, err)
		}
		if list, _ := r.Entries(t.Context(), control.Selection{}); len(list) != 2 {
			t.Errorf("%+v", list)
		}
	})
}

func TestExplain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, user(1, "a@x"), user(2, "bad@x"))
		r.start()
		ask := func(s control.Selection) control.Explanation {
			t.Helper()
			list, err := r.Explain(t.Context(), s)
			if err != nil || len(list) != 1 || len(list[0].Handlers) != 1 {
				t.Fatalf("%+v %v", list, err)
			}
			return list[0]
		}
		x := ask(control.Selection{Address: "A@x"})
		h := x.Handlers[0]
		if !x.Present || x.Outside || x.Entry.UUID != id(1) || h.State != "done" || h.Done.IsZero() || len(h.Claims) != 1 || h.ID != "" {
			t.Errorf("%+v", x)
		}
		if h := ask(control.Selection{UUID: id(2).String()}).Handlers[0]; h.State != "parked" || h.ID != "p1" || h.Reason == "" || h.Since.IsZero() || !h.Done.IsZero() {
			t.Errorf("%+v", h)
		}
		if list, err := r.Explain(t.Context(), control.Selection{Address: "c@x"}); len(list) != 0 || err != nil {
			t.Errorf("%+v %v", list, err)
		}
		if _, err := r.Explain(t.Context(), control.Selection{UUID: "no"}); err == nil {
			t.Error("a wrong UUID was taken")
		}
	})
}

// reconciling is a plain handler that can set its whole target right.
type reconciling struct {
	calls      []string
	reconciled [][]string
	failing    atomic.Bool
	// pause is how long it takes.
	pause time.Duration
}

func (r *reconciling) Name() string               { return "target" }
func (r *reconciling) Match(e *schema.Entry) bool { return schema.IsMailbox(e) }

func (r *reconciling) Apply(_ context.Context, c schema.Change) error {
	r.calls = append(r.calls, describe("", c))
	return nil
}

func (r *reconciling) Reconcile(_ context.Context, entries iter.Seq[*schema.Entry]) error {
	var list []string
	for e := range entries {
		list = append(list, e.First(schema.AttrPrimaryAddress))
	}
	r.reconciled = append(r.reconciled, list)
	time.Sleep(r.pause)
	if r.failing.Load() {
		return errors.New("not yet")
	}
	return nil
}

func TestReconcile(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, append(crowd(1100), user(2000, ""))...)
		h := &reconciling{}
		h.failing.Store(true)
		r.config.Handlers = []Handler{h}
		r.start()
		returned := r.wait(time.Hour)
		if ok, _ := returned(); ok {
			t.Error("Wait returned before Reconcile succeeded")
		}
		h.failing.Store(false)
		pass(2 * time.Minute)
		if ok, err := returned(); !ok || err != nil {
			t.Error(ok, err)
		}
		if n := len(h.reconciled); n < 2 || len(h.reconciled[n-1]) != 1100 || h.calls != nil {
			t.Errorf("%d times, calls %q", n, h.calls)
		}
		r.expectMarks()
		r.dir.set(user(1, "b"))
		synctest.Wait()
		if !slices.Equal(h.calls, []string{"change u1 a1 b"}) {
			t.Errorf("calls %q", h.calls)
		}
		h.reconciled = nil
		r.start()
		synctest.Wait()
		if len(h.reconciled) != 1 {
			t.Errorf("%d times after a start", len(h.reconciled))
		}
		if _, err := r.Resync(t.Context(), control.ResyncRequest{Handler: "target"}); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if len(h.reconciled) != 2 || len(h.calls) != 1 {
			t.Errorf("%d times after resync, calls %q", len(h.reconciled), h.calls)
		}
		r.expectMarks()
	})
}

// TestReconcileIsAlone has changes come while it runs.
func TestReconcileIsAlone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, user(1, "a"))
		h := &reconciling{pause: time.Minute}
		r.config.Handlers = []Handler{h}
		r.start()
		r.dir.set(user(2, "b"))
		pass(30 * time.Second)
		if len(h.calls) != 0 {
			t.Errorf("called beside Reconcile: %q", h.calls)
		}
		pass(time.Minute)
		if !slices.Equal(h.calls, []string{"add u2 b"}) {
			t.Errorf("calls %q", h.calls)
		}
		ask := func(after time.Duration) {
			if _, err := r.Resync(t.Context(), control.ResyncRequest{}); err != nil {
				t.Error(err)
			}
			pass(after)
		}
		h.reconciled = nil
		ask(30 * time.Second)
		ask(3 * time.Minute) // while the first one runs: that has seen some entries already
		if len(h.reconciled) != 2 {
			t.Errorf("%d times for 2 requests", len(h.reconciled))
		}
	})
}

// TestReconcileThatFailsMakesUnready: no mark need wait for it, and the target is not right.
func TestReconcileThatFailsMakesUnready(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, user(1, ""))
		h := &reconciling{}
		h.failing.Store(true)
		r.config.Handlers = []Handler{h}
		r.start()
		pass(2 * time.Minute)
		status, err := r.Status(t.Context())
		if err != nil || status.Ready || !strings.Contains(strings.Join(status.Reasons, " "), "not yet") {
			t.Errorf("%+v, %v", status.Reasons, err)
		}
		if err := r.Pause(t.Context(), "target"); err != nil {
			t.Error(err)
		}
		if status, err := r.Status(t.Context()); err != nil || !status.Ready {
			t.Errorf("while it is paused: %+v, %v", status.Reasons, err)
		}
		h.failing.Store(false)
		if err := r.Resume(t.Context(), "target"); err != nil {
			t.Error(err)
		}
		pass(2 * time.Minute)
		if status, err := r.Status(t.Context()); err != nil || !status.Ready {
			t.Errorf("once it has worked: %+v, %v", status.Reasons, err)
		}
	})
}

func TestReconcileOfAClaimerIsFollowedByCalls(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, user(1, "a"), user(2, "a"))
		h := &reconciling{}
		r.config.Handlers = []Handler{struct {
			Handler
			Claimer
			Reconciler
		}{r.target, r.target, h}}
		r.start()
		r.expect("add u1 a")
		if len(h.reconciled) != 1 {
			t.Errorf("%d times", len(h.reconciled))
		}
	})
}

func TestStopLetsCallsFinish(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, crowd(10)...)
		r.target.fail = func(schema.Change) error { time.Sleep(5 * time.Second); return nil }
		r.start()
		begun := time.Now()
		r.stop()
		if took := time.Since(begun); took != 5*time.Second {
			t.Errorf("took %v", took)
		}
		r.expectCount(4)
		if n := len(r.marks()); n != 6 {
			t.Errorf("%d marks", n)
		}
	})
}

// TestStopIsQuiet lets a retry fall due while the last call ends. In the bubble's time a worker that does not sleep then
// keeps the call from ever ending.
func TestStopIsQuiet(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, user(1, "a"), user(2, "b"))
		r.target.fail = func(c schema.Change) error {
			if c.UUID == id(1) {
				return errors.New("no luck")
			}
			time.Sleep(5 * time.Second)
			return nil
		}
		r.start()
		begun := time.Now()
		r.stop()
		if took := time.Since(begun); took != 5*time.Second {
			t.Errorf("took %v", took)
		}
	})
}

// stubborn waits in its calls until they are cancelled.
type stubborn struct{ *reconciling }

func (stubborn) Apply(ctx context.Context, _ schema.Change) error { <-ctx.Done(); return ctx.Err() }

func TestStopEndsAfterTheGraceTime(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, crowd(1)...)
		r.config.Handlers = []Handler{struct{ Handler }{stubborn{&reconciling{}}}}
		r.start()
		begun := time.Now()
		r.stop()
		if took := time.Since(begun); took != 10*time.Second {
			t.Errorf("took %v", took)
		}
		r.expectMarks("u1 ready: ")
	})
}

func TestStoreThatFailsMakesUnready(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, user(1, "a"))
		var full atomic.Bool
		r.config.fault = func(bool) error {
			if full.Load() {
				return errors.New("disk full")
			}
			return nil
		}
		r.start()
		r.target.taken()
		full.Store(true)
		r.dir.set(user(1, "b"))
		pass(10 * time.Second)
		r.expectReason("disk full")
		r.expect()
		full.Store(false)
		pass(3 * time.Minute)
		r.expect("change u1 a b")
		if s, _ := r.Status(t.Context()); !s.Ready {
			t.Errorf("%+v", s)
		}
	})
}
