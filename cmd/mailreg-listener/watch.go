package main

import (
	"github.com/mailreg/mailreg/listener/audit"
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
