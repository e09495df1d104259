package main

import (
	"time"

	"github.com/mailreg/mailreg/listener/audit"
	"github.com/mailreg/mailreg/listener/liveness"
	"github.com/mailreg/mailreg/registry"
)

// live are the settings that are read anew for each question. What stands in for settings that cannot be read is their
// default.
type live struct{ reg *registry.Registry }

// view returns the settings, nil when there are none to be had.
func (l live) view() *registry.View {
	view, err := l.reg.View()
	if err != nil && view == nil {
		return nil
	}
	return view
}

// guard returns the limits of the brake.
func (l live) guard() (count, percent int) {
	if view := l.view(); view != nil {
		return int(view.Int("mailreg/guard/count")), int(view.Int("mailreg/guard/percent"))
	}
	return 20, 5
}

// readyLag returns how old work may be.
func (l live) readyLag() time.Duration {
	if view := l.view(); view != nil {
		return view.Duration("mailreg/ready/lag")
	}
	return time.Minute
}

// handlerTimeout returns how long a call may take. One that is none does not cut calls off.
func (l live) handlerTimeout() time.Duration {
	if view := l.view(); view != nil {
		return max(view.Duration("mailreg/handler/timeout"), time.Second)
	}
	return 10 * time.Minute
}

// audit returns when audits begin by themselves. What does not fit its type is never.
func (l live) audit() audit.Schedule {
	view := l.view()
	if view == nil {
		return audit.Schedule{}
	}
	schedule, _ := audit.ParseSchedule(view.String("mailreg/audit/schedule"))
	schedule.Jitter = view.Duration("mailreg/audit/jitter")
	return schedule
}

// liveness returns how a silent provider is told from a quiet one.
func (l live) liveness() liveness.Limits {
	view := l.view()
	if view == nil {
		return liveness.Limits{}
	}
	return liveness.Limits{
		Interval: view.Duration("mailreg/liveness/interval"),
		Stall:    view.Duration("mailreg/liveness/stall"),
		Idle:     view.Duration("mailreg/liveness/idle"),
	}
}
