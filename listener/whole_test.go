package listener

import (
	"context"
	"iter"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/schema"
)

// whole is a handler that looks at all of its entries at once, as that of policies does. It owns nothing, and each entry
// gives it a color.
type whole struct {
	mu       sync.Mutex
	calls    []string
	recalled []string
	shown    []string
	faults   schema.Faults
	// wait is how long a call takes.
	wait time.Duration
}

func (w *whole) Name() string               { return "target" }
func (w *whole) Match(e *schema.Entry) bool { return e != nil && e.HasClass(schema.ClassMail) }

func (w *whole) Apply(_ context.Context, c schema.Change) error {
	time.Sleep(w.wait)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls = append(w.calls, describe("", c))
	return nil
}

func (w *whole) Flush(context.Context) error {
	if len(w.faults) == 0 {
		return nil
	}
	return w.faults
}

func (w *whole) Loses(c schema.Change) []string {
	if c.Old.First("color") != "" && c.New.First("color") == "" {
		return []string{"color"}
	}
	return nil
}

func (w *whole) Recall(entries iter.Seq[*schema.Entry]) { w.recalled = colors(entries) }

func (w *whole) Reconcile(_ context.Context, entries iter.Seq[*schema.Entry]) error {
	w.shown = colors(entries)
	return nil
}

func (w *whole) expect(t *testing.T, want ...string) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if got := slices.Sorted(slices.Values(w.calls)); !slices.Equal(got, want) {
		t.Errorf("calls %q, want %q", got, want)
	}
	w.calls = nil
}

func colors(entries iter.Seq[*schema.Entry]) (list []string) {
	for e := range entries {
		list = append(list, e.DN[:6]+" "+e.First("color"))
	}
	slices.Sort(list)
	return list
}

func newWhole(t *testing.T, entries ...*schema.Entry) (*rig, *whole) {
	r, w := newRig(t, entries...), &whole{}
	r.config.Handlers = []Handler{w}
	return r, w
}

func same(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s %q, want %q", what, got, want)
	}
}

func TestFaultsAreOfTheirEntriesOnly(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r, w := newWhole(t, user(1, "a"), user(2, "b"), user(3, "c"))
		w.faults = schema.Faults{id(2): schema.Invalidf("u2 has no color"), id(7): schema.Invalidf("not in this burst")}
		r.start()
		w.expect(t, "add u1 a", "add u2 b", "add u3 c")
		r.expectMarks("u2 parked: u2 has no color")
		w.faults = nil
		r.dir.set(user(2, "b", attr("color", "red")))
		r.expectMarks()
		w.expect(t, "change u2 b b")
	})
}

// TestDoneInPart acknowledges what is done but for one thing, so that the next run knows of it, and parks it all the same.
func TestDoneInPart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r, w := newWhole(t, user(1, "", attr("color", "red")), user(2, "", attr("color", "blue")))
		r.start()
		w.calls = nil
		w.faults = schema.Faults{id(1): schema.Partlyf("green is not nice")}
		r.dir.set(user(1, "", attr("color", "green")))
		r.expectMarks("u1 parked: green is not nice")
		w.expect(t, "change u1  ")
		r.stop()
		r.dir.hide(id(1), true)
		r.start()
		same(t, "recalled", w.recalled, "uid=u1 green", "uid=u2 blue")
		same(t, "shown", w.shown, "uid=u1 green", "uid=u2 blue")
		r.dir.hide(id(1), false)
		r.dir.cut()
		pass(time.Minute)
		parked, err := r.Parked(t.Context())
		if err != nil || len(parked) != 1 {
			t.Fatalf("parked %+v, %v", parked, err)
		}
		w.calls, w.faults = nil, nil
		if _, err := r.Retry(t.Context(), parked[0].ID); err != nil {
			t.Error(err)
		}
		r.expectMarks()
		w.expect(t, "change u1  ")
	})
}

func TestRecall(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r, w := newWhole(t, user(1, "", attr("color", "red")), user(2, "", attr("color", "blue")))
		r.start()
		same(t, "recalled", w.recalled)
		r.expectMarks()
		same(t, "shown", w.shown, "uid=u1 red", "uid=u2 blue")
		r.stop()
		r.dir.set(user(1, "", attr("color", "green")))
		r.dir.delete(id(2))
		r.start()
		same(t, "recalled", w.recalled, "uid=u1 red", "uid=u2 blue")
		same(t, "shown", w.shown, "uid=u1 green")
	})
}

// TestReconcileThatComesInBetween lets Reconcile fall due while one entry is applied and another waits for its turn: what is
// applied has to be flushed first, although there is more to do.
func TestReconcileThatComesInBetween(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r, w := newWhole(t, user(1, "a"), user(2, "b"))
		r.config.Workers = 1
		r.start()
		w.expect(t, "add u1 a", "add u2 b")
		w.wait = time.Minute
		r.dir.set(user(1, "c"), user(2, "d"))
		synctest.Wait()
		w.shown = nil
		if _, err := r.Resync(t.Context(), control.ResyncRequest{Handler: "target"}); err != nil {
			t.Error(err)
		}
		pass(time.Hour)
		w.expect(t, "change u1 a c", "change u1 c c", "change u2 b d") // the resync asks for all, once more for the first
		same(t, "shown", w.shown, "uid=u1 ", "uid=u2 ")
		r.expectMarks()
	})
}

// TestHiddenValue keeps what a handler has acknowledged when the provider does not confirm that a value is gone, in daily
// work and in a refresh, and lets it go when it does.
func TestHiddenValue(t *testing.T) {
	for _, live := range []bool{true, false} {
		bubble(t, func(t *testing.T) {
			r, w := newWhole(t, user(1, "", attr("color", "red")), user(2, "", attr("color", "blue")))
			r.start()
			w.calls = nil
			r.dir.secret = map[string]bool{"color=red": true}
			if !live {
				r.stop()
			}
			r.dir.set(user(1, ""), user(2, ""))
			if !live {
				r.start()
			}
			r.expectMarks("u1 parked: out of scope: uid=u1,ou=people has left the base or may not be read")
			w.expect(t, "change u2  ")
			r.stop()
			r.start()
			same(t, "recalled", w.recalled, "uid=u1 red", "uid=u2 ")
			same(t, "shown", w.shown, "uid=u1 red", "uid=u2 ")
			r.dir.secret = nil
			r.dir.cut()
			pass(time.Minute)
			w.expect(t, "change u1  ")
			r.expectMarks()
		})
	}
}

// TestEntriesThatOwnNothing are no proof that the directory shows what counts.
func TestEntriesThatOwnNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, user(1, "a"), user(2, "b"), user(3, ""))
		r.start()
		r.expectAny("add u1 a", "add u2 b")
		r.stop()
		r.pretend(nil, append(content(user(3, "")), Event{Kind: RefreshEnd, Snapshot: true, Cookie: []byte(cookieAt(9))})...)
		r.dir.delete(id(1), id(2))
		r.start()
		r.expect()
		if err := r.getSession().err; err == nil || err.Error() != errEmpty.Error() {
			t.Errorf("session error %v", err)
		}
	})
}
