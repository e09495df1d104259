// Package screen lays out the daemon's state for people: as lines of text, and as a picture on a terminal that is drawn again
// and again.
package screen

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/schema/plain"
)

// Line is a line of text with its mood.
type Line struct {
	Text string
	Mood Mood
}

// Mood is how a line is meant; a terminal shows it by a colour.
type Mood int

// The moods.
const (
	Neutral Mood = iota
	Good
	Bad
	Heading
	Quiet
)

// Status lays out the state as seen at a time: what is wrong first, since that is what one looks for, and with what waits
// for a person the command that tells more.
func Status(s control.Status, now time.Time) []Line {
	ready := Line{"Ready: yes", Good}
	if !s.Ready {
		ready = Line{"Ready: no", Bad}
	}
	lines := []Line{ready}
	add := func(mood Mood, format string, args ...any) {
		lines = append(lines, Line{plain.Line(fmt.Sprintf(format, args...)), mood})
	}
	for _, reason := range s.Reasons {
		add(Bad, "  %s", reason)
	}
	for _, note := range s.Notes {
		add(Neutral, "Note: %s", note)
	}
	add(Neutral, "Source: %s %s, %s, last message %s", s.Source.Kind, s.Source.URL, phase(s.Source), Ago(s.Source.LastMessage.Time, now))
	if s.Source.Lag >= 1 {
		add(Bad, "  behind the directory for %s", Rough(time.Duration(s.Source.Lag*float64(time.Second))))
	}
	if s.Source.LastError != "" && !slices.ContainsFunc(s.Reasons, func(r string) bool { return strings.Contains(r, s.Source.LastError) }) {
		add(Bad, "  last session: %s", s.Source.LastError)
	}
	add(Neutral, "Entries: %d", s.Entries)
	if s.Audit != nil {
		add(Neutral, "Last audit: %s, differences: %d of %d", Ago(s.Audit.Began.Time, now), s.Audit.Drift, s.Audit.Entries)
	}
	parked := 0
	for _, h := range s.Handlers {
		parked += h.Parked
	}
	lines = append(lines, waits("Parked", parked), waits("Held", s.Held))
	return append(lines, handlers(s.Handlers, now)...)
}

// waits tells how much waits for a person, and where to see it.
func waits(what string, n int) Line {
	text := fmt.Sprintf("%s: %d", what, n)
	if n == 0 {
		return Line{Text: text}
	}
	return Line{text + " (mailreg listener " + strings.ToLower(what) + ")", Bad}
}

// phase tells the phase of a session, and how far a refresh is.
func phase(s control.SourceStatus) string {
	if s.RefreshEntries > 0 {
		return fmt.Sprintf("%s (%d entries so far)", s.Phase, s.RefreshEntries)
	}
	return s.Phase
}

// handlers lays out the handlers as a table, each with its last error below it.
func handlers(all []control.HandlerStatus, now time.Time) []Line {
	rows := [][]string{{"HANDLER", "PENDING", "RUNNING", "RETRYING", "PARKED", "HELD", "OLDEST", "LAST SUCCESS"}}
	for _, h := range all {
		oldest := "-"
		if !h.Oldest.IsZero() {
			oldest = Rough(now.Sub(h.Oldest.Time))
		}
		name := h.Name
		if !h.Paused.IsZero() {
			name += " (paused)"
		}
		row := []string{name}
		for _, n := range []int{h.Pending, h.Running, h.Retrying, h.Parked, h.Held} {
			row = append(row, strconv.Itoa(n))
		}
		rows = append(rows, append(row, oldest, Ago(h.LastSuccess.Time, now)))
	}
	texts := Table(rows, 1, 6)
	lines := []Line{{Mood: Neutral}, {texts[0], Heading}}
	for i, h := range all {
		mood := Neutral
		if h.Parked+h.Held > 0 || h.Retrying > 0 {
			mood = Bad
		}
		lines = append(lines, Line{texts[i+1], mood})
		for _, t := range h.Targets {
			lines = append(lines, Line{plain.Line(fmt.Sprintf("  down for %s, %d waiting: %s", Rough(now.Sub(t.Since.Time)), t.Waiting, t.Reason)), Bad})
		}
		if h.LastError != "" {
			lines = append(lines, Line{plain.Line(fmt.Sprintf("  last error %s: %s", Ago(h.LastErrorAt.Time, now), h.LastError)), Quiet})
		}
	}
	return lines
}

// Table lays out rows in columns of equal width, those from the first number up to before the second to the right.
func Table(rows [][]string, from, to int) []string {
	var width []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(width) {
				width = append(width, 0)
			}
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	var lines []string
	for _, row := range rows {
		var b strings.Builder
		for i, cell := range row {
			pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell))
			if from <= i && i < to {
				cell, pad = pad+cell, ""
			}
			b.WriteString(cell + pad + "  ")
		}
		lines = append(lines, strings.TrimRight(b.String(), " "))
	}
	return lines
}

// Ago says how long ago a time was: within a day by a number, before that by the date; "never" for none.
func Ago(t, now time.Time) string {
	switch d := now.Sub(t); {
	case t.IsZero():
		return "never"
	case d >= 24*time.Hour:
		return t.UTC().Format(time.RFC3339)
	case d < time.Second:
		return "now"
	default:
		return Rough(d) + " ago"
	}
}

// Rough prints a duration by its largest unit.
func Rough(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d d", int(d.Hours()/24))
	case d >= time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	case d >= time.Minute:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	default:
		return fmt.Sprintf("%d s", max(0, int(d.Seconds())))
	}
}
