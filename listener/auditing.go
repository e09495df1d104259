package listener

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/listener/store"
)

const (
	// auditAgain is how long after a failure an audit is tried again.
	auditAgain = 10 * time.Minute
	// auditRest is what lies between a suspicion and its audit: renames come in bursts.
	auditRest = 2 * time.Second
)

// suspect says that the replica may not be what the directory is, so that an audit begins.
func (l *Listener) suspect(reason string) {
	l.log.Info("the replica may differ from the directory", "op", "audit", "err", reason)
	select {
	case l.suspicions <- reason:
	default: // an audit is to begin already
	}
}

// suspectMemory says that the provider may have forgotten deletions. A slapd that was killed before its last checkpoint takes
// the session log of its new life for the whole story since the stored contextCSN: it answers an older cookie by what was
// deleted since its start, and says nothing of what had gone before. Nothing in the session tells; only a comparison does.
func (l *Listener) suspectMemory() {
	select {
	case l.resumed <- struct{}{}:
	default: // an audit is to begin already
	}
}

// audits begins audits: by the clock, and when there is a suspicion.
func (l *Listener) audits(ctx context.Context) error {
	if _, ok := l.cfg.Probe.(Scanner); !ok {
		return nil
	}
	last := l.cfg.Now()
	_ = l.store.View(func(tx *store.Tx) error { // unreadable: as if this were the first start
		if r := lastAudit(tx); r != nil && r.Began.Before(last) {
			last = r.Began.Time
		}
		return nil
	})
	share, again := rand.Float64(), time.Time{}
	var compared time.Time // because of resumptions; connections that break all the time bring one in each auditAgain
	for {
		cause := ""
		alarm := time.NewTimer(l.untilAudit(last, again, share))
		select {
		case <-ctx.Done():
			alarm.Stop()
			return nil
		case cause = <-l.suspicions:
			if !lull(ctx, auditRest) {
				return nil
			}
		case <-l.resumed:
			if rest := auditAgain - time.Since(compared); !compared.IsZero() && rest > 0 {
				again = l.cfg.Now().Add(rest)
				continue
			}
			compared, cause = time.Now(), "the directory server may have been started anew since the cookie was given"
			if !lull(ctx, auditRest) {
				return nil
			}
		case <-alarm.C:
			if l.untilAudit(last, again, share) > 0 {
				continue // the clock or the settings may have changed
			}
			cause = "scheduled"
		}
		alarm.Stop()
		_, err := l.audit(ctx, control.AuditRequest{Cause: cause})
		last, again, share = l.cfg.Now(), time.Time{}, rand.Float64()
		if err != nil {
			again = last.Add(auditAgain)
		}
	}
}

// lull waits, and reports whether it was to the end.
func lull(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// untilAudit returns how long to sleep before the next audit by the clock; a part of it when that is far away, because
// settings may change meanwhile.
func (l *Listener) untilAudit(last, again time.Time, share float64) time.Duration {
	schedule := l.cfg.Audit()
	next := schedule.Next(last)
	if !next.IsZero() {
		next = next.Add(time.Duration(share * float64(schedule.Jitter)))
	}
	if !again.IsZero() && (next.IsZero() || again.Before(next)) {
		next = again
	}
	if next.IsZero() {
		return auditAgain
	}
	return min(max(next.Sub(l.cfg.Now()), 0), auditAgain)
}

// auditNotes says what a person should know of the last audit.
func auditNotes(r *control.AuditReport) (notes []string) {
	if r == nil {
		return nil
	}
	if r.Error != "" {
		notes = append(notes, "the last audit, of "+r.Began.Format(time.DateTime)+", was not carried through: "+r.Error)
	}
	if r.Drift > 0 {
		notes = append(notes, fmt.Sprintf("the last audit, of %s, found %d differences from the directory and repaired %d",
			r.Began.Format(time.DateTime), r.Drift, r.Repaired))
	}
	if r.Suspicion != "" {
		notes = append(notes, r.Suspicion)
	}
	return notes
}
