package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/listener/control"
)

func newMailboxListCommand(a *app) *cobra.Command {
	var pick listed
	command := &cobra.Command{
		Use:   "list",
		Short: "List the stores in place and their owners",
		Long: `list prints every store of this host. State is live, orphan when no directory entry reaches the store
from this host, or unmarked when nobody knows its owner. Without the daemon no store is known as orphan.
--usage reads each store for its messages and bytes, for when mail came or went last and when its user
logged in last. --orphans lists only those that no mail reaches any more, with the time since when they
have not been used.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.mailboxList(c.Context(), pick) },
	}
	command.Flags().BoolVar(&pick.usage, "usage", false, "read what each store holds and when it was used last")
	command.Flags().BoolVar(&pick.orphans, "orphans", false, "only stores that no mail reaches")
	jsonFlag(a, command)
	return command
}

// listed says what mailbox list prints.
type listed struct{ usage, orphans bool }

func (a *app) mailboxList(ctx context.Context, pick listed) error {
	spool, err := a.spool()
	if err != nil {
		return err
	}
	owners := a.owners(ctx, control.Selection{})
	all := []storeJSON{}
	for store, err := range spool.Stores(ctx) {
		if err != nil {
			return err
		}
		s := owners.describe(store)
		if pick.orphans && s.State != "orphan" && s.State != "unmarked" {
			continue
		}
		if pick.usage || pick.orphans {
			usage, err := spool.Usage(ctx, store)
			if err != nil {
				return err
			}
			s.Usage = &usage
		}
		all = append(all, s)
	}
	slices.SortStableFunc(all, func(x, y storeJSON) int { return cmp.Compare(x.Address, y.Address) })
	if a.json {
		return a.printJSON(all)
	}
	a.table(listRows(all, time.Now()))
	return nil
}

// listRows lays stores out; those that were measured with what they hold.
func listRows(all []storeJSON, now time.Time) [][]string {
	rows := [][]string{{"ADDRESS", "UUID", "STATE", "DN"}}
	if len(all) > 0 && all[0].Usage != nil {
		rows = [][]string{{"ADDRESS", "UUID", "STATE", "MESSAGES", "BYTES", "LAST MAIL", "LAST LOGIN", "UNUSED", "DN"}}
	}
	for _, s := range all {
		row := []string{s.Address, s.UUID, s.State}
		if u := s.Usage; u != nil {
			row = append(row, strconv.Itoa(u.Messages), strconv.FormatInt(u.Bytes, 10), moment(u.LastMail), moment(u.LastLogin), unused(*u, now))
		}
		rows = append(rows, append(row, oneLine(s.DN)))
	}
	return rows
}

// unused tells in days for how long nothing has come to a store and nobody has logged in.
func unused(u backend.Usage, now time.Time) string {
	last := u.LastMail
	if u.LastLogin.After(last) {
		last = u.LastLogin
	}
	if last.IsZero() {
		return "-"
	}
	return fmt.Sprintf("%dd", max(0, int(now.Sub(last).Hours()/24)))
}
