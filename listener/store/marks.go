package store

import (
	"bytes"
	"fmt"
	"iter"
	"time"

	"github.com/mailreg/mailreg/schema"
)

// Class says what becomes of a mark.
type Class int

// The classes of marks.
const (
	// Ready marks are to be worked on.
	Ready Class = iota
	// Retry marks failed and are to be worked on again at Next.
	Retry
	// Paused marks met a target that is down and are to be worked on when it is up.
	Paused
	// Parked marks wait for the entry to change, or for a person.
	Parked
	// Held marks are stopped by the brake until a person decides about their Batch.
	Held
)

// Mark says that a handler has yet to do something for an entry. What is to be done follows from the entry and from what
// the handler has acknowledged, so that changes to one entry coalesce into one mark.
type Mark struct {
	UUID schema.UUID
	// First and Last are the numbers of the first and the last change since the handler acknowledged the entry.
	First, Last uint64
	// Known is the number before the first of the transaction that made the mark due, 0 when the end of a refresh did.
	// Together with Generation it tells which of two marks could be worked on first.
	Known uint64
	// Since is when the entry came into work.
	Since time.Time
	// Generation is that of the refresh which touched the entry; until the store has reached it, the mark is not due.
	Generation uint64
	Class      Class
	// Attempts counts the failures since the last change.
	Attempts int
	// Next is when a Retry mark is due.
	Next time.Time
	// Reason says why the mark was not done yet.
	Reason string
	// ID is what a person calls the mark by; it is given when the mark is parked, and kept.
	ID string
	// Batch is the batch that the mark belongs to, "" for none.
	Batch string
	// BlockedBy is the entry whose change is to be awaited. A Ready mark that has one was never called, unless in Doubt.
	BlockedBy schema.UUID
	// Resync asks for a call of the handler even when it has acknowledged the entry as it is.
	Resync bool
	// Approved lets the mark pass the brake, because a person said so.
	Approved bool
	// Checked lets the mark pass the brake, because its refresh stayed below the limits.
	Checked bool
	// SetAside says that the handler has freed the claims of the acknowledged entry ahead of the change.
	SetAside bool
	// Doubt says that a call which was not acknowledged may have had an effect, for this state or an earlier one.
	Doubt bool
	// Tried are the claims of earlier states that such a call may have taken; they are free once the entry is acknowledged.
	Tried []Trial
	// Delay is how long the pause before Next is meant to be: clocks may jump meanwhile.
	Delay time.Duration
	// Target is the target that was down when the handler was last called, "" for none.
	Target string
	// Pair is the entry that has taken this one's place under another id, or whose place this one has taken, as long as both are
	// held for that.
	Pair schema.UUID
	// Former is the id under which the handler knows what belongs to the entry.
	Former schema.UUID
	// Disown asks that what belongs to the entry, which is gone, is put out of reach: another id has its name.
	Disown bool
	// Rejected lets the handler learn of Former and nothing else, because a person has rejected the change itself.
	Rejected bool
	// Before is the last such state, kept when the handler has acknowledged nothing: it must be undone all the same.
	Before *schema.Entry
}

// Waits reports whether the mark is held only because of another one.
func (m *Mark) Waits() bool { return m.Class == Held && !m.BlockedBy.IsZero() }

// Trial is a resource that a call may have taken from a moment on, which is given like that of a mark.
type Trial struct {
	Resource          string
	Generation, Known uint64
}

// Called reports whether the handler may have been called for the mark without acknowledging it: it was due, and nothing
// kept it from being called.
func (m *Mark) Called(generation uint64) bool {
	left := m.Class == Held || m.Class == Parked && m.Attempts == 0 || !m.BlockedBy.IsZero()
	return m.Doubt || m.Generation <= generation && !left
}

// Mark returns the mark of an entry and whether it has one.
func (h *Handler) Mark(uuid schema.UUID) (Mark, bool) {
	d := h.t.get(h.dirty, uuid[:])
	if d == nil {
		return Mark{}, false
	}
	return h.mark(uuid, d)
}

