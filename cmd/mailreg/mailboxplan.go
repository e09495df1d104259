package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/mailreg/mailreg/handlers/mailbox"
	"github.com/mailreg/mailreg/listener/control"
)

// newMailboxPlanCommand is listener planned for those who have a mailbox in mind.
func newMailboxPlanCommand(a *app) *cobra.Command {
	command := &cobra.Command{
		Use:   "plan [ADDRESS]",
		Short: "Tell what will be done to stores: made, moved, set aside, adopted",
		Long: `plan prints what the daemon has yet to do for mailboxes and shared folders, in the order of its handlers, and
changes nothing. In staging (mailreg/mode) that is what would be done, such as the adoption of the stores
that a spool holds already. An address picks its entry.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return a.mailboxPlan(c.Context(), args) },
	}
	jsonFlag(a, command)
	return command
}

// mailboxPlan picks by UUID, for the address that is planned for an entry is not in a plan.
func (a *app) mailboxPlan(ctx context.Context, args []string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, askLimit, fmt.Errorf("the daemon took longer than %s", askLimit))
	defer cancel()
	planned, err := a.daemon().Planned(ctx)
	if err != nil {
		return err
	}
	planned = slices.DeleteFunc(planned, func(p control.Planned) bool { return p.Handler != mailbox.Name && p.Handler != folderHandler })
	if len(args) == 1 {
		selection, err := selectionOf(args[0])
		if err != nil {
			return err
		}
		known, err := a.daemon().Explain(ctx, selection)
		if err != nil {
			return err
		}
		planned = slices.DeleteFunc(planned, func(p control.Planned) bool {
			return !slices.ContainsFunc(known, func(x control.Explanation) bool { return x.Entry.UUID == p.UUID })
		})
	}
	if a.json {
		return a.printJSON(planned)
	}
	a.showPlanned(planned)
	return nil
}

// folderHandler is the handler of shared folders.
const folderHandler = "folder"
