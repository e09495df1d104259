package listener

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

var (
	errRestart = errors.New("session is to begin anew")
	errNoEnd   = errors.New("the source ended without a reason")
	errEmpty   = errors.New("the refresh was empty although the replica is not: refused")
)

// The phases of a session, as status prints them.
const (
	phaseConnecting = "connecting"
	phaseRefresh    = "refresh"
	phasePersist    = "persist"
	phaseDown       = "down"
)

// sessionState is what others may know of the session.
type sessionState struct {
	phase string
	last  time.Time
	// stored is when a position was last stored, mentioned the number of entries of the running refresh.
	stored    time.Time
	mentioned int
	err       error
	// begun counts sessions; ended is the number of the last session whose refresh has ended.
	begun, ended uint64
	// url is the address that was reached, kind how it is followed.
	url, kind string
	// origin is what is written comes from.
	origin origin
	// reload is the fingerprint of what rejected its cookie: the next session with it begins without one.
	reload string
	// fallen is the same when it did so because the provider has fallen behind what it told before; rewound is set in the
	// session in which that is loaded anew, and makes its word count although it is older.
	fallen  string
	rewound bool
	// between is set from the end of a session that asks for the next one until a session fails. Until then what the phase
	// says holds.
	between bool
	// away is set when the last session did not end by our will.
	away bool
	// alarms are what a person should know of the provider.
	alarms []string
	// heard and taken count the messages that were read and written, renewals the sessions that were ended because they
	// seemed dead.
	heard, taken, renewals uint64
	// lag is how long the provider has been ahead, probed when it last answered a question.
	lag    time.Duration
	probed time.Time
	// refused is why the provider did not go on from the cookie, until that was made good.
	refused string
}

func (l *Listener) setSession(change func(*sessionState)) {
	l.mu.Lock()
	change(&l.session)
	l.mu.Unlock()
	l.news.send()
}

func (l *Listener) getSession() sessionState {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.session
}

// follow keeps a session open, whatever ends it.
func (l *Listener) follow(ctx context.Context) error {
	pause := l.cfg.Backoff()
	for {
		err := l.runSession(ctx, pause.Reset)
		switch {
		case ctx.Err() != nil:
			return nil
		case fatal(err):
			return err
		case errors.Is(err, errRestart):
			continue // somebody waits for it
		}
		delay := max(pause.NextBackOff(), 0)
		if again, ok := errors.AsType[*Again](err); ok {
			delay = again.After
			l.setSession(func(s *sessionState) { s.between = true })
		} else {
			l.failed(err)
			if slow, ok := errors.AsType[Delayer](err); ok {
				delay = max(delay, slow.Delay())
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(delay):
		case <-l.kick:
		}
	}
}

// failed tells why a session has ended, and remembers what follows from it for the next one.
func (l *Listener) failed(err error) {
	if before := l.getSession().err; before == nil || before.Error() != err.Error() {
		l.log.Warn("session ended", "op", "follow", "err", err)
	}
	l.cfg.Observer.Ended(err)
	l.setSession(func(s *sessionState) {
		s.phase, s.err, s.between, s.away = phaseDown, err, false, true
		if errors.Is(err, ErrCookie) {
			s.reload, s.refused = s.origin.fingerprint, err.Error()
		}
		if errors.Is(err, ErrRewound) {
			s.fallen = s.origin.fingerprint
		}
	})
	if errors.Is(err, ErrRewound) {
		l.alarm(err.Error() + "; everything is loaded anew")
	}
}

// maxAlarms bounds what the status says of one session.
const maxAlarms = 8

// alarm tells a person what the provider has done that it should not: in the log, and in the status until a session has gone
// without one.
func (l *Listener) alarm(text string) {
	l.setSession(func(s *sessionState) {
		if slices.Contains(s.alarms, text) || len(s.alarms) == maxAlarms {
			return
		}
		s.alarms = append(s.alarms, text)
		l.log.Warn("the directory is not to be trusted: "+text, "op", "follow")
	})
}

// runSession opens a session from the stored cookie and takes in its events until it ends, with an error always. One
// goroutine reads ahead, so that what arrives while a transaction runs is written together by the next.
func (l *Listener) runSession(ctx context.Context, connected func()) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	in, cookie, err := l.open(ctx)
	if err != nil {
		return err
	}
	in.connected = connected
	events := newAhead()
	var ended error
	var reader sync.WaitGroup
	reader.Go(func() {
		defer close(events.events)
		ended = l.read(ctx, cookie, events)
	})
	err = in.run(ctx, events)
	cancel()
	reader.Wait()
	if err == nil {
		err = ended // all that came before was taken in
	}
	if in.refresh != nil {
		l.cfg.Observer.Refreshed(Refresh{Entries: len(in.refresh.seen), Took: time.Since(in.refresh.begun), Err: err})
	}
	return err
}

func (l *Listener) read(ctx context.Context, cookie []byte, events *ahead) error {
	for event, err := range l.cfg.Source.Events(ctx, cookie) {
		if err != nil {
			return err
		}
		l.heard()
		if err := events.put(ctx, event); err != nil {
			return err
		}
	}
	return errNoEnd
}

// advanced notes that a position was stored.
func (l *Listener) advanced() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.session.stored = l.cfg.Now()
}

// mentioned notes how far a refresh is.
func (l *Listener) mentioned(entries int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.session.mentioned = entries
}

// took notes that messages were written, or that the session ends over them.
func (l *Listener) took(messages int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.session.taken += uint64(messages)
}

func (l *Listener) heard() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.session.last = l.cfg.Now()
	l.session.heard++
}
