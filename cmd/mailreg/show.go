package main

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/mailreg/mailreg/cmd/mailreg/screen"
	"github.com/mailreg/mailreg/listener/control"
)

// table prints rows in columns; the first row is the heading.
func (a *app) table(rows [][]string) {
	w := tabwriter.NewWriter(a.stdout, 0, 8, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	w.Flush()
}

// showStatus prints the state.
func (a *app) showStatus(s control.Status) {
	for _, line := range screen.Status(s, time.Now()) {
		a.printf("%s\n", line.Text)
	}
}

// showParked prints nothing when there is nothing, so that wait is silent when all is well. What several handlers say of an
// entry in the same words stands there once.
func (a *app) showParked(parked []control.Parked) {
	for _, same := range alike(parked) {
		p, attempts := same[0], 0
		var ids, handlers []string
		for _, one := range same {
			ids, handlers, attempts = append(ids, one.ID), append(handlers, one.Handler), max(attempts, one.Attempts)
		}
		a.printf("Parked: %s %s since %s, %s\n", strings.Join(ids, ","), strings.Join(handlers, ","), moment(p.Since), counted(attempts, "attempt", "attempts"))
		a.printf("  %s\n  %s\n", oneLine(p.DN), oneLine(strings.TrimPrefix(p.Reason, p.DN+": ")))
	}
}

// alike groups what is parked by entry and reason, in the order of the first of each group.
func alike(parked []control.Parked) (groups [][]control.Parked) {
	type key struct{ dn, reason string }
	at := map[key]int{}
	for _, p := range parked {
		k := key{p.DN, p.Reason}
		if i, ok := at[k]; ok {
			groups[i] = append(groups[i], p)
			continue
		}
		at[k] = len(groups)
		groups = append(groups, []control.Parked{p})
	}
	return groups
}

// showPlanned prints a line for each change, with what would be done below it. Their number is for people and goes to stderr.
func (a *app) showPlanned(planned []control.Planned) {
	for _, p := range planned {
		takes := ""
		if p.Takes {
			takes = " (takes mail away)"
		}
		a.printf("Planned: %s %s %s %s%s\n", p.Handler, p.Op, p.UUID, oneLine(p.DN), takes)
		for _, step := range p.Steps {
			a.printf("  %s\n", oneLine(step))
		}
		if p.Reason != "" {
			a.printf("  %s\n", oneLine(p.Reason))
		}
	}
	fmt.Fprintln(a.stderr, counted(len(planned), "change", "changes"))
}

// showHeld lists the entries of each batch: whoever approves must see whom it concerns.
func (a *app) showHeld(held []control.Held) {
	for _, h := range held {
		a.printf("Held: %s %s since %s, %s\n", h.ID, h.Handler, moment(h.Since), counted(h.Count, "entry", "entries"))
		a.printf("  %s\n", oneLine(h.Reason))
		for _, entry := range h.Entries {
			waits := ""
			if entry.Waits {
				waits = " (waits for another)"
			}
			a.printf("  %s %s%s\n", entry.UUID, oneLine(entry.DN), waits)
		}
		a.printf("  let them happen: mailreg listener approve %s; keep the stores: mailreg listener reject %s\n", h.ID, h.ID)
	}
}

// counted prints a number with the noun that goes with it.
func counted(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

// moment prints a time in UTC to the second, "never" for none.
func moment(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.UTC().Format(time.RFC3339)
}
