package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mailreg/mailreg/listener/control"
)

// newAuditCommand waits until the audit is over, however long that takes.
func newAuditCommand(a *app) *cobra.Command {
	request := control.AuditRequest{Cause: "command line"}
	command := &cobra.Command{
		Use:   "audit",
		Short: "Compare the replica with the whole directory and repair it",
		Long: `audit lists the whole directory and compares identity, name and time of change of each entry with the
replica. What differs is looked up one by one and brought in like any other change, so that nothing is
taken away unverified or past the brake. The daemon does so by itself as mailreg/audit/schedule says,
and when it has a reason to doubt its replica.`,
		Args: cobra.NoArgs,
	}
	command.Flags().BoolVar(&request.DryRun, "dry-run", false, "only tell what differs")
	return askLong(a, command, func(ctx context.Context, api control.API, _ []string) (control.AuditReport, error) {
		return api.Audit(ctx, request)
	}, a.showAudit)
}

// showAudit prints the differences with the numbers behind them.
func (a *app) showAudit(r control.AuditReport) {
	for _, d := range r.Examples {
		a.printf("Differs: %s %s (%s)\n", d.UUID, oneLine(d.DN), d.Kind)
	}
	if left := r.Drift - len(r.Examples); left > 0 {
		a.printf("Differs: %d more\n", left)
	}
	if r.Suspicion != "" {
		a.printf("Note: %s\n", oneLine(r.Suspicion))
	}
	if r.Reload {
		a.printf("Note: the whole directory is loaded anew\n")
	}
	a.printf("Audit: %s, %s, %d repaired\n", counted(r.Entries, "entry", "entries"), counted(r.Drift, "difference", "differences"), r.Repaired)
}

// selectionFlags add the flags that pick entries.
func selectionFlags(command *cobra.Command, s *control.Selection) {
	flags := command.Flags()
	flags.StringVar(&s.DN, "dn", "", "only the entry named `DN`")
	flags.StringVar(&s.Below, "below", "", "only the entry named `DN` and what lies below it")
	flags.StringVar(&s.UUID, "uuid", "", "only the entry with this `UUID`")
	flags.StringVar(&s.Address, "address", "", "only the entries with this mail `ADDRESS`")
}

// errNothingSelected is for a typing error that must not pass for "all is the same".
var errNothingSelected = errors.New("no handler has to do with an entry like that: mailreg explain ADDRESS|UUID|DN tells what is known of one")

// newResyncCommand without a selection has the handler look at everything again; it is safe, for handlers are idempotent.
func newResyncCommand(a *app) *cobra.Command {
	var request control.ResyncRequest
	var all, noWait bool
	command := &cobra.Command{
		Use:   "resync HANDLER|--all",
		Short: "Have a handler apply entries again: all, or the selected ones",
		Args:  cobra.MaximumNArgs(1),
	}
	selectionFlags(command, &request.Selection)
	flags := command.Flags()
	flags.BoolVar(&all, "all", false, "all handlers")
	flags.BoolVar(&request.Reload, "reload", false, "read the selected entries from the directory first")
	flags.BoolVar(&request.DryRun, "dry-run", false, "print what would be applied again and do nothing")
	flags.BoolVar(&noWait, "no-wait", false, "do not show the progress on a terminal")
	command.RunE = func(c *cobra.Command, args []string) error {
		if all == (len(args) == 1) {
			return usagef("name one handler, or give --all")
		}
		request.Handler = strings.Join(args, "")
		result, err := a.daemon().Resync(c.Context(), request)
		if err != nil {
			return err
		}
		if len(result.Entries) == 0 && request.Selection != (control.Selection{}) {
			return errNothingSelected
		}
		if a.json {
			return a.printJSON(result)
		}
		if terminal := a.terminal(); terminal != nil && !noWait && !request.DryRun {
			return a.followResync(c.Context(), terminal, result)
		}
		a.showResync(result)
		return nil
	}
	jsonFlag(a, command)
	return command
}

// showResync prints the entries that are applied again, and for what. Their number is for people and goes to stderr.
func (a *app) showResync(r control.ResyncResult) {
	effects := map[string][]string{}
	for _, e := range r.Effects {
		text := e.Handler + ": " + e.Op
		if e.Takes {
			text += ", takes mail away"
		}
		effects[e.UUID.String()] = append(effects[e.UUID.String()], text)
	}
	for _, entry := range r.Entries {
		what := ""
		if list := effects[entry.UUID.String()]; len(list) > 0 {
			what = " (" + strings.Join(list, "; ") + ")"
		}
		a.printf("Resync: %s %s%s\n", entry.UUID, oneLine(entry.DN), what)
	}
	fmt.Fprintln(a.stderr, counted(len(r.Entries), "entry", "entries"))
}

