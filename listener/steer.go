package listener

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mailreg/mailreg/listener/store"
	"github.com/mailreg/mailreg/schema"
)

// Pause keeps a handler from being called, also after a restart, until Resume. Calls that run are finished; what the
// directory changes meanwhile is pending.
func (l *Listener) Pause(_ context.Context, handler string) error {
	return l.setPaused(handler, l.cfg.Now())
}

// Resume lets a paused handler go on.
func (l *Listener) Resume(_ context.Context, handler string) error {
	return l.setPaused(handler, time.Time{})
}

func (l *Listener) setPaused(handler string, since time.Time) error {
	w, err := l.worker(handler)
	if err != nil {
		return err
	}
	return l.update(func(e *edit) error {
		h := e.tx.Handler(w.name)
		state := h.State()
		if state.Paused.IsZero() == since.IsZero() {
			return nil // as it was asked for, and since when it is paused stays true
		}
		state.Paused = since
		h.SetState(state)
		e.anew = []*worker{w}
		return nil
	})
}

// worker returns the worker of a handler that takes part in this run.
func (l *Listener) worker(handler string) (*worker, error) {
	at := slices.IndexFunc(l.workers, func(w *worker) bool { return w.name == handler })
	if at < 0 {
		return nil, fmt.Errorf("no handler is called %q: there are %s", handler, strings.Join(l.names(), ", "))
	}
	return l.workers[at], nil
}

// names lists the handlers that take part in this run.
func (l *Listener) names() (names []string) {
	for _, w := range l.workers {
		names = append(names, w.name)
	}
	return names
}

// Forget removes all that is known of a handler which does not take part in this run: what it has acknowledged, and what it
// has yet to do. Should it come back, it begins from nothing.
func (l *Listener) Forget(_ context.Context, handler string) error {
	if w, _ := l.worker(handler); w != nil {
		return fmt.Errorf("handler %q is at work: only one that takes no part any more can be forgotten", handler)
	}
	return l.update(func(e *edit) error {
		if !slices.Contains(e.tx.HandlerNames(), handler) {
			return fmt.Errorf("nothing is kept of a handler %q: see mailreg listener status", handler)
		}
		e.tx.ForgetHandler(handler)
		for _, uuid := range slices.AppendSeq([]schema.UUID(nil), e.tx.Outsiders()) {
			e.forget(uuid)
		}
		return nil
	})
}

// absent names the handlers whose state is kept although they do not take part in this run.
func (l *Listener) absent(tx *store.Tx) []string {
	return slices.DeleteFunc(tx.HandlerNames(), func(name string) bool {
		w, _ := l.worker(name)
		return w != nil
	})
}

// stateNotes tell a person what was left in a state that only a person ends.
func (l *Listener) stateNotes(tx *store.Tx) (notes []string) {
	if l.cfg.Staging {
		notes = append(notes, "staging: nothing is done; mailreg listener planned lists what would be, mailreg/mode=run and a restart do it")
	}
	for _, w := range l.workers {
		notes = append(notes, w.hanging()...)
		if paused := tx.Handler(w.name).State().Paused; !paused.IsZero() {
			notes = append(notes, fmt.Sprintf("handler %s is paused since %s: mailreg listener resume %s lets it go on",
				w.name, paused.UTC().Format(time.RFC3339), w.name))
		}
	}
	if absent := l.absent(tx); len(absent) > 0 {
		notes = append(notes, "kept for handlers that take no part any more: "+strings.Join(absent, ", ")+
			"; mailreg listener forget HANDLER removes it")
	}
	return notes
}
