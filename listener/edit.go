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
	// anew holds the workers that are to read all of their marks.
	anew []*worker
	// braked holds the batches that the brake has opened.
	braked []store.Batch
	// base is the number of the last mark before this transaction.
	base uint64
	// origin is the session; wrote and differs are what overwrites has seen.
	origin
	wrote, differs bool
}

// count returns the number of marks that were touched one by one.
func (e *edit) count() (n int) {
	for _, uuids := range e.touched {
		n += len(uuids)
	}
	return n
}

func (e *edit) touch(w *worker, uuid schema.UUID) { e.touched[w] = append(e.touched[w], uuid) }

func (e *edit) put(w *worker, m store.Mark) {
	e.tx.Handler(w.name).PutMark(m)
	e.touch(w, m.UUID)
}

// mark notes a change of an entry from its state before, nil when that is still its state. Whatever was decided about
// it is void, but for the batch: a change that still takes mail away goes back to it.
func (e *edit) mark(w *worker, uuid schema.UUID, generation uint64, before *schema.Entry) store.Mark {
	m, ok := e.tx.Handler(w.name).Mark(uuid)
	seq := e.tx.NextSeq()
	if ok {
		e.supersede(w, &m, before)
	} else {
		m = store.Mark{UUID: uuid, First: seq, Since: e.now}
	}
	m.Last, m.Generation, m.Known = seq, generation, e.base
	if generation > e.tx.State().Generation {
		m.Known = 0
	}
	m.Approved, m.Checked, m.Rejected, m.Target = false, false, false, ""
	m = e.ready(w, m)
	e.rearm(w, uuid)
	return m
}

// supersede notes what a call for the state before may have done. It may be running, or have run before a crash, unless
// the mark was not due.
func (e *edit) supersede(w *worker, m *store.Mark, before *schema.Entry) {
	if !m.Called(e.tx.State().Generation) {
		return
	}
	h := e.tx.Handler(w.name)
	m.Doubt = true
	seen, claimed, _ := w.target(before)
	if seen != nil && !h.HasAcked(m.UUID) {
		m.Before = seen
	}
	for _, r := range claimed {
		tried := slices.ContainsFunc(m.Tried, func(t store.Trial) bool { return t.Resource == r })
		if owner, owned := h.Owner(r); (!owned || owner != m.UUID) && !tried {
			m.Tried = append(m.Tried, store.Trial{Resource: r, Generation: m.Generation, Known: m.Known})
		}
	}
}

// ready makes a mark due now, as if nothing had been tried. One that was never called could be called from now on only.
func (e *edit) ready(w *worker, m store.Mark) store.Mark {
	if now := e.tx.State().Generation; m.Generation <= now && !m.Called(now) {
		m.Generation, m.Known = now, e.base
	}
	if m.Class == store.Parked || m.Class == store.Held {
		m.Since = e.now
	}
	if m.Waits() {
		m.Batch = ""
	}
	m.Class, m.Attempts, m.Next, m.Reason, m.BlockedBy = store.Ready, 0, time.Time{}, "", schema.UUID{}
	e.put(w, m)
	return m
}

// rearm makes the marks due that waited for this entry, and those that were left to a person because of one of them.
func (e *edit) rearm(w *worker, uuid schema.UUID) {
	h := e.tx.Handler(w.name)
	for _, blocked := range h.BlockedBy(uuid) {
		m, ok := h.Mark(blocked)
		if !ok {
			continue
		}
		left := m.Class == store.Parked || m.Class == store.Held
		e.ready(w, m)
		if left {
			e.rearm(w, blocked)
		}
	}
}

// block makes a mark wait for another entry, so that a restart knows that it was not called.
func (e *edit) block(w *worker, m store.Mark, reason string, by schema.UUID) {
	m.Reason, m.BlockedBy = reason, by
	e.put(w, m)
}

// park gives a mark up until its entry changes, a person acts, or, when it is blocked by another entry, that one changes.
func (e *edit) park(w *worker, m store.Mark, reason string, by schema.UUID) {
	if m.ID == "" {
		m.ID = e.tx.NextID("p")
	}
	m.Class, m.Reason, m.BlockedBy, m.Batch = store.Parked, reason, by, ""
	e.put(w, m)
}

// hold puts a mark into a batch.
func (e *edit) hold(w *worker, m store.Mark, batch, reason string) {
	m.Class, m.Reason, m.BlockedBy, m.Batch = store.Held, reason, schema.UUID{}, batch
	e.put(w, m)
}

// holdBack puts a mark that takes nothing away into the batch of one that it waits for.
func (e *edit) holdBack(w *worker, d decision) {
	m := d.mark
	m.Class, m.Reason, m.BlockedBy, m.Batch = store.Held, d.reason, d.by, d.batch
	e.put(w, m)
}

