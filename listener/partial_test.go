package listener

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/schema"
)

// partial is a target that reads only addresses, and bears one call at a time.
type partial struct{ *target }

func (partial) Differs(c schema.Change) bool {
	return c.Old.First(schema.AttrPrimaryAddress) != c.New.First(schema.AttrPrimaryAddress)
}

func (partial) Calls() int { return 1 }

func TestUnreadChangesAreAcknowledged(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, user(1, "a@x"))
		r.config.Handlers = []Handler{partial{r.target}}
		r.start()
		r.expect("add u1 a@x")
		r.dir.set(user(1, "a@x", attr("cn", "One")))
		r.expect()
		r.expectMarks()
		if _, err := r.Resync(t.Context(), control.ResyncRequest{Handler: "target"}); err != nil {
			t.Fatal(err)
		}
		r.expect("change u1 a@x a@x")

		// A call without an answer may have had an effect, so the way back is no change without importance.
		r.target.after = func(schema.Change) error { return errors.New("answer lost") }
		r.dir.set(user(1, "b@x"))
		r.expect("change u1 a@x b@x")
		r.target.after = nil
		r.dir.set(user(1, "a@x", attr("cn", "Two")))
		r.expect("change u1 a@x a@x")
		r.expectMarks()
	})
}

func TestLimitedCalls(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, user(1, "a@x"), user(2, "b@x"), user(3, "c@x"))
		r.config.Handlers = []Handler{partial{r.target}}
		running := 0
		r.target.fail = func(schema.Change) error {
			if running++; running > 1 {
				return fmt.Errorf("%d calls at once", running)
			}
			time.Sleep(time.Second)
			running--
			return nil
		}
		r.start()
		pass(4 * time.Second)
		r.expectMarks()
	})
}

func TestTemporaryErrorsAreRetriedForEver(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, user(1, "a@x"), user(2, "b@x"))
		r.target.fail = func(c schema.Change) error {
			if c.UUID == id(1) {
				return fmt.Errorf("%w: later", schema.ErrTemporary)
			}
			return nil
		}
		r.start()
		r.expect("add u2 b@x")
		pass(3 * time.Hour)
		r.expectMarks("u1 retry: not possible at the moment: later")
		r.target.fail = nil
		pass(2 * time.Minute)
		r.expect("add u1 a@x")
		r.expectMarks()
	})
}
