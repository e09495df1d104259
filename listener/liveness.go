package listener

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mailreg/mailreg/listener/csn"
	"github.com/mailreg/mailreg/listener/liveness"
)

// errStalled ends a session that seems to be alive and is not.
var errStalled = errors.New("the session is dead")

// watcher looks whether the session is alive.
type watcher struct {
	l     *Listener
	watch liveness.Watch
	// before is the last position of the provider at url.
	before []string
	url    string
}

// lookAlive looks in intervals: where is the provider, by the probe's connection, and has the session got there?
func (l *Listener) lookAlive(ctx context.Context) error {
	w := watcher{l: l}
	for {
		limits := l.cfg.Liveness()
		pause := limits.Interval
		if pause <= 0 {
			pause = time.Minute // the settings may change
		}
		if !lull(ctx, pause) {
			return nil
		}
		if limits.Interval > 0 {
			w.look(ctx, limits)
		}
	}
}

func (w *watcher) look(ctx context.Context, limits liveness.Limits) {
	s := w.l.getSession()
	if s.phase == phaseConnecting || s.phase == phaseDown {
		return // that is bounded, and told
	}
	asked, cancel := context.WithTimeout(ctx, max(limits.Stall/2, time.Second))
	defer cancel()
	position, err := w.l.cfg.Probe.Position(asked)
	now := w.l.getSession()
	if ctx.Err() != nil || now.begun != s.begun {
		return
	}
	look := liveness.Look{Now: time.Now(), Session: s.begun, Heard: now.heard, Answered: err == nil}
	if err == nil {
		w.goesBack(s.url, position)
		if s.phase == phasePersist {
			look.Covered, look.Known, _ = w.l.covered(position)
		}
	}
	if now.heard > now.taken {
		look.Answered, look.Known, look.Covered = true, true, true // what has come is still being written
	}
	verdict := w.watch.Judge(look, limits)
	w.l.setSession(func(s *sessionState) {
		s.lag = w.watch.Lag(look.Now)
		if look.Answered {
			s.probed = w.l.cfg.Now()
		}
	})
	switch verdict {
	case liveness.Stalled:
		w.end(fmt.Errorf("%w: the directory has been ahead for %s and sends nothing", errStalled, limits.Stall))
	case liveness.Deaf:
		w.end(fmt.Errorf("%w: the directory does not answer: %w", errStalled, err))
	case liveness.Idle:
		if s.phase == phaseRefresh {
			w.end(fmt.Errorf("%w: the directory has not gone on with the refresh for %s", errStalled, limits.Idle))
			return
		}
		w.end(errRestart) // nothing is known to be wrong; a comparison under way may be what is silent
	}
}

// end ends the session with an error, also in a refresh.
func (w *watcher) end(err error) {
	w.l.setSession(func(s *sessionState) { s.renewals++ })
	select {
	case w.l.stalls <- err:
	default: // it is told already
	}
}

// goesBack takes a position that has gone back for a sign that the provider has lost something.
func (w *watcher) goesBack(url string, position []string) {
	if lost := csn.Backwards(w.before, position); lost != "" && url == w.url {
		text := fmt.Sprintf("the position of %s has gone back behind %s: the directory was restored, or has lost something", url, lost)
		w.l.alarm(text)
		w.l.suspect(text)
	}
	w.before, w.url = position, url
}
