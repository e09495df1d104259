package listener

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/schema"
)

// inspected is a target that can be compared with.
type inspected struct {
	*target
	lock sync.Mutex
	// found is what it differs in; err is why that cannot be told; silent makes it wait for its context.
	found  []schema.Difference
	err    error
	silent bool
	looks  int
	seen   map[schema.UUID]bool
}

func (i *inspected) Inspect(ctx context.Context, e *schema.Entry) ([]schema.Difference, error) {
	i.lock.Lock()
	i.looks++
	i.seen[e.UUID] = true
	found, err, silent := i.found, i.err, i.silent
	i.lock.Unlock()
	if silent {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return found, err
}

// be sets what is found, or why nothing is, from now on, and returns how often it was looked and at how many entries.
func (i *inspected) be(found []schema.Difference, err error) (looks, entries int) {
	i.lock.Lock()
	defer i.lock.Unlock()
	looks, entries = i.looks, len(i.seen)
	i.found, i.err, i.looks, i.seen = found, err, 0, map[schema.UUID]bool{}
	return looks, entries
}

func newInspected(t *testing.T, entries ...*schema.Entry) (*rig, *inspected) {
	r := newRig(t, entries...)
	i := &inspected{target: r.target, seen: map[schema.UUID]bool{}}
	r.config.Handlers = []Handler{i}
	r.start()
	r.target.taken()
	return r, i
}

func (r *rig) sliced() (control.SliceStatus, []string) {
	r.t.Helper()
	status, err := r.Status(r.t.Context())
	if err != nil || status.Server == nil {
		r.t.Fatalf("%+v, %v", status, err)
	}
	return *status.Server, status.Notes
}

func TestSlicesComeRoundInADay(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r, i := newInspected(t, user(1, "a1"), user(20, "a20"), user(255, "a255"))
		pass(25 * time.Hour)
		r.expect()
		if _, entries := i.be([]schema.Difference{{What: "store"}}, nil); entries != 3 {
			t.Errorf("%d entries were compared", entries)
		}
		pass(24 * time.Hour)
		r.expectAny("change u1 a1 a1", "change u20 a20 a20", "change u255 a255 a255")
	})
}

// TestNoHourIsLeftOut has comparing take so long that an hour begins and ends between two slices.
func TestNoHourIsLeftOut(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r, i := newInspected(t, user(1, "a1"), user(20, "a20"), user(255, "a255"))
		r.stop()
		begun := time.Now()
		r.config.Now = func() time.Time { return time.Now().Add(time.Since(begun) / 2) } // an hour of ours is an hour and a half
		r.start()
		i.be(nil, nil)
		pass(24*time.Hour + time.Minute)
		if _, entries := i.be(nil, nil); entries != 3 {
			t.Errorf("%d of 3 entries were compared in 24 slices", entries)
		}
	})
}

// TestSlicesLeaveWhatWasRejected: what a person has kept from happening is not brought about by a comparison.
func TestSlicesLeaveWhatWasRejected(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r, i := newInspected(t, crowd(12)...)
		r.stop()
		r.config.Guard = func() (int, int) { return 1, 1 }
		r.start()
		r.dir.set(user(1, "n1"), user(2, "n2"), user(3, "n3"))
		pass(time.Minute)
		r.target.taken()
		held, err := r.Held(t.Context())
		if err != nil || len(held) != 1 {
			t.Fatal(held, err)
		}
		if _, err := r.Reject(t.Context(), held[0].ID); err != nil {
			t.Fatal(err)
		}
		rejected := held[0].Entries[0].UUID
		i.be([]schema.Difference{{What: "store"}}, nil)
		pass(25 * time.Hour)
		for _, call := range r.target.taken() {
			if strings.HasPrefix(call, describe("change", schema.Change{UUID: rejected})+" ") {
				t.Errorf("rejected, and called all the same: %s", call)
			}
		}
		d, err := r.Diff(t.Context(), control.DiffRequest{Selection: control.Selection{UUID: rejected.String()}})
		if err != nil || len(d.Entries) != 1 || d.Entries[0].Reason == "" || len(d.Entries[0].Server) != 1 {
			t.Errorf("diff does not tell of it: %+v, %v", d, err)
		}
	})
}

func TestSlicesTellWhatCouldNotBeCompared(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r, i := newInspected(t, user(1, "a1"), user(2, "a2"), user(3, "a3")) // all of the hour that is
		for err, looks := range map[error]int{
			errors.New("cannot be read"):                                      3,
			&schema.TargetDown{Target: "dovecot", Err: errors.New("refused")}: 1, // there is no use in asking on
		} {
			r.start()
			i.be(nil, err)
			pass(61 * time.Minute)
			status, notes := r.sliced()
			if got, _ := i.be(nil, nil); got != looks || status.Checked != 0 || status.Failed != 3 || !strings.Contains(strings.Join(notes, " "), err.Error()) {
				t.Errorf("%d looks, %+v, %q", got, status, notes)
			}
			pass(24*time.Hour - 61*time.Minute)
		}
	})
}

// TestInspectIsBounded has a handler that waits for its server for ever.
func TestInspectIsBounded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r, i := newInspected(t, user(1, "a1"))
		i.silent = true
		begun := time.Now()
		d, err := r.Diff(t.Context(), control.DiffRequest{})
		if err != nil || len(d.Entries) != 1 || !strings.Contains(d.Entries[0].Error, "no answer within 10m0s") {
			t.Errorf("%+v, %v", d, err)
		}
		if took := time.Since(begun); took > 11*time.Minute {
			t.Errorf("after %s", took)
		}
	})
}
