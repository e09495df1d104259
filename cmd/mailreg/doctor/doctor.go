// Package doctor looks for what is wrong with a mail host, or soon will be, and says what to do about it.
//
// Gather takes a snapshot of settings, files, servers and the daemon; it changes nothing and goes on whatever is broken. The
// checks are functions from the snapshot to findings, without I/O, listed in checks().
package doctor

import (
	"cmp"
	"fmt"
	"slices"
)

// Level is how bad a finding is.
type Level string

// The levels of findings.
const (
	// OK is nothing to worry about.
	OK Level = "ok"
	// Warning is what works, but may not do what is wanted, or not for long.
	Warning Level = "warning"
	// Problem is what does not work.
	Problem Level = "problem"
)

// Finding is the result of a check: one without anything to say is OK.
type Finding struct {
	// Check is the name of the check, Level how bad it is.
	Check string `json:"check"`
	Level Level  `json:"level"`
	// Message says what was found, Do what to do about it ("" when nothing is to be done).
	Message string `json:"message"`
	Do      string `json:"do"`
	// LDIF is what the directory's administrator can apply to mend it, "" when there is no such thing.
	LDIF string `json:"ldif,omitempty"`
}

// check is one check. fine is what it says when it finds nothing. What it needs is left out of the snapshot when it could
// not be gathered; then it is not called.
type check struct {
	name, fine string
	needs      need
	look       func(*Snapshot) []Finding
}

// need is what a check cannot do without.
type need int

const (
	nothing  need = iota
	theState      // which only root may see
	theSettings
	theDaemon // and the settings
)

// checks are all checks in the order in which they are printed: from what everything depends on to what depends on it.
func checks() []check {
	return []check{
		{"layers", "all layers and declarations can be read", nothing, layers},
		{"necessary", "what is necessary is set", theSettings, necessary},
		{"values", "all values fit their types", theSettings, values},
		{"conflicts", "all variables fit each other", theSettings, conflicts},
		{"names", "all variables are declared", theSettings, names},
		{"ldap-layer", "layer ldap sets nothing that is local to this host", theSettings, localKeys},
		{"permissions", "settings and secrets are closed to others", nothing, permissions},
		{"directory-password", "no password for the directory is missing", theSettings, directoryPassword},
		{"certificates", "certificates are valid and fit their keys", theSettings, certificates},
		{"ca-files", "the CA certificates are there", theSettings, caFiles},
		{"commit", "no transaction waits to be finished, no service to be told", theState, commit},
		{"files", "generated files are as they were written, and up to date", theState, files},
		{"local-files", "no parameter is set twice", nothing, twice},
		{"services", "what runs uses the generated files", theState, services},
		{"descriptors", "servers may open as many files as they are set up for", theSettings, descriptors},
		{"spool", "the spool is where it was", nothing, spool},
		{"layout", "no store is named by its address", theSettings, layout},
		{"backend", "nothing else serves the spool", nothing, backend},
		{"network-disk", "no spool lies on a network file system that its server does not expect", theSettings, networkDisks},
		{"disk", "there is room on the disks", nothing, disks},
		{"daemon", "the daemon is in step with the directory", nothing, daemon},
		{"directory", "the directory server can be followed well", theDaemon, directory},
		{"addresses", "no address belongs to two entries, and all their domains are hosted", theDaemon, addresses},
	}
}

// Examine returns the findings of all checks, at least one for each.
func Examine(s *Snapshot) []Finding {
	var all []Finding
	for _, c := range checks() {
		var found []Finding
		switch {
		case c.needs >= theSettings && s.View == nil:
			found = []Finding{fine("not looked at without the settings")}
		case c.needs == theDaemon && s.Daemon.Err != nil:
			found = []Finding{fine("not looked at without the daemon")}
		default:
			found = c.look(s)
		}
		if len(found) == 0 && c.needs == theState && len(s.Status.Unseen) > 0 {
			found = []Finding{fine("not looked at as a whole: see layers")}
		}
		if len(found) == 0 {
			found = []Finding{fine("%s", c.fine)}
		}
		for _, f := range found {
			f.Check = c.name
			all = append(all, f)
		}
	}
	return all
}

// Worst returns the level of the worst finding.
func Worst(findings []Finding) Level {
	weight := map[Level]int{OK: 0, Warning: 1, Problem: 2}
	if len(findings) == 0 {
		return OK
	}
	return slices.MaxFunc(findings, func(a, b Finding) int { return cmp.Compare(weight[a.Level], weight[b.Level]) }).Level
}

// problem and warning make findings; do is what to do.
func problem(do, format string, args ...any) Finding {
	return Finding{Level: Problem, Message: fmt.Sprintf(format, args...), Do: do}
}

func warning(do, format string, args ...any) Finding {
	return Finding{Level: Warning, Message: fmt.Sprintf(format, args...), Do: do}
}

// fine is a finding that is worth a line of its own although nothing is wrong.
func fine(format string, args ...any) Finding {
	return Finding{Level: OK, Message: fmt.Sprintf(format, args...)}
}
