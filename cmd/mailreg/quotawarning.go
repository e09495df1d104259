package main

import (
	"context"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

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
		RunE: func(c *cobra.Command, args []string) error {
			if err := a.mayWarn(os.Stdin); err != nil {
				return err
			}
			return a.quotaWarning(c.Context(), args[0], args[1])
		},
	}
}

// mayWarn refuses whoever is neither root nor the mail user, as whom Dovecot opens mailboxes. Dovecot's service hands us the
// connection as standard input. Where the mail user is a number without a name, that socket is open to everybody.
func (a *app) mayWarn(from *os.File) error {
	peer, err := unix.GetsockoptUcred(int(from.Fd()), unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return nil // no socket: a person's command line
	}
	if peer.Uid == 0 || peer.Uid == uint32(os.Geteuid()) {
		return nil
	}
	view, err := a.view()
	if err != nil {
		return err
	}
	account := view.String("mail/dovecot/location/uid")
	if u, err := user.Lookup(account); err == nil {
		account = u.Uid
	}
	if strconv.FormatUint(uint64(peer.Uid), 10) != account {
		return fmt.Errorf("quota-warning: account %d is not the mail user (mail/dovecot/location/uid)", peer.Uid)
	}
	return nil
}

func (a *app) quotaWarning(ctx context.Context, percent, address string) error {
	view, err := a.view()
	if err != nil {
		return err
	}
	warning, err := quota.Warning(view, address, percent, time.Now())
	if err != nil {
		return err
	}
	release := hook.NewDovecot(a.root).Version()
	return dovecot.Inject(ctx, a.root, release, warning)
}
