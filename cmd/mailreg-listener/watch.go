package main

import (
	"github.com/mailreg/mailreg/listener/audit"
	"github.com/mailreg/mailreg/listener/liveness"
	"github.com/mailreg/mailreg/registry"
)

// auditSchedule reads mailreg/audit/* anew for each question.
func auditSchedule(reg *registry.Registry) func() audit.Schedule {
	return func() audit.Schedule {
		view, err := reg.View()
		if err != nil && view == nil {
			return audit.Schedule{}
		}
		schedule, _ := audit.ParseSchedule(view.String("mailreg/audit/schedule")) // what does not fit its type is never
		schedule.Jitter = view.Duration("mailreg/audit/jitter")
		return schedule
	}
}

// livenessLimits reads mailreg/liveness/* anew for each look.
func livenessLimits(reg *registry.Registry) func() liveness.Limits {
	return func() liveness.Limits {
		view, err := reg.View()
		if err != nil && view == nil {
			return liveness.Limits{}
		}
		return liveness.Limits{
			Interval: view.Duration("mailreg/liveness/interval"),
			Stall:    view.Duration("mailreg/liveness/stall"),
			Idle:     view.Duration("mailreg/liveness/idle"),
		}
	}
}
