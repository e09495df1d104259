package listener

import (
	"errors"
	"slices"
	"time"

	"github.com/mailreg/mailreg/listener/store"
	"github.com/mailreg/mailreg/schema"
)

// edit is one writing transaction. It remembers whose marks it touched; their workers hear of it when it has committed.
type edit struct {
	l       *Listener
	tx      *store.Tx
	now     time.Time
	touched map[*worker][]schema.UUID
}

func (e *edit) touch(w *worker, uuid schema.UUID) { e.touched[w] = append(e.touched[w], uuid) }

func (e *edit) put(w *worker, m store.Mark) {
	e.tx.Handler(w.name).PutMark(m)
	e.touch(w, m.UUID)
}

// mark notes a change of an entry. Whatever was decided about the entry's earlier state is void, but for the batch: a
// change that still takes mail away goes back to it.
func (e *edit) mark(w *worker, uuid schema.UUID, generation uint64) {
	m, ok := e.tx.Handler(w.name).Mark(uuid)
	seq := e.tx.NextSeq()
	if !ok {
		m = store.Mark{UUID: uuid, First: seq, Since: e.now}
	}
	m.Last, m.Generation = seq, generation
	m.Approved, m.Checked = false, false
	e.ready(w, m)
	e.rearm(w, uuid)
}

// ready makes a mark due now, as if nothing had been tried.
func (e *edit) ready(w *worker, m store.Mark) {
	if m.Class == store.Parked || m.Class == store.Held {
		m.Since = e.now
	}
	if m.Waits() {
		m.Batch = ""
	}
	m.Class, m.Attempts, m.Next, m.Reason, m.BlockedBy = store.Ready, 0, time.Time{}, "", schema.UUID{}
	e.put(w, m)
}

// rearm makes the marks due that were parked or held because of this entry, and those because of them.
func (e *edit) rearm(w *worker, uuid schema.UUID) {
	h := e.tx.Handler(w.name)
	for _, blocked := range h.BlockedBy(uuid) {
		if m, ok := h.Mark(blocked); ok {
			e.ready(w, m)
			e.rearm(w, blocked)
		}
	}
}

// park gives a mark up until its entry changes, a person acts, or, when it is blocked by another entry, that one changes.
func (e *edit) park(w *worker, m store.Mark, reason string, by schema.UUID) {
	if m.ID == "" {
		m.ID = e.tx.NextID("p")
	}
	m.Class, m.Reason, m.BlockedBy, m.Batch = store.Parked, reason, by, ""
	e.put(w, m)
}

// hold puts a mark into a batch. A mark that only waits for a held one names that in by.
func (e *edit) hold(w *worker, m store.Mark, batch, reason string, by schema.UUID) {
	m.Class, m.Reason, m.BlockedBy, m.Batch = store.Held, reason, by, batch
	e.put(w, m)
}

// acknowledge records that the handler has brought about what was decided, and frees what that waited for.
func (e *edit) acknowledge(w *worker, d decision) {
	h := e.tx.Handler(w.name)
	uuid := d.change.UUID
	h.Acknowledge(uuid, d.change.New, d.claims)
	m, ok := h.Mark(uuid)
	switch {
	case !ok:
	case m.Last == d.mark.Last:
		h.DeleteMark(uuid)
	default:
		m.First, m.Attempts, m.SetAside = d.mark.Last+1, 0, false
		h.PutMark(m)
	}
	e.touch(w, uuid)
	e.rearm(w, uuid)
	e.forget(uuid)
}

// forget drops the record of an outside entry that no handler remembers.
func (e *edit) forget(uuid schema.UUID) {
	if _, ok := e.tx.Outside(uuid); !ok {
		return
	}
	if !slices.ContainsFunc(e.l.workers, func(w *worker) bool { return e.tx.Handler(w.name).HasAcked(uuid) }) {
		e.tx.DeleteOutside(uuid)
	}
}

// release gives up the claims that the handler has freed ahead of the change. Those that the new state claims as well
// stay with the entry, so that nobody else gets them in between.
func (e *edit) release(w *worker, d decision) {
	h := e.tx.Handler(w.name)
	uuid := d.change.UUID
	acked := h.Acked(uuid)
	if acked.Entry != nil {
		keep := slices.DeleteFunc(acked.Claims, func(r string) bool { return !slices.Contains(d.claims, r) })
		h.Acknowledge(uuid, acked.Entry, keep)
	}
	if m, ok := h.Mark(uuid); ok {
		m.SetAside = true
		h.PutMark(m)
	}
	e.touch(w, uuid)
	e.rearm(w, uuid)
}

// fail classes an error of the handler: wrong data is parked, a target that is down pauses, anything else is tried again
// and then parked.
func (e *edit) fail(w *worker, m store.Mark, err error) {
	down, paused := errors.AsType[*schema.TargetDown](err)
	switch {
	case paused:
		m.Class, m.Reason = store.Paused, down.Error()
		e.put(w, m)
		return
	case errors.Is(err, schema.ErrInvalid):
		m.Attempts++
		e.park(w, m, err.Error(), schema.UUID{})
		return
	}
	m.Attempts++
	if m.Attempts >= e.l.cfg.Attempts {
		e.park(w, m, err.Error(), schema.UUID{})
		return
	}
	m.Class, m.Next, m.Reason = store.Retry, e.now.Add(e.l.cfg.delay(m.Attempts)), err.Error()
	e.put(w, m)
}
