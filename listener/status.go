package listener

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/listener/store"
)

var _ control.API = (*Listener)(nil)

// Status returns the state of the source, the store and each handler, and why the listener is not ready if it is not.
func (l *Listener) Status(context.Context) (control.Status, error) {
	s := l.getSession()
	l.mu.Lock()
	storeErr, sliced := l.storeErr, l.sliced
	l.mu.Unlock()
	status := control.Status{
		Reasons:  []string{},
		Source:   control.SourceStatus{Kind: s.kind, URL: s.url, Phase: s.phase, LastMessage: control.Moment{Time: s.last}},
		Handlers: []control.HandlerStatus{},
	}
	status.Server = sliced
	status.Notes = append(status.Notes, sliceNotes(sliced)...)
	status.Source.PositionStored.Time = s.stored
	status.Source.Lag, status.Source.LastProbe.Time, status.Source.Renewals = s.lag.Seconds(), s.probed, int(s.renewals)
	if s.phase == phaseRefresh {
		status.Source.RefreshEntries = s.mentioned
	}
	if s.err != nil {
		status.Source.LastError = s.err.Error()
	}
	if s.phase != phasePersist {
		status.Reasons = append(status.Reasons, "source: "+l.sourceProblem())
	}
	if storeErr != nil {
		status.Store.LastError = storeErr.Error()
		status.Reasons = append(status.Reasons, "store: "+storeErr.Error())
	}
	for _, alarm := range s.alarms {
		status.Notes = append(status.Notes, "directory: "+alarm)
	}
	if l.cfg.Notes != nil {
		status.Notes = append(status.Notes, l.cfg.Notes()...)
	}
	err := l.store.View(func(tx *store.Tx) error {
		status.Entries, status.Store.Bytes = tx.CountEntries(), tx.Size()
		status.Notes = append(status.Notes, l.stateNotes(tx)...)
		status.Absent = l.absent(tx)
		status.Audit = lastAudit(tx)
		status.Notes = append(status.Notes, auditNotes(status.Audit)...)
		for _, w := range l.workers {
			l.handlerStatus(tx, w, &status)
		}
		return nil
	})
	status.Ready = len(status.Reasons) == 0
	return status, err
}

// handlerStatus adds one handler. Work that is older than the lag makes the listener unready.
func (l *Listener) handlerStatus(tx *store.Tx, w *worker, status *control.Status) {
	v := w.view(tx)
	state := v.h.State()
	hs := control.HandlerStatus{Name: w.name, LastSuccess: control.Moment{Time: state.LastSuccess}, Paused: control.Moment{Time: state.Paused}}
	hs.LastError, hs.LastErrorAt.Time = w.trouble()
	hs.Running = w.unanswered()
	// Parked and held changes wait for a person and do not make the listener unready: else one bad entry would hide that
	// everything else has stopped.
	old := l.cfg.Now().Add(-l.cfg.ReadyLag())
	late := v.newBacklog()
	waiting := map[string]int{}
	for m := range v.h.Marks() {
		switch m.Class {
		case store.Ready:
			hs.Pending++
		case store.Retry, store.Paused:
			hs.Retrying++
			waiting[m.Target]++
		case store.Parked:
			hs.Parked++
			continue
		case store.Held:
			hs.Held++
			status.Held++
			continue
		}
		if hs.Oldest.IsZero() || m.Since.Before(hs.Oldest.Time) {
			hs.Oldest.Time = m.Since
		}
		if m.Since.Before(old) {
			late.add(m)
		}
	}
	acts := state.Paused.IsZero() && !l.cfg.Staging
	if late.count > 0 && acts {
		age := fmt.Sprintf("older than %s", l.cfg.ReadyLag())
		status.Reasons = append(status.Reasons, late.describe(v, age))
	}
	if whole := w.lateWhole(old); whole != "" && acts {
		status.Reasons = append(status.Reasons, whole)
	}
	hs.Targets = w.targetsDown(waiting)
	status.Handlers = append(status.Handlers, hs)
}

// Parked lists what handlers have given up on.
func (l *Listener) Parked(context.Context) (list []control.Parked, err error) {
	err = l.store.View(func(tx *store.Tx) error {
		list = l.parked(tx)
		return nil
	})
	return list, err
}

// parked is Parked within a transaction, oldest first.
func (l *Listener) parked(tx *store.Tx) []control.Parked {
	list := []control.Parked{}
	for _, w := range l.workers {
		v := w.view(tx)
		for m := range v.h.Marks() {
			if m.Class == store.Parked {
				list = append(list, control.Parked{
					ID: m.ID, Handler: w.name, UUID: m.UUID, DN: v.name(m.UUID), Reason: m.Reason, Since: m.Since, Attempts: m.Attempts,
				})
			}
		}
	}
	slices.SortFunc(list, func(a, b control.Parked) int { return compareID(a.ID, b.ID) })
	return list
}

// compareID orders IDs by their number.
func compareID(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) }

// Held lists what the brake has stopped, with what waits for it.
func (l *Listener) Held(context.Context) (list []control.Held, err error) {
	err = l.store.View(func(tx *store.Tx) error {
		list = l.held(tx)
		return nil
	})
	return list, err
}

// held gathers the held marks by their batches, oldest first. Those that only wait for another one are listed with it.
func (l *Listener) held(tx *store.Tx) []control.Held {
	list := []control.Held{}
	at := map[string]int{}
	for _, w := range l.workers {
		v := w.view(tx)
		for m := range v.h.Marks() {
			if m.Class != store.Held {
				continue
			}
			i, ok := at[m.Batch]
			if !ok {
				b, _ := tx.Batch(m.Batch)
				i = len(list)
				at[m.Batch] = i
				list = append(list, control.Held{ID: m.Batch, Handler: w.name, Reason: b.Reason, Since: b.Since})
			}
			list[i].Entries = append(list[i].Entries, control.HeldEntry{UUID: m.UUID, DN: v.name(m.UUID), Waits: m.Waits()})
			list[i].Count++
		}
	}
	slices.SortFunc(list, func(a, b control.Held) int { return compareID(a.ID, b.ID) })
	return list
}
