// Package liveness judges whether a session with a directory is alive: a peer that is gone without a word, stopped, or cut off
// by something in between looks like one in which nothing happens. It does no I/O and keeps no clock.
package liveness

import "time"

// Limits say how long what may last (mailreg/liveness/*).
type Limits struct {
	// Interval lies between two looks; zero means that nobody looks.
	Interval time.Duration
	// Stall is how long the provider may be ahead without a message, or not answer at all.
	Stall time.Duration
	// Idle is how long a session may be silent when nobody can tell whether the provider is ahead.
	Idle time.Duration
}

// maxPatience bounds by how much a provider whose position moves without messages is looked at less often.
const maxPatience = 8

// Look is what one look has shown.
type Look struct {
	// Now is when, by a clock that nobody sets.
	Now time.Time
	// Session numbers the session, Heard the messages of all sessions.
	Session, Heard uint64
	// Answered says that the provider has answered a question of ours, Known that its position can be compared with ours,
	// and Covered that it is not ahead.
	Answered, Known, Covered bool
}

// Verdict is what is to be done.
type Verdict int

// The verdicts.
const (
	// Fine: nothing.
	Fine Verdict = iota
	// Stalled: the provider is ahead and sends nothing.
	Stalled
	// Deaf: the provider does not answer.
	Deaf
	// Idle: nobody can tell; the session is to be renewed.
	Idle
)

// Watch remembers former looks. The zero value is ready.
type Watch struct {
	session, heard uint64
	// last is when something was heard, behind and deaf since when that lasts.
	last, behind, deaf time.Time
	// patience grows while renewals bring nothing.
	patience int
}

// Judge takes in a look.
func (w *Watch) Judge(l Look, limits Limits) Verdict {
	switch {
	case l.Session != w.session:
		*w = Watch{session: l.Session, heard: l.Heard, last: l.Now, patience: max(w.patience, 1)}
	case l.Heard != w.heard:
		w.heard, w.last, w.behind, w.deaf = l.Heard, l.Now, time.Time{}, time.Time{}
		w.patience = 1
	}
	switch {
	case !l.Answered:
		return w.lasts(&w.deaf, l.Now, limits.Stall, Deaf)
	case l.Known && l.Covered:
		w.behind, w.deaf = time.Time{}, time.Time{}
	case l.Known:
		w.deaf = time.Time{}
		verdict := w.lasts(&w.behind, l.Now, limits.Stall*time.Duration(w.patience), Stalled)
		if verdict == Stalled {
			w.patience = min(2*w.patience, maxPatience)
		}
		return verdict
	case limits.Idle > 0 && l.Now.Sub(w.last) >= limits.Idle:
		w.last, w.deaf = l.Now, time.Time{}
		return Idle
	default:
		w.deaf = time.Time{}
	}
	return Fine
}

// lasts notes since when something lasts, and returns the verdict once that is too long.
func (w *Watch) lasts(since *time.Time, now time.Time, limit time.Duration, verdict Verdict) Verdict {
	if since.IsZero() {
		*since = now
	}
	if now.Sub(*since) < limit {
		return Fine
	}
	*since = time.Time{}
	return verdict
}

// Lag is how long the provider has been ahead.
func (w *Watch) Lag(now time.Time) time.Duration {
	if w.behind.IsZero() {
		return 0
	}
	return now.Sub(w.behind)
}
