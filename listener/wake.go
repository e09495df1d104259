package listener

import (
	"time"

	"github.com/mailreg/mailreg/listener/agenda"
	"github.com/mailreg/mailreg/listener/store"
	"github.com/mailreg/mailreg/schema"
)

// glance is how often a worker that waits for a time looks at the wall clock, which may jump.
const glance = time.Minute

// jump is by how much the wall clock must have gone wrong, or right, for all times to be worked out anew.
const jump = 5 * time.Second

// wakes are the times at which entries are due without an event. They are worked out from what the handler has
// acknowledged, and when it was called for that: nothing of them is stored, and what has come up while nobody ran is due at
// the start. All times are those of the wall clock.
type wakes struct {
	waker  Waker
	timers agenda.Timers
	// at holds the time of each entry that has one; what timers say beside it is void.
	at map[schema.UUID]time.Time
	// wall and mono are one moment by both clocks, zero before the times were worked out.
	wall, mono time.Time
}

func newWakes(h Handler) *wakes {
	if waker, ok := h.(Waker); ok {
		return &wakes{waker: waker, at: map[schema.UUID]time.Time{}}
	}
	return nil
}

// note works out when an entry is due again that the handler was called for at a time.
func (k *wakes) note(uuid schema.UUID, entry *schema.Entry, called, now time.Time) {
	if k == nil {
		return
	}
	delete(k.at, uuid)
	if entry == nil {
		return
	}
	var at time.Time
	err := safely(func() error { at = k.waker.Wake(entry, called); return nil })
	if called.After(now) { // the clock was ahead then: what the handler made of it may be wrong
		at = now
	}
	if err != nil || at.IsZero() {
		return // a handler that panics shows that when it is called
	}
	k.at[uuid] = at
	k.timers.Push(at, uuid)
}

// jumped reports whether the wall clock has jumped since the times were worked out, or whether they never were.
func (k *wakes) jumped(now time.Time) bool {
	if k.mono.IsZero() {
		return true
	}
	off := now.Sub(k.wall) - time.Since(k.mono)
	return off > jump || off < -jump
}

// due takes out the entries whose time has come.
func (k *wakes) due(now time.Time) (uuids []schema.UUID) {
	for {
		at, any := k.timers.Next()
		uuid, due := k.timers.Due(now)
		if !any || !due {
			return uuids
		}
		if k.at[uuid].Equal(at) {
			delete(k.at, uuid)
			uuids = append(uuids, uuid)
		}
	}
}

// rest returns how long nothing is to be done.
func (k *wakes) rest(now time.Time) time.Duration {
	if at, any := k.timers.Next(); any {
		return min(max(at.Sub(now), 0), glance)
	}
	return glance // what a clock that is ahead has brought about is undone when it is right again
}

// wallClock is the time without the clock that does not jump, so that differences are those of the wall clock.
func (w *worker) wallClock() time.Time { return w.l.cfg.Now().Round(0) }

// forget has all times worked out anew.
func (k *wakes) forget() {
	if k != nil {
		k.mono = time.Time{}
	}
}

// sleeps reports whether entries are left alone whose time has come: what is noted then could not be told from what was not.
func (w *worker) sleeps() bool {
	return w.wakes == nil || w.l.cfg.Staging || w.pause.until.After(time.Now())
}

// rouse marks the entries whose time has come to be applied again.
func (w *worker) rouse() error {
	if w.sleeps() {
		return nil
	}
	now := w.wallClock()
	if w.wakes.jumped(now) {
		if err := w.foresee(now); err != nil {
			return err
		}
	}
	due := w.wakes.due(now)
	if len(due) == 0 {
		return nil
	}
	err := w.l.update(func(e *edit) error {
		for _, uuid := range due {
			e.rouse(w, uuid)
		}
		return nil
	})
	if err != nil {
		w.wakes.forget() // they are found again
	}
	return err
}

// foresee works out all times.
func (w *worker) foresee(now time.Time) error {
	k := w.wakes
	k.timers, k.at = agenda.Timers{}, map[schema.UUID]time.Time{}
	err := w.l.store.View(func(tx *store.Tx) error {
		h := tx.Handler(w.name)
		for uuid := range h.AckedIDs() {
			acked := h.Acked(uuid)
			k.note(uuid, acked.Entry, acked.At, now)
		}
		return nil
	})
	if err == nil {
		k.wall, k.mono = now, time.Now()
	}
	return err
}

// rouse marks one entry. A mark whose refresh has not ended waits for that all the same.
func (e *edit) rouse(w *worker, uuid schema.UUID) {
	h := e.tx.Handler(w.name)
	if !h.HasAcked(uuid) {
		return
	}
	generation := e.tx.State().Generation
	m, marked := h.Mark(uuid)
	if !marked || m.Generation <= generation {
		m = e.mark(w, uuid, generation, nil)
	}
	m.Resync = true
	e.put(w, m)
}

// calledAt is when the handler was called for what it acknowledges. One that has timers counts from the begin of the call,
// for a time may pass while it runs; and what needed no call moves nothing.
func (e *edit) calledAt(w *worker, d decision) time.Time {
	if w.wakes == nil {
		return e.now
	}
	if d.begun.IsZero() {
		if acked := e.tx.Handler(w.name).Acked(d.change.UUID); acked.Entry != nil {
			return acked.At
		}
		return e.now
	}
	return d.begun
}
