package listener

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/listener/liveness"
	"github.com/mailreg/mailreg/schema"
)

// newWatched returns a rig in step with users 1 to n whose session is looked at every 10 s.
func newWatched(t *testing.T, n int) *rig {
	r := newStopped(t, n)
	r.config.Liveness = func() liveness.Limits {
		return liveness.Limits{Interval: 10 * time.Second, Stall: 30 * time.Second, Idle: 10 * time.Minute}
	}
	return r
}

func (r *rig) source() control.SourceStatus {
	r.t.Helper()
	status, err := r.Status(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	return status.Source
}

func TestSilentSessionIsEndedWhenTheProviderIsAhead(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newWatched(t, 2)
		r.pretend(nil, end(len(r.dir.log), false))
		r.start()
		pass(10 * time.Minute)
		if s := r.source(); s.Phase != phasePersist || s.Renewals != 0 || s.Lag != 0 || s.LastProbe.IsZero() || len(r.dir.sessions) != 1 {
			t.Fatalf("in step: %+v, sessions %q", s, r.dir.sessions)
		}
		r.dir.set(user(1, "new"))
		pass(25 * time.Second)
		if s := r.source(); s.Lag < 5 {
			t.Errorf("behind: %+v", s)
		}
		r.honest()
		pass(25 * time.Second)
		r.expect("change u1 a1 new")
		if s := r.source(); s.Renewals != 1 || s.Phase != phasePersist {
			t.Errorf("renewed: %+v", s)
		}
	})
}

func TestDeafProviderIsToldAndLeft(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newWatched(t, 2)
		r.pretend(nil, end(len(r.dir.log), false))
		r.start()
		r.dir.change(func() { r.dir.positionErr = errors.New("no answer") })
		r.dir.pretend = session(errCut) // nor does it serve others
		pass(50 * time.Second)
		if s := r.source(); s.Phase == phasePersist || s.Renewals != 1 {
			t.Errorf("deaf: %+v", s)
		}
		r.dir.change(func() { r.dir.positionErr = nil })
		r.honest()
		pass(2 * time.Minute)
		if s := r.source(); s.Phase != phasePersist {
			t.Errorf("healed: %+v", s)
		}
	})
}

func TestIdleSessionIsRenewedWithoutPositions(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newWatched(t, 2)
		r.dir.blank = true
		r.pretend(nil, end(len(r.dir.log), false))
		r.start()
		pass(9 * time.Minute)
		if len(r.dir.sessions) != 1 {
			t.Errorf("sessions %q", r.dir.sessions)
		}
		pass(2 * time.Minute)
		if len(r.dir.sessions) != 2 {
			t.Errorf("sessions %q", r.dir.sessions)
		}
	})
}

func TestPositionThatGoesBackAsksForAnAudit(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newWatched(t, 4)
		r.start()
		pass(time.Minute)
		r.dir.slip(dated(1, "restored", 1))
		r.dir.change(func() { r.dir.behind = 2 })
		pass(time.Minute)
		status, err := r.Status(t.Context())
		if err != nil || status.Audit == nil || !strings.Contains(status.Audit.Cause, "gone back") {
			t.Errorf("audit %+v, %v", status.Audit, err)
		}
	})
}

func TestProviderThatNeverBeginsToAnswerIsLeft(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newWatched(t, 2)
		r.pretend(nil)
		r.start()
		r.dir.change(func() { r.dir.pretend, r.dir.positionErr = nil, nil })
		pass(10 * time.Second)
		r.dir.change(func() { r.dir.positionErr = errors.New("no answer") })
		pass(50 * time.Second)
		if s := r.source(); s.Renewals != 1 {
			t.Errorf("deaf from the beginning: %+v", s)
		}
		r.dir.change(func() { r.dir.positionErr = nil })
		pass(time.Minute)
		if s := r.source(); s.Phase != phasePersist {
			t.Errorf("healed: %+v", s)
		}
	})
}

func TestRefreshThatFallsSilentIsEnded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newWatched(t, 2)
		r.pretend(nil, Event{Kind: Present, UUIDs: []schema.UUID{id(1)}})
		r.start()
		pass(9 * time.Minute)
		if s := r.source(); s.Renewals != 0 || s.Phase != phaseRefresh {
			t.Errorf("silent: %+v", s)
		}
		r.honest()
		pass(2 * time.Minute)
		if s := r.source(); s.Renewals != 1 || s.Phase != phasePersist {
			t.Errorf("given up: %+v", s)
		}
	})
}
