package listener

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mailreg/mailreg/schema"
)

// notes is an Observer that writes down what it is told, but for transactions, which it counts.
type notes struct {
	mu      sync.Mutex
	lines   []string
	commits []Commit
}

func (n *notes) add(format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lines = append(n.lines, fmt.Sprintf(format, args...))
}

func (n *notes) Acted(a Action) {
	n.add("%s %s u%d %s called=%v %s: %s", a.Handler, a.Op, int(a.UUID[15]), a.Outcome, a.Called, a.Took, a.Reason)
}
func (n *notes) Refreshed(r Refresh)           { n.add("refresh %d: %v", r.Entries, r.Err) }
func (n *notes) Ended(err error)               { n.add("ended: %v", err) }
func (n *notes) Braked(handler, reason string) { n.add("braked %s: %s", handler, reason) }
func (n *notes) Committed(c Commit)            { n.mu.Lock(); n.commits = append(n.commits, c); n.mu.Unlock() }

func (r *rig) expectNotes(n *notes, want ...string) {
	r.t.Helper()
	synctest.Wait()
	n.mu.Lock()
	defer n.mu.Unlock()
	if !slices.Equal(n.lines, want) {
		r.t.Errorf("observed:\n got %q\nwant %q", n.lines, want)
	}
	n.lines = nil
}

func TestObserver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, user(1, "a"))
		seen := &notes{}
		r.config.Observer = seen
		r.target.fail = func(c schema.Change) error {
			time.Sleep(time.Second) // the call's duration, on the bubble's clock
			return nil
		}
		r.start()
		time.Sleep(2 * time.Second)
		r.expectNotes(seen, "refresh 1: <nil>", "target add u1 done called=true 1s: ")
		if len(seen.commits) < 2 {
			t.Errorf("commits %+v", seen.commits)
		}

		r.target.fail = func(c schema.Change) error {
			switch c.New.First(schema.AttrPrimaryAddress) {
			case "down":
				return &schema.TargetDown{Target: "t", Err: errors.New("no answer")}
			case "invalid":
				return schema.Invalidf("no")
			default:
				return errors.New("odd")
			}
		}
		r.dir.set(user(2, "odd"))
		r.expectNotes(seen, "target add u2 retry called=true 0s: odd")
		r.dir.set(user(3, "invalid"))
		r.expectNotes(seen, "target add u3 parked called=true 0s: no")
		r.dir.set(user(4, "down"))
		r.expectNotes(seen, "target add u4 down called=true 0s: t is down: no answer")
		r.dir.cut()
		synctest.Wait()
		r.stop()
		if len(seen.lines) == 0 || seen.lines[0] != "ended: connection lost" {
			t.Errorf("observed %q", seen.lines)
		}
	})
}

func TestObserverOfTheBrake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, crowd(20)...)
		seen := &notes{}
		r.config.Observer = seen
		r.config.Guard = func() (int, int) { return 5, 5 }
		r.start()
		seen.lines = nil
		r.stop()
		r.dir.delete(ids(1, 6)...)
		r.start()
		r.expectNotes(seen, "braked target: refresh: 6 of 20 stores would be taken away, more than 5", "refresh 0: <nil>")
	})
}