func (h *Handler) mark(uuid schema.UUID, d *decoder) (Mark, bool) {
	m := Mark{
		UUID: uuid, First: d.uint(), Last: d.uint(), Known: d.uint(), Since: d.time(), Generation: d.uint(), Class: Class(d.uint()),
		Attempts: int(d.uint()), Next: d.time(), Reason: d.str(), ID: d.str(), Batch: d.str(), BlockedBy: d.uuid(),
	}
	for range d.count() {
		d.need()
		m.Tried = append(m.Tried, Trial{d.str(), d.uint(), d.uint()})
	}
	before := false
	d.flags(&m.Resync, &m.Approved, &m.Checked, &m.SetAside, &m.Doubt, &before)
	if before {
		m.Before = d.entry()
	}
	m.Delay, m.Target = time.Duration(d.uint()), d.str()
	m.Pair, m.Former = d.uuid(), d.uuid()
	d.flags(&m.Disown, &m.Rejected)
	h.t.fail(d.end())
	return m, h.t.err == nil
}

// PutMark sets a mark. The counts of batches and the index of blocked marks follow.
func (h *Handler) PutMark(m Mark) {
	old, _ := h.Mark(m.UUID)
	h.follow(old, m)
	e := encoder{b: make([]byte, 0, 96)}
	e.uint(m.First)
	e.uint(m.Last)
	e.uint(m.Known)
	e.time(m.Since)
	e.uint(m.Generation)
	e.uint(uint64(m.Class))
	e.uint(uint64(m.Attempts))
	e.time(m.Next)
	e.str(m.Reason)
	e.str(m.ID)
	e.str(m.Batch)
	e.uuid(m.BlockedBy)
	e.uint(uint64(len(m.Tried)))
	for _, trial := range m.Tried {
		e.str(trial.Resource)
		e.uint(trial.Generation)
		e.uint(trial.Known)
	}
	e.flags(m.Resync, m.Approved, m.Checked, m.SetAside, m.Doubt, m.Before != nil)
	if m.Before != nil {
		e.entry(m.Before)
	}
	e.uint(uint64(m.Delay))
	e.str(m.Target)
	e.uuid(m.Pair)
	e.uuid(m.Former)
	e.flags(m.Disown, m.Rejected)
	h.t.put(h.dirty, m.UUID[:], e.seal(m.UUID[:]))
}

// DeleteMark takes the mark of an entry away.
func (h *Handler) DeleteMark(uuid schema.UUID) {
	old, ok := h.Mark(uuid)
	if !ok {
		return
	}
	h.follow(old, Mark{UUID: uuid})
	h.t.remove(h.dirty, uuid[:])
}

func (h *Handler) follow(old, now Mark) {
	h.t.count(old.Batch, now.Batch)
	if old.BlockedBy == now.BlockedBy {
		return
	}
	if !old.BlockedBy.IsZero() {
		h.t.remove(h.blocked, pair(old.BlockedBy, now.UUID))
	}
	if !now.BlockedBy.IsZero() {
		h.t.put(h.blocked, pair(now.BlockedBy, now.UUID), []byte{})
	}
}

func pair(a, b schema.UUID) []byte { return append(a[:], b[:]...) }

// pairLength is the length of such a key.
const pairLength = 2 * len(schema.UUID{})

// Marks yields all marks in the order of the UUIDs. None may be written meanwhile.
func (h *Handler) Marks() iter.Seq[Mark] {
	return func(yield func(Mark) bool) {
		c := h.dirty.Cursor()
		for k, v := c.First(); k != nil && h.t.err == nil; k, v = c.Next() {
			d := h.t.open(k, v)
			if d == nil {
				return
			}
			if m, ok := h.mark(schema.UUID(k), d); !ok || !yield(m) {
				return
			}
		}
	}
}

// BlockedBy returns the entries whose marks wait for a change of this one.
func (h *Handler) BlockedBy(uuid schema.UUID) []schema.UUID {
	if h.t.err != nil {
		return nil
	}
	var list []schema.UUID
	c := h.blocked.Cursor()
	for k, _ := c.Seek(uuid[:]); k != nil && bytes.HasPrefix(k, uuid[:]); k, _ = c.Next() {
		if len(k) != pairLength {
			h.t.fail(fmt.Errorf("%w: key %x", ErrCorrupt, k))
			return nil
		}
		list = append(list, schema.UUID(k[len(uuid):]))
	}
	return list
}
