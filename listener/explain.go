package listener

import (
	"context"
	"fmt"
	"time"

	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/listener/selection"
	"github.com/mailreg/mailreg/listener/store"
	"github.com/mailreg/mailreg/schema"
)

// Explain returns what is known of the entries that a selection picks: by what they are, or by what a handler has last seen
// of them, for who asks about an address may mean the one that somebody had.
func (l *Listener) Explain(_ context.Context, s control.Selection) ([]control.Explanation, error) {
	pick, err := selection.New(s)
	if err != nil {
		return nil, err
	}
	var list []control.Explanation
	err = l.store.View(func(tx *store.Tx) error {
		list = nil
		for _, uuid := range l.picked(tx, pick) {
			list = append(list, l.explain(tx, uuid))
		}
		return nil
	})
	return list, err
}

// picked returns the entries of a selection, each once.
func (l *Listener) picked(tx *store.Tx, pick func(*schema.Entry) bool) []schema.UUID {
	var list []schema.UUID
	seen := map[schema.UUID]bool{}
	add := func(e *schema.Entry) {
		if e != nil && !seen[e.UUID] && pick(e) {
			seen[e.UUID] = true
			list = append(list, e.UUID)
		}
	}
	for entry := range tx.Entries(schema.UUID{}) {
		add(entry)
	}
	for _, w := range l.workers {
		h := tx.Handler(w.name)
		for uuid := range h.AckedIDs() {
			add(h.Acked(uuid).Entry)
		}
		for m := range h.Marks() {
			add(m.Before)
		}
	}
	return list
}

// explain tells of one entry. Of one that is gone the last that a handler has seen is shown.
func (l *Listener) explain(tx *store.Tx, uuid schema.UUID) control.Explanation {
	entry := tx.Entry(uuid)
	x := control.Explanation{Present: entry != nil, Handlers: []control.HandlerReport{}}
	_, x.Outside = tx.Outside(uuid)
	for _, w := range l.workers {
		v := w.view(tx)
		acked := v.h.Acked(uuid)
		m, open := v.h.Mark(uuid)
		if entry == nil {
			entry = acked.Entry
		}
		if entry == nil {
			entry = m.Before
		}
		x.Handlers = append(x.Handlers, v.report(uuid, acked, m, open))
	}
	if entry != nil {
		x.Entry = shown(entry)
	}
	return x
}

// report tells how far a handler is with an entry; open says that it has a mark.
func (v view) report(uuid schema.UUID, acked store.Acked, m store.Mark, open bool) control.HandlerReport {
	r := control.HandlerReport{Name: v.w.name, State: "unconcerned", Claims: acked.Claims, Done: control.Moment{Time: acked.At}}
	if r.Claims == nil {
		r.Claims = []string{}
	}
	if acked.Entry != nil || v.w.mayMatch(v.tx.Entry(uuid)) {
		r.State = "done"
	}
	if !open {
		return r
	}
	r.Since, r.Next, r.Attempts, r.Reason, r.ID = control.Moment{Time: m.Since}, control.Moment{Time: m.Next}, m.Attempts, m.Reason, m.ID
	if !m.BlockedBy.IsZero() {
		r.BlockedBy = v.name(m.BlockedBy)
	}
	switch m.Class {
	case store.Retry:
		r.State = "retrying"
	case store.Paused:
		r.State = "paused"
	case store.Parked:
		r.State = "parked"
	case store.Held:
		r.State, r.ID = "held", m.Batch
	case store.Ready:
		if r.State = "pending"; r.BlockedBy != "" {
			r.State = "waiting"
		}
	}
	if paused := v.h.State().Paused; !paused.IsZero() && r.State != "parked" && r.State != "held" {
		r.State, r.Reason = "paused", fmt.Sprintf("a person has paused the handler at %s: mailreg listener resume %s", paused.UTC().Format(time.RFC3339), v.w.name)
	}
	return r
}