// followResync shows on a terminal how far a resync is, until nothing of it is left but what waits for a person.
func (a *app) followResync(ctx context.Context, terminal io.Writer, r control.ResyncResult) error {
	total, begun := len(r.Effects), time.Now()
	defer fmt.Fprintln(terminal)
	for {
		p, err := a.daemon().Progress(ctx, control.ProgressRequest{From: r.From, To: r.To})
		if err != nil {
			return err
		}
		bar := progressBar(total-p.Left, total, time.Since(begun))
		if p.Reason != "" {
			bar += ": " + oneLine(p.Reason)
		}
		fmt.Fprintf(terminal, "\r%s\x1b[K", bar)
		if p.Left == 0 {
			if p.Waiting > 0 {
				fmt.Fprintf(terminal, "\n%d wait for a person (mailreg listener parked, mailreg listener held)", p.Waiting)
			}
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// progressBar draws how much is done, in 60 columns.
func progressBar(done, total int, took time.Duration) string {
	const width = 30
	filled := width
	if total > 0 {
		filled = width * done / total
	}
	rate := 0.0
	if took > 0 {
		rate = float64(done) / took.Seconds()
	}
	return fmt.Sprintf("[%s%s] %d/%d, %.0f/s", strings.Repeat("#", filled), strings.Repeat(".", width-filled), done, total, rate)
}

// newCompareCommand keeps to the exit codes of diff(1), where 1 says that there is a difference and 2 that something failed.
func newCompareCommand(a *app) *cobra.Command {
	var request control.DiffRequest
	command := &cobra.Command{
		Use:   "diff [HANDLER]",
		Short: "Compare the directory, the replica, what handlers have done, and the mail server",
		Long: `diff prints every entry that is not the same in the directory, in the replica, in what the handler has
acknowledged, and on the mail server, with the reason where one is known, and what the mail server has
that belongs to no entry. --repair has the handlers put right what differs on the mail server; nothing is
destroyed by that, stores that belong to nobody go to the trash where mail of deleted users does. What
differs from the directory is for listener audit. Exit codes: 0 all is the same, 1 something differs, 2 it
could not be compared.`,
		Args: cobra.MaximumNArgs(1),
	}
	selectionFlags(command, &request.Selection)
	command.Flags().BoolVar(&request.Repair, "repair", false, "put right what differs on the mail server")
	command.RunE = func(c *cobra.Command, args []string) error {
		request.Handler = strings.Join(args, "")
		result, err := a.daemon().Diff(c.Context(), request)
		if err == nil && result.Checked+len(result.Entries) == 0 && request.Selection != (control.Selection{}) {
			err = errNothingSelected
		}
		if err != nil {
			return exitError{exitUsage, err} // 2 is "trouble" here
		}
		if a.json {
			if err := a.printJSON(result); err != nil {
				return exitError{exitUsage, err}
			}
		} else {
			a.showDiff(result)
		}
		if len(result.Entries) > 0 {
			return exitError{code: exitFailed}
		}
		return nil
	}
	jsonFlag(a, command)
	return command
}

// showDiff prints four columns for each entry that differs, with reasons below.
func (a *app) showDiff(r control.DiffResult) {
	rows := [][]string{{"ENTRY", "HANDLER", "DIRECTORY", "ACKNOWLEDGED", "SERVER"}}
	for _, e := range r.Entries {
		server := "same"
		switch {
		case e.Error != "":
			server = oneLine(e.Error)
		case len(e.Server) > 0:
			var list []string
			for _, d := range e.Server {
				list = append(list, fmt.Sprintf("%s: want %q, have %q", d.What, d.Want, d.Have))
			}
			server = strings.Join(list, "; ")
		}
		acknowledged := e.Acknowledged
		if e.Reason != "" {
			acknowledged += " (" + oneLine(e.Reason) + ")"
		}
		name := oneLine(e.DN)
		if name == "" {
			name = cmp.Or(uuidText(e.UUID), "-")
		}
		rows = append(rows, []string{name, e.Handler, e.Directory, acknowledged, server})
	}
	if len(r.Entries) > 0 {
		a.table(rows)
	}
	fmt.Fprintf(a.stderr, "%s of %d\n", counted(len(r.Entries), "difference", "differences"), r.Checked)
	if r.Repairing > 0 {
		fmt.Fprintf(a.stderr, "%s under repair: mailreg listener wait returns when that is done\n", counted(r.Repairing, "entry", "entries"))
	}
}
