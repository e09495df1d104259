package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/mailreg/mailreg/cmd/mailreg/screen"
	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/listener/control"
)

func newMailboxListCommand(a *app) *cobra.Command {
	var pick listed
	command := &cobra.Command{
		Use:   "list",
		Short: "List the stores in place and their owners",
		Long: `list prints every store of this host. State is live, orphan when no directory entry reaches the store
from this host, or unmarked when nobody knows its owner; leaving while its owner is served here until the mail
is on another host, coming (without a store) while another host has the mail. Without the daemon no store is
known as orphan, and moves are told as the disk has them.
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
	stores, err := a.stores()
	if err != nil {
		return err
	}
	var found []backend.Store
	for store, err := range stores.Stores(ctx) {
		if err != nil {
			return err
		}
		found = append(found, store)
	}
	owners := a.owners(ctx, control.Selection{})
	moves := a.movingOrWarn(ctx)
	all := []storeJSON{}
	for _, store := range found {
		s := owners.describe(store)
		if pick.orphans && s.used() {
			continue
		}
		if pick.usage || pick.orphans {
			usage, err := stores.Usage(ctx, store)
			if err != nil {
				return err
			}
			s.Usage = &usage
		}
		all = append(all, s)
	}
	if all = addMoves(all, moves); pick.orphans {
		all = slices.DeleteFunc(all, storeJSON.used)
	}
	slices.SortStableFunc(all, func(x, y storeJSON) int { return cmp.Compare(x.Address, y.Address) })
	if a.json {
		return a.printJSON(all)
	}
	a.table(listRows(all, time.Now()))
	return nil
}

// used reports whether mail reaches a store.
func (s storeJSON) used() bool { return s.State != "orphan" && s.State != "unmarked" }

// listRows lays stores out; those that were measured with what they hold, and how far moves are while there are some.
func listRows(all []storeJSON, now time.Time) [][]string {
	rows := [][]string{{"ADDRESS", "UUID", "STATE", "DN"}}
	measured := slices.ContainsFunc(all, func(s storeJSON) bool { return s.Usage != nil })
	if measured {
		rows = [][]string{{"ADDRESS", "UUID", "STATE", "MESSAGES", "BYTES", "LAST MAIL", "LAST LOGIN", "UNUSED", "DN"}}
	}
	moving := slices.ContainsFunc(all, func(s storeJSON) bool { return len(s.Moves) > 0 })
	if moving {
		rows[0] = append(rows[0], "MOVING")
	}
	for _, s := range all {
		row := []string{s.Address, s.UUID, s.State}
		if u := s.Usage; u != nil {
			row = append(row, strconv.Itoa(u.Messages), strconv.FormatInt(u.Bytes, 10), moment(u.LastMail), moment(u.LastLogin), unused(*u, now))
		} else if measured {
			row = append(row, "-", "-", "-", "-", "-")
		}
		row = append(row, oneLine(s.DN))
		if moving {
			row = append(row, screen.Moves(s.Moves))
		}
		rows = append(rows, row)
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
