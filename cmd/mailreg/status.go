package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/mailreg/mailreg/registry"
)

// glance bounds the question whether the daemon runs, for commands that have more to tell.
const glance = 5 * time.Second

// newRegistryStatusCommand is about the settings; that of the daemon has its own, so only whether it runs is told here.
func newRegistryStatusCommand(a *app) *cobra.Command {
	command := &cobra.Command{
		Use:   "status",
		Short: "Tell whether all settings are in force, and what waits otherwise",
		Long: `status lists pending service actions, an interrupted transaction, layer files that cannot be read,
generated files that were edited by hand, are gone or not up to date, the last transaction, and the
services. It reads only, and works when much else does not. Exit codes: 0 all is in force, 1 something
waits; whether the daemon runs does not count ("mailreg listener status" is about that).`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.status(c.Context()) },
	}
	jsonFlag(a, command)
	return command
}

// statusJSON is what status prints with --json.
type statusJSON struct {
	InForce     bool          `json:"in_force"`
	Pending     []pendingJSON `json:"pending"`
	Interrupted *time.Time    `json:"interrupted"`
	Broken      []string      `json:"broken"`
	Edited      []string      `json:"edited"`
	Gone        []string      `json:"gone"`
	Stale       []string      `json:"stale"`
	Unrendered  string        `json:"unrendered"`
	Last        *entryJSON    `json:"last"`
	Services    []serviceJSON `json:"services"`
	Daemon      daemonJSON    `json:"daemon"`
	Unseen      []string      `json:"unseen"`
}

type pendingJSON struct {
	Service string     `json:"service"`
	Unit    string     `json:"unit"`
	Action  string     `json:"action"`
	Since   *time.Time `json:"since"`
	Error   string     `json:"error"`
}

type serviceJSON struct {
	Name      string `json:"name"`
	Unit      string `json:"unit"`
	Enabled   bool   `json:"enabled"`
	Installed bool   `json:"installed"`
	Running   bool   `json:"running"`
	Version   string `json:"version"`
	// Files is the number of its files that were generated.
	Files int `json:"files"`
}

type daemonJSON struct {
	Running bool `json:"running"`
	// Ready is false for a daemon that is not in step with the directory.
	Ready bool   `json:"ready"`
	Error string `json:"error"`
	// Parked and Held are how many changes wait for a person.
	Parked int `json:"parked"`
	Held   int `json:"held"`
}

// status prints to the end whatever it meets; what could not be looked at is a warning.
func (a *app) status(ctx context.Context) error {
	s := a.registry().Status(ctx)
	out := statusToJSON(s)
	out.Daemon = a.daemonState(ctx)
	for _, err := range s.Unseen {
		a.warnf("%s", oneLine(err.Error()))
	}
	if a.json {
		if err := a.printJSON(out); err != nil {
			return err
		}
	} else {
		a.printStatus(out)
	}
	if !out.InForce {
		return exitError{code: exitFailed}
	}
	return nil
}

// daemonState asks the daemon of this root.
func (a *app) daemonState(ctx context.Context) daemonJSON {
	ctx, cancel := context.WithTimeoutCause(ctx, glance, fmt.Errorf("the daemon took longer than %s", glance))
	defer cancel()
	s, err := a.daemon().Status(ctx)
	if err != nil {
		return daemonJSON{Error: err.Error(), Running: ctx.Err() != nil} // one that is too busy to answer runs
	}
	state := daemonJSON{Running: true, Ready: s.Ready, Held: s.Held}
	for _, h := range s.Handlers {
		state.Parked += h.Parked
	}
	return state
}

