package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/mailreg/mailreg/handlers/backend/dovecot"
	"github.com/mailreg/mailreg/handlers/quota"
	"github.com/mailreg/mailreg/registry/hook"
)

func newQuotaWarningCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "quota-warning PERCENT ADDRESS",
		Short: "Tell a user by mail that the mailbox is nearly full: Dovecot calls this",
		Long: `quota-warning puts a mail into the mailbox of a user, which may be full. Texts, languages and subject are
those of mail/dovecot/quota/warning. Dovecot calls it when a mailbox passes one of the percentages.`,
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error { return a.quotaWarning(c.Context(), args[0], args[1]) },
	}
}

func (a *app) quotaWarning(ctx context.Context, percent, user string) error {
	view, err := a.view()
	if err != nil {
		return err
	}
	warning, err := quota.Warning(view, user, percent, time.Now())
	if err != nil {
		return err
	}
	release := hook.NewDovecot(a.root).Version()
	return dovecot.Inject(ctx, a.root, release, warning)
}
