package listener

import (
	"context"
	"errors"
	"fmt"

	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/listener/store"
	"github.com/mailreg/mailreg/schema"
)

// Retry makes parked and retrying marks due now, all or the parked one of an ID, and returns their number. Entries that
// were out of scope are looked up again first; without the directory only those of them stay parked.
func (l *Listener) Retry(ctx context.Context, id string) (int, error) {
	again, err := l.recheck(ctx, id)
	if err != nil && id != "" {
		return 0, err
	}
	if err != nil {
		l.log.Warn("cannot look up what was out of scope", "op", "retry", "err", err)
	}
	count := 0
	err = l.update(func(e *edit) error {
		count = 0
		for _, w := range l.workers {
			for _, m := range selectMarks(e.tx.Handler(w.name), func(m store.Mark) bool {
				return id == "" && m.Class != store.Ready && m.Class != store.Held || id != "" && m.ID == id
			}) {
				e.ready(w, m)
				e.rearm(w, m.UUID)
				count++
			}
		}
		if id != "" && count+again == 0 {
			return unknownID(id)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	for _, w := range l.workers {
		w.endPause()
	}
	return max(count, again), nil // what was looked up may be done by now
}

// Advise looks at the directory server.
func (l *Listener) Advise(ctx context.Context) ([]control.Advice, error) {
	if l.cfg.Advise == nil {
		return nil, nil
	}
	return l.cfg.Advise(ctx)
}

func unknownID(id string) error {
	return fmt.Errorf("nothing parked is called %q: see mailreg listener parked", id)
}

// selectMarks collects marks, so that they can be written.
func selectMarks(h *store.Handler, pick func(store.Mark) bool) []store.Mark {
	var list []store.Mark
	for m := range h.Marks() {
		if pick(m) {
			list = append(list, m)
		}
	}
	return list
}

// recheck looks up again what is out of scope, and returns how much that was.
func (l *Listener) recheck(ctx context.Context, id string) (int, error) {
	var doubtful []finding
	err := l.store.View(func(tx *store.Tx) error {
		for uuid := range tx.Outsiders() {
			for _, w := range l.workers {
				m, ok := tx.Handler(w.name).Mark(uuid)
				if ok && (id == "" || m.ID == id) {
					f, _ := l.remember(tx, uuid)
					doubtful = append(doubtful, f)
					break
				}
			}
		}
		return nil
	})
	if err != nil || len(doubtful) == 0 {
		return 0, err
	}
	k, err := l.lookUp(ctx, doubtful)
	if err != nil {
		return 0, err
	}
	defer k.close()
	return len(doubtful), l.update(func(e *edit) error {
		e.bring(k)
		return nil
	})
}

// Drop acknowledges a parked mark without effect.
func (l *Listener) Drop(ctx context.Context, id string) error {
	for _, w := range l.workers {
		n, err := w.abandon(ctx, func(m store.Mark) bool { return m.Class == store.Parked && m.ID == id })
		if err != nil || n > 0 {
			return err
		}
	}
	return unknownID(id)
}

// Reject acknowledges a held batch without effect. What only waited for it becomes due.
func (l *Listener) Reject(ctx context.Context, id string) (int, error) {
	w, err := l.batchWorker(id)
	if err != nil {
		return 0, err
	}
	pairs := 0
	err = w.do(ctx, func() error {
		return l.update(func(e *edit) error {
			if err := w.view(e.tx).engaged(id); err != nil {
				return err
			}
			pairs = e.decided(w, id, e.disinherit)
			return nil
		})
	})
	if err != nil {
		return 0, err
	}
	rest, err := w.abandon(ctx, func(m store.Mark) bool { return m.Batch == id && m.Class == store.Held && !m.Waits() })
	return pairs + rest, err
}

// Approve lets a held batch run.
func (l *Listener) Approve(ctx context.Context, id string) (int, error) {
	w, err := l.batchWorker(id)
	if err != nil {
		return 0, err
	}
	count := 0
	approve := func(e *edit) error {
		if err := w.view(e.tx).engaged(id); err != nil {
			return err
		}
		count = e.decided(w, id, e.inherit)
		marks := selectMarks(e.tx.Handler(w.name), func(m store.Mark) bool { return m.Batch == id && m.Class == store.Held })
		for _, m := range marks {
			m.Approved = !m.Waits()
			e.ready(w, withoutBatch(m))
			e.rearm(w, m.UUID)
		}
		count += len(marks)
		return nil
	}
	err = w.do(ctx, func() error { return l.update(approve) })
	return count, err
}

// withoutBatch takes a mark out of its batch.
func withoutBatch(m store.Mark) store.Mark {
	m.Batch = ""
	return m
}

// batchWorker returns the worker of a batch. One of a handler that does not take part in this run is not found.
func (l *Listener) batchWorker(id string) (*worker, error) {
	var found *worker
	err := l.store.View(func(tx *store.Tx) error {
		if b, ok := tx.Batch(id); ok {
			for _, w := range l.workers {
				if w.name == b.Handler {
					found = w
				}
			}
		}
		return nil
	})
	if err == nil && found == nil {
		err = fmt.Errorf("no held batch is called %q: see mailreg listener held", id)
	}
	return found, err
}

// abandon acknowledges marks without effect, in the worker's goroutine, because claims change hands. All of them let go
// first; then each gets what its newest state claims and nobody has.
func (w *worker) abandon(ctx context.Context, pick func(store.Mark) bool) (int, error) {
	count := 0
	err := w.do(ctx, func() error {
		return w.l.update(func(e *edit) error {
			v := w.view(e.tx)
			var list []decision
			kept := 0
			for _, m := range selectMarks(v.h, pick) {
				if _, busy := w.busy[m.UUID]; busy {
					continue
				}
				if e.keepID(w, m) {
					kept++
					continue
				}
				d := decision{mark: m, change: schema.Change{UUID: m.UUID}}
				v.load(&d) // an entry that the handler cannot read claims nothing
				list = append(list, d)
				v.h.Acknowledge(m.UUID, d.change.Old, nil, v.h.Acked(m.UUID).At)
			}
			for _, d := range list {
				d.claims = w.unused(d.claims)
				e.acknowledge(w, d)
				v.h.Waive(d.change.UUID)
			}
			count = kept + len(list)
			return nil
		})
	})
	return count, err
}

// unused leaves out what a running call is about to get: whoever loses it will be judged when the entry changes again.
func (w *worker) unused(claimed []string) []string {
	var free []string
	for _, r := range claimed {
		if _, used := w.claims.User(r); !used {
			free = append(free, r)
		}
	}
	return free
}

// endPause makes the worker try again what it waits with.
func (w *worker) endPause() {
	w.mu.Lock()
	w.retryNow = true
	w.mu.Unlock()
	w.poke()
}

var errStopping = errors.New("the listener is stopping")

// Backup makes a copy of the store.
func (l *Listener) Backup(ctx context.Context) (control.BackupResult, error) {
	if l.cfg.Backup == nil {
		return control.BackupResult{}, errors.New("this listener makes no backups")
	}
	path, err := l.cfg.Backup(ctx)
	return control.BackupResult{Path: path}, err
}
