package listener

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/listener/csn"
	"github.com/mailreg/mailreg/listener/store"
)

// patience is how long Wait lets a session come by itself to where the provider is. A provider need not send a cookie
// for each write.
const patience = time.Second

// Wait returns once every handler has done, Flush and its commit included, what the provider held when Wait was called;
// parked and held count as done and are returned. When ctx ends first, the error says what it still waited for.
func (l *Listener) Wait(ctx context.Context) (control.WaitResult, error) {
	if err := l.awaitProvider(ctx); err != nil {
		return control.WaitResult{}, err
	}
	// From here on only what has a mark by now is waited for: a directory that never rests must not keep Wait for ever.
	var seq uint64
	err := l.store.View(func(tx *store.Tx) error {
		seq = tx.State().Seq
		return nil
	})
	if err != nil {
		return control.WaitResult{}, err
	}
	undone := ""
	err = l.await(ctx, func() (bool, error) {
		undone = ""
		err := l.store.View(func(tx *store.Tx) error {
			undone = l.undone(tx, seq)
			return nil
		})
		return undone == "", err
	})
	if err != nil {
		return control.WaitResult{}, waitError(ctx, l.countUndone(seq, undone), err)
	}
	return l.waiting()
}

// waitError says what was waited for when the time was up; another error says more by itself.
func waitError(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("still waiting for %s", what)
	}
	return err
}

// await looks again whenever something happened, until done says so.
func (l *Listener) await(ctx context.Context, done func() (bool, error)) error {
	for {
		changed := l.news.wait()
		ok, err := done()
		if ok || err != nil {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// awaitProvider returns once the store has taken in all that the provider holds now: its cookie covers the provider's
// position, or a refresh has ended that began after the call.
func (l *Listener) awaitProvider(ctx context.Context) error {
	position, err := l.cfg.Probe.Position(ctx)
	if err != nil {
		position = nil // then only a refresh can tell
	}
	if l.getSession().phase == phaseDown {
		l.restart() // whoever waits may have mended the reason
	}
	if err := l.await(ctx, func() (bool, error) { return l.getSession().phase == phasePersist, nil }); err != nil {
		return waitError(ctx, "the source: "+l.sourceProblem(), err)
	}
	covered, known, err := l.covered(position)
	if err != nil || covered {
		return err
	}
	if known {
		soon, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		err := l.await(soon, func() (bool, error) {
			covered, _, err := l.covered(position)
			return covered, err
		})
		if err == nil || soon.Err() == nil {
			return err
		}
	}
	return l.awaitRefresh(ctx, position)
}

// awaitRefresh begins a new session, and returns when its refresh has ended or the position is covered.
func (l *Listener) awaitRefresh(ctx context.Context, position []string) error {
	begun := l.getSession().begun
	l.restart()
	err := l.await(ctx, func() (bool, error) {
		if l.getSession().ended > begun {
			return true, nil
		}
		covered, _, err := l.covered(position)
		return covered, err
	})
	if err != nil {
		return waitError(ctx, "a refresh: "+l.sourceProblem(), err)
	}
	return nil
}

// restart ends the session, so that another begins from where the replica is. A refresh is finished first.
func (l *Listener) restart() {
	select {
	case l.kick <- struct{}{}:
	default: // somebody else has asked already
	}
}

// covered reports whether the stored cookie covers a position, and whether that can be told at all.
func (l *Listener) covered(position []string) (covered, known bool, err error) {
	err = l.store.View(func(tx *store.Tx) error {
		covered, known = csn.Covers(string(tx.State().Cookie()), position)
		return nil
	})
	return covered, known, err
}

// sourceProblem says where the session is, and why the last one ended.
func (l *Listener) sourceProblem() string {
	s := l.getSession()
	if s.err != nil {
		return s.phase + ": " + s.err.Error()
	}
	return s.phase
}

// undone names a handler that is not through with what came up to a number, "" when all are.
func (l *Listener) undone(tx *store.Tx, seq uint64) string {
	if l.cfg.Staging {
		return "" // to be planned is all that can be waited for
	}
	for _, w := range l.workers {
		h := tx.Handler(w.name)
		if state := h.State(); w.reconciler != nil && state.Reconcile {
			return "handler " + w.name + ", which sets its whole target right"
		}
		for m := range h.Marks() {
			if m.First <= seq && m.Class != store.Parked && m.Class != store.Held {
				return "handler " + w.name
			}
		}
	}
	return ""
}

// countUndone says for each handler how many changes up to a number it has not done, with one of them and its reason.
func (l *Listener) countUndone(seq uint64, otherwise string) string {
	var list []string
	err := l.store.View(func(tx *store.Tx) error {
		for _, w := range l.workers {
			v := w.view(tx)
			late := v.newBacklog()
			for m := range v.h.Marks() {
				if m.First <= seq && m.Class != store.Parked && m.Class != store.Held {
					late.add(m)
				}
			}
			if late.count > 0 {
				list = append(list, late.describe(v, ""))
			}
		}
		return nil
	})
	if err != nil || len(list) == 0 {
		return otherwise
	}
	return strings.Join(list, "; ")
}

func (l *Listener) waiting() (control.WaitResult, error) {
	var r control.WaitResult
	err := l.store.View(func(tx *store.Tx) error {
		r.Parked, r.Held = l.parked(tx), l.held(tx)
		return nil
	})
	return r, err
}
