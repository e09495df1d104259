package listener

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mailreg/mailreg/listener/store"
	"github.com/mailreg/mailreg/schema"
)

// steady returns a clock that begins with the wall clock and does not jump: the brake counts over minutes that have passed.
func steady(now func() time.Time) func() time.Time {
	wall, begun := now().Round(0), time.Now()
	return func() time.Time { return wall.Add(time.Since(begun)) }
}

// window is the time in which takes outside a refresh are counted together.
const window = 10 * time.Minute

// exceeds reports whether so many takes are too many for so many stores, and why. A count of 0 switches the brake off.
func exceeds(takes, stores, count, percent int) (string, bool) {
	limit := max(count, stores*percent/100)
	switch {
	case count <= 0:
		return "", false
	case takes > limit:
		return fmt.Sprintf("%d of %d stores would be taken away, more than %d", takes, stores, limit), true
	case stores >= 10 && takes*2 > stores:
		return fmt.Sprintf("%d of %d stores would be taken away, more than half", takes, stores), true
	default:
		return "", false
	}
}

// tooMany reports whether so many takes are too many after those of the last ten minutes, and why. Stores that went in
// that time count among those that there were.
func (v view) tooMany(takes int) (string, bool) {
	count, percent := v.w.l.cfg.Guard()
	recent, removed := v.h.Takes(v.w.l.clock().Add(-window))
	takes += recent
	if count <= 0 || takes <= min(count, 5) {
		return "", false // of 10 stores, more than half are 6
	}
	enough := 2 * takes
	if percent > 0 {
		enough = max(enough, 100*takes/percent+1)
	}
	return exceeds(takes, v.h.CountAcked(v.w.keeps(), enough)+removed, count, percent)
}

// overLimit reports whether one more take is too many, running ones included.
func (v view) overLimit() (string, bool) {
	takes := 1
	for uuid, d := range v.w.busy {
		// The worker hears of an acknowledgement some time after it was stored; then the take is among the recent ones.
		if m, ok := v.h.Mark(uuid); ok && m.First <= d.mark.Last && d.takes && !d.mark.Approved {
			takes++
		}
	}
	return v.tooMany(takes)
}

// brake looks at all that a refresh would take away, together with what was taken in the last ten minutes, before its
// marks are due. When that is too much all of it is held; else none of it is stopped any more. What belongs to a batch
// already goes back to it.
func (e *edit) brake(w *worker, generation uint64) {
	if w.taker == nil {
		return
	}
	held := e.reidentified(w, generation)
	takes := slices.DeleteFunc(e.planned(w, generation), func(m store.Mark) bool { return held[m.UUID] })
	if len(takes) == 0 {
		return
	}
	reason, over := w.view(e.tx).tooMany(len(takes))
	if count, _ := e.l.cfg.Guard(); e.tx.State().Cautious && count > 0 {
		over, reason = true, fmt.Sprintf("the store is a backup: %d stores would be taken away that may have gone on since", len(takes))
	}
	batch := ""
	for _, m := range takes {
		old, ok := e.tx.Batch(m.Batch)
		switch {
		case ok && m.Batch != "":
			e.hold(w, m, m.Batch, old.Reason)
		case over:
			if batch == "" {
				batch = e.openBatch(w, "refresh: "+reason, false)
			}
			e.hold(w, m, batch, "refresh: "+reason)
		default:
			m.Checked = true
			e.put(w, m)
		}
	}
	if batch != "" {
		w.log.Warn("held what a refresh would take away", "op", "hold", "batch", batch, "count", len(takes), "err", reason)
	}
}

// planned lists the marks of a refresh that take mail away.
func (e *edit) planned(w *worker, generation uint64) []store.Mark {
	v := w.view(e.tx)
	var list []store.Mark
	for m := range v.h.Marks() {
		_, outside := e.tx.Outside(m.UUID)
		if outside || m.Generation != generation || !remembers(v.h, m.UUID) {
			continue
		}
		d := decision{mark: m, change: schema.Change{UUID: m.UUID}}
		v.load(&d)
		if d.err != nil || d.idle(m.Doubt) {
			continue
		}
		if takes, err := w.takes(d.change); takes && err == nil {
			list = append(list, m)
		}
	}
	return list
}

// openBatch makes a batch. Live ones are used again until they are empty, those of pairs apart from others.
func (e *edit) openBatch(w *worker, reason string, live bool) string {
	if live {
		for b := range e.tx.Batches() {
			if b.Live && b.Handler == w.name && strings.HasPrefix(b.Reason, newIDs) == strings.HasPrefix(reason, newIDs) {
				return b.ID
			}
		}
	}
	id := e.tx.NextID("h")
	b := store.Batch{ID: id, Handler: w.name, Reason: reason, Since: e.now, Live: live}
	e.tx.PutBatch(b)
	e.braked = append(e.braked, b)
	return id
}
