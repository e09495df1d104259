package audit

import (
	"fmt"
	"time"
)

// Schedule says when audits begin by themselves: at a time of the day, or in intervals. The zero value is never.
type Schedule struct {
	// Daily says that At counts, the time since midnight; else Every.
	Daily bool
	At    time.Duration
	Every time.Duration
	// Jitter is how much later than that one may begin, so that many hosts do not ask one directory at once.
	Jitter time.Duration
}

// ParseSchedule reads "02:30", an interval such as "6h", or "never".
func ParseSchedule(text string) (Schedule, error) {
	if text == "never" || text == "" {
		return Schedule{}, nil
	}
	if at, err := time.Parse("15:04", text); err == nil {
		return Schedule{Daily: true, At: time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute}, nil
	}
	every, err := time.ParseDuration(text)
	if err != nil || every < time.Second {
		return Schedule{}, fmt.Errorf("%q is no time such as 02:30, no interval such as 6h, and not never", text)
	}
	return Schedule{Every: every}, nil
}

// Next returns when the audit after the last one begins, without the jitter; zero for never. last may be when the program
// began.
func (s Schedule) Next(last time.Time) time.Time {
	switch {
	case s.Daily:
		year, month, day := last.Date()
		hour, minute := int(s.At/time.Hour), int(s.At%time.Hour/time.Minute)
		next := time.Date(year, month, day, hour, minute, 0, 0, last.Location())
		if !next.After(last) {
			next = time.Date(year, month, day+1, hour, minute, 0, 0, last.Location())
		}
		return next
	case s.Every > 0:
		return last.Add(s.Every)
	default:
		return time.Time{}
	}
}