// acknowledge records that the handler has brought about what was decided, and frees what that waited for.
func (e *edit) acknowledge(w *worker, d decision) {
	h := e.tx.Handler(w.name)
	uuid := d.change.UUID
	waived := d.verb == acknowledge && h.Acked(uuid).Waived // nothing is called now either
	h.Acknowledge(uuid, d.change.New, d.claims, e.calledAt(w, d))
	if waived {
		h.Waive(uuid)
	}
	m, ok := h.Mark(uuid)
	switch {
	case !ok:
	case m.Last == d.mark.Last:
		h.DeleteMark(uuid)
	default:
		m.First, m.Attempts, m.SetAside, m.Doubt, m.Target = d.mark.Last+1, 0, false, false, ""
		m.Tried, m.Before = nil, nil
		settleID(&m, d.mark)
		h.PutMark(m)
	}
	e.touch(w, uuid)
	e.rearm(w, uuid)
	e.forget(uuid)
}

// remind parks what was acknowledged although something of it could not be done. A later change has a mark already.
func (e *edit) remind(w *worker, o outcome) (parked bool) {
	if _, later := e.tx.Handler(w.name).Mark(o.change.UUID); later {
		return false
	}
	m := o.mark
	m.Attempts++
	m.Resync, m.SetAside, m.Doubt, m.Tried, m.Before = true, false, false, nil, nil
	settleID(&m, o.mark)
	e.parkBehind(w, m, o)
	return true
}

// parkBehind parks what a call has found wrong, until the entry changes that is in the way, if one is. When that was done with
// since the call began, nothing would come of waiting for it: the call is made again.
func (e *edit) parkBehind(w *worker, m store.Mark, o outcome) {
	taken, ok := errors.AsType[*schema.Taken](o.err)
	if !ok {
		e.park(w, m, o.err.Error(), schema.UUID{})
		return
	}
	e.park(w, m, o.err.Error()+": "+w.view(e.tx).name(taken.By), taken.By)
	if !e.tx.Handler(w.name).Acked(taken.By).At.Before(o.begun) {
		e.ready(w, m)
	}
}

// forget drops the record of an outside entry for which no handler has done anything.
func (e *edit) forget(uuid schema.UUID) {
	if _, ok := e.tx.Outside(uuid); !ok {
		return
	}
	for _, name := range e.tx.HandlerNames() { // also those that do not take part in this run
		if remembers(e.tx.Handler(name), uuid) {
			return
		}
	}
	e.tx.DeleteOutside(uuid)
}

// remembers reports whether a handler has done something for the entry, or may have.
func remembers(h *store.Handler, uuid schema.UUID) bool {
	if h.HasAcked(uuid) {
		return true
	}
	m, ok := h.Mark(uuid)
	return ok && m.Before != nil
}

// release gives up the claims that the handler has freed ahead of the change. Those that the new state claims as well
// stay with the entry, so that nobody else gets them in between.
func (e *edit) release(w *worker, d decision) {
	h := e.tx.Handler(w.name)
	uuid := d.change.UUID
	acked := h.Acked(uuid)
	if acked.Entry != nil {
		keep := slices.DeleteFunc(acked.Claims, func(r string) bool { return !slices.Contains(d.claims, r) })
		h.Acknowledge(uuid, acked.Entry, keep, acked.At)
	}
	if m, ok := h.Mark(uuid); ok {
		m.SetAside, m.Doubt, m.Tried = true, true, nil
		h.PutMark(m)
	}
	e.touch(w, uuid)
	e.rearm(w, uuid)
}

// fail classes an error of the handler: wrong data is parked, a target that is down pauses, anything else is tried again
// and then parked. It reports whether the mark is parked.
func (e *edit) fail(w *worker, m store.Mark, o outcome) bool {
	err := o.err
	down, paused := errors.AsType[*schema.TargetDown](err)
	switch {
	case paused:
		m.Class, m.Reason, m.BlockedBy, m.Doubt = store.Paused, down.Error(), schema.UUID{}, true
		e.put(w, m)
		return false
	case errors.Is(err, schema.ErrInvalid):
		m.Attempts++
		e.parkBehind(w, m, o)
		return true
	}
	m.Attempts++
	m.Doubt = true
	if m.Attempts >= e.l.cfg.Attempts && !errors.Is(err, schema.ErrTemporary) {
		e.park(w, m, err.Error(), schema.UUID{})
		return true
	}
	m.Class, m.Delay, m.Reason = store.Retry, e.l.cfg.delay(m.Attempts), err.Error()
	m.Next = e.now.Add(m.Delay)
	m.BlockedBy = schema.UUID{}
	e.put(w, m)
	return false
}
