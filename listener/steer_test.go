package listener

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/schema"
)

func TestPauseOutlivesARestart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, user(1, "a@x"))
		r.start()
		r.target.taken()
		if err := r.Pause(t.Context(), "target"); err != nil {
			t.Fatal(err)
		}
		r.dir.set(user(1, "b@x"), user(2, "c@x"))
		r.expect()
		r.start()
		pass(time.Hour)
		r.expect()
		s, _ := r.Status(t.Context())
		if h := s.Handlers[0]; !s.Ready || h.Pending != 2 || h.Paused.IsZero() || !strings.Contains(strings.Join(s.Notes, "\n"), "target is paused since") {
			t.Errorf("%+v", s)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := r.Wait(ctx); err == nil || !strings.Contains(err.Error(), "the handler is paused") {
			t.Error(err)
		}
		if err := r.Resume(t.Context(), "target"); err != nil {
			t.Fatal(err)
		}
		r.expectAny("add u2 c@x", "change u1 a@x b@x")
		if err := r.Pause(t.Context(), "bogus"); err == nil {
			t.Error("no error")
		}
	})
}

// other is a second handler of another name.
type other struct {
	*target
	name    string
	version string
	matches func(*schema.Entry) bool
}

func (o other) Name() string    { return o.name }
func (o other) Version() string { return o.version }

func (o other) Match(e *schema.Entry) bool {
	return o.target.Match(e) && (o.matches == nil || o.matches(e))
}

func TestHandlersComeAndGo(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, user(1, "a@x"), user(2, "bad"), user(3, "c@x"))
		r.start()
		r.target.taken()
		late := other{target: newTarget(), name: "late"}
		r.config.Handlers = []Handler{r.target, late}
		r.start()
		if got := late.taken(); len(got) != 3 {
			t.Errorf("an added handler was called with %q", got)
		}
		r.expect()

		r.config.Handlers = []Handler{late}
		r.start()
		if list, _ := r.Parked(t.Context()); len(list) != 1 || list[0].Handler != "late" {
			t.Errorf("work of a handler that is gone: %+v", list)
		}
		if s, _ := r.Status(t.Context()); !strings.Contains(strings.Join(s.Notes, "\n"), "take no part any more: target;") {
			t.Errorf("%q", s.Notes)
		}
		r.dir.set(user(1, "d@x"))
		r.dir.delete(id(3))
		late.taken()
		r.config.Handlers = []Handler{r.target, late}
		r.start()
		r.expectAny("add u2 bad", "change u1 a@x d@x", "remove u3 c@x")
		if list, _ := r.Parked(t.Context()); len(list) != 2 || list[0].ID != "p1" {
			t.Errorf("parked %+v", list)
		}
	})
}

// TestOutOfScopeWhileAHandlerIsAway: what it has acknowledged must not be taken for deleted when it is back.
func TestOutOfScopeWhileAHandlerIsAway(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, user(1, "a@x"), user(2, "b@x"))
		r.start()
		r.target.taken()
		r.config.Handlers = []Handler{other{target: newTarget(), name: "late"}}
		r.start()
		r.dir.hide(id(1), true)
		pass(time.Second)
		r.start()
		r.config.Handlers = []Handler{r.target}
		r.start()
		r.expect()
		if got := r.marks(); len(got) != 1 || !strings.HasPrefix(got[0], "u1 parked: out of scope") {
			t.Errorf("%q", got)
		}
	})
}

func TestForget(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, user(1, "a@x"))
		r.start()
		r.target.taken()
		if err := r.Forget(t.Context(), "target"); err == nil {
			t.Error("forgot a handler that is at work")
		}
		r.config.Handlers = []Handler{other{target: newTarget(), name: "late"}}
		r.start()
		if err := r.Forget(t.Context(), "target"); err != nil {
			t.Fatal(err)
		}
		if err := r.Forget(t.Context(), "target"); err == nil {
			t.Error("forgot it twice")
		}
		r.config.Handlers = []Handler{r.target}
		r.start()
		r.expect("add u1 a@x")
	})
}

func TestAnotherVersionLooksAtAllAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var entries []*schema.Entry
		for n := range 12 {
			entries = append(entries, user(n+1, string(rune('a'+n))))
		}
		r := newRig(t, entries...)
		h := other{target: r.target, name: "target", version: "1"}
		r.config.Handlers = []Handler{h}
		r.config.Guard = func() (int, int) { return 5, 0 }
		r.start()
		r.target.taken()
		r.start()
		r.expect()

		h.version, h.matches = "2", func(e *schema.Entry) bool { return e.UUID != id(3) }
		r.config.Handlers = []Handler{h}
		r.start()
		if got := r.target.taken(); len(got) != 12 || !slices.Contains(got, "remove u3 c") || !slices.Contains(got, "change u1 a a") {
			t.Errorf("%q", got)
		}
		h.version, h.matches = "3", func(e *schema.Entry) bool { return e.UUID == id(1) }
		r.config.Handlers = []Handler{h}
		r.start()
		r.expect("change u1 a a")
		if held, _ := r.Held(t.Context()); len(held) != 1 || held[0].Count != 10 {
			t.Errorf("%+v", held)
		}
	})
}

func TestExplainTellsOfAPause(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, user(1, "a"))
		r.start()
		if err := r.Pause(t.Context(), "target"); err != nil {
			t.Fatal(err)
		}
		r.dir.set(user(1, "b"))
		synctest.Wait()
		all, err := r.Explain(t.Context(), control.Selection{UUID: id(1).String()})
		if err != nil || len(all) != 1 {
			t.Fatalf("%+v %v", all, err)
		}
		if h := all[0].Handlers[0]; h.State != "paused" || !strings.HasSuffix(h.Reason, "mailreg listener resume target") {
			t.Errorf("%+v", h)
		}
	})
}
