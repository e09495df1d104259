package main

import (
	"context"

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