func statusToJSON(s registry.Status) statusJSON {
	out := statusJSON{
		InForce: s.InForce(), Interrupted: timeOrNil(s.Interrupted), Pending: []pendingJSON{}, Services: []serviceJSON{},
		Broken: texts(s.Broken), Unseen: texts(s.Unseen),
		Edited: append([]string{}, s.Edited...), Gone: append([]string{}, s.Gone...), Stale: append([]string{}, s.Stale...),
	}
	for _, p := range s.Pending {
		out.Pending = append(out.Pending, pendingJSON{p.Service, p.Unit, p.Action, timeOrNil(p.Since), p.Error})
	}
	for _, service := range s.Services {
		out.Services = append(out.Services, serviceJSON(service))
	}
	if s.Unrendered != nil {
		out.Unrendered = s.Unrendered.Error()
	}
	if s.Last.ID != 0 {
		last := entryToJSON(s.Last, nil)
		out.Last = &last
	}
	return out
}

// texts are the messages of errors, each on one line, those that are several in one as several.
func texts(errs []error) []string {
	all := []string{}
	for _, err := range errs {
		if many, ok := err.(interface{ Unwrap() []error }); ok {
			all = append(all, texts(many.Unwrap())...)
		} else if !errors.Is(err, context.Canceled) {
			all = append(all, oneLine(err.Error()))
		}
	}
	return all
}

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// printStatus prints what waits first, each with the command that mends it.
func (a *app) printStatus(s statusJSON) {
	inForce := yesNo(s.InForce)
	if s.unknown() {
		inForce = "not known"
	}
	a.printf("In force: %s\n", inForce)
	for _, p := range s.Pending {
		a.printf("Pending: %s of %s%s\n", p.Action, p.name(), p.why())
	}
	if s.Interrupted != nil {
		a.printf("Interrupted: the transaction of %s waits to be finished (mailreg commit)\n", moment(*s.Interrupted))
	}
	for _, text := range s.Broken {
		a.printf("Broken: %s\n", text)
	}
	for _, list := range []struct {
		what, hint string
		paths      []string
	}{
		{"Edited", "by hand; mailreg diff shows it, mailreg commit replaces it and keeps a copy", s.Edited},
		{"Gone", "mailreg commit writes it", s.Gone},
		{"Not up to date", "mailreg commit writes it", s.Stale},
	} {
		for _, path := range list.paths {
			a.printf("%s: %s (%s)\n", list.what, path, list.hint)
		}
	}
	if s.Unrendered != "" {
		a.printf("Not rendered: %s\n", oneLine(s.Unrendered))
	}
	if s.Last != nil {
		a.printf("Last change: ")
		a.printEntry(*s.Last)
	}
	rows := [][]string{{"SERVICE", "FILES", "ENABLED", "INSTALLED", "RUNNING", "VERSION"}}
	for _, v := range s.Services {
		rows = append(rows, []string{v.Name, fmt.Sprint(v.Files), yesNo(v.Enabled), yesNo(v.Installed), yesNo(v.Running), v.Version})
	}
	a.table(rows)
	a.printf("Daemon: %s\n", s.Daemon)
	if s.Daemon.Parked > 0 {
		a.printf("Parked: %d (mailreg listener parked)\n", s.Daemon.Parked)
	}
	if s.Daemon.Held > 0 {
		a.printf("Held: %d (mailreg listener held)\n", s.Daemon.Held)
	}
}

// unknown reports whether all that was looked at is in force, and something could not be looked at.
func (s statusJSON) unknown() bool {
	waits := len(s.Pending) + len(s.Broken) + len(s.Edited) + len(s.Gone) + len(s.Stale)
	return len(s.Unseen) > 0 && waits == 0 && s.Interrupted == nil && s.Unrendered == ""
}

// String says whether the daemon runs.
func (d daemonJSON) String() string {
	switch {
	case d.Running && d.Ready:
		return "running, in step with the directory"
	case d.Running && d.Error == "":
		return "running, not in step with the directory (mailreg listener status)"
	case d.Running:
		return "running, but " + oneLine(d.Error)
	default:
		return "not running"
	}
}

func (p pendingJSON) name() string {
	if p.Unit == "" {
		return p.Service
	}
	return p.Unit
}

// why tells a failed action from one that nobody has tried.
func (p pendingJSON) why() string {
	if p.Since == nil {
		return ", not tried yet"
	}
	return fmt.Sprintf(", failed since %s: %s", moment(*p.Since), oneLine(p.Error))
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}
