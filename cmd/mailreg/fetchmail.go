package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	backend "github.com/mailreg/mailreg/handlers/backend/fetchmail"
	"github.com/mailreg/mailreg/handlers/fetchmail"
	"github.com/mailreg/mailreg/listener/control"
)

func newFetchmailCommand(a *app) *cobra.Command {
	command := &cobra.Command{Use: "fetchmail", Short: "Mail that is fetched from elsewhere"}
	list := &cobra.Command{
		Use:   "list",
		Short: "List for whom mail is fetched, from where, and how the last poll ended",
		Args:  cobra.NoArgs,
		RunE:  func(*cobra.Command, []string) error { return a.fetchmailList() },
	}
	run := &cobra.Command{
		Use:   "run [ADDRESS ...]",
		Short: "Fetch mail now: for all, or for the users with those primary addresses",
		Long: `run polls the mailboxes elsewhere, one user after the other, whether or not the daemon runs and
fetchmail/autostart is set. A user whose mail is being fetched at the moment is passed over. A mailbox that
could not be fetched makes the exit code 1; the others are fetched all the same.`,
		RunE: func(c *cobra.Command, args []string) error { return a.fetchmailRun(c.Context(), args) },
	}
	jsonFlag(a, list)
	jsonFlag(a, run)
	command.AddCommand(list, run)
	return command
}

// fetchedJSON is a user for whom mail is fetched.
type fetchedJSON struct {
	Address string `json:"address"`
	UUID    string `json:"uuid"`
	// Servers are the mailboxes elsewhere, without the secrets.
	Servers []string       `json:"servers"`
	Time    control.Moment `json:"time"`
	Failed  []string       `json:"failed"`
	// Busy says that the mail was being fetched already.
	Busy bool `json:"busy,omitempty"`
}

// fetchmailBoxes returns all boxes, or those of addresses, sorted.
func (a *app) fetchmailBoxes(spool backend.Spool, addresses []string) ([]backend.Box, error) {
	users, err := spool.Users()
	if err != nil {
		return nil, err
	}
	var boxes []backend.Box
	missing := slices.Clone(addresses)
	for _, uuid := range users {
		box, found, err := spool.Read(uuid)
		if err != nil {
			return nil, err
		}
		is := func(address string) bool { return strings.EqualFold(address, box.Address.String()) }
		if found && (len(addresses) == 0 || slices.ContainsFunc(addresses, is)) {
			boxes = append(boxes, box)
			missing = slices.DeleteFunc(missing, is)
		}
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("nothing is fetched for %s", oneLine(strings.Join(missing, ", ")))
	}
	slices.SortFunc(boxes, func(a, b backend.Box) int { return strings.Compare(a.Address.String(), b.Address.String()) })
	return boxes, nil
}

func fetched(box backend.Box, r backend.Result) fetchedJSON {
	f := fetchedJSON{
		Address: box.Address.String(), UUID: box.UUID.String(), Servers: []string{}, Time: control.Moment{Time: r.Time},
		Failed: append([]string{}, r.Failed...),
	}
	for _, account := range box.Accounts {
		f.Servers = append(f.Servers, account.String())
	}
	return f
}

func (a *app) fetchmailList() error {
	spool := backend.Open(a.root)
	boxes, err := a.fetchmailBoxes(spool, nil)
	if err != nil {
		return err
	}
	list := []fetchedJSON{}
	for _, box := range boxes {
		last, err := spool.Last(box.UUID)
		if err != nil {
			return err
		}
		list = append(list, fetched(box, last))
	}
	return a.printFetched(list)
}

func (a *app) printFetched(list []fetchedJSON) error {
	if a.json {
		return a.printJSON(list)
	}
	if len(list) == 0 {
		return nil
	}
	rows := [][]string{{"ADDRESS", "FROM", "LAST POLL"}}
	for _, f := range list {
		state := "fetched"
		switch {
		case f.Busy:
			state = "is being fetched"
		case f.Time.IsZero():
			state = "not yet fetched"
		case len(f.Failed) > 0:
			state = oneLine(strings.Join(f.Failed, "; "))
		}
		rows = append(rows, []string{f.Address, strings.Join(f.Servers, ", "), state})
	}
	a.table(rows)
	return nil
}

func (a *app) fetchmailRun(ctx context.Context, addresses []string) error {
	view, err := a.view()
	if err != nil {
		return err
	}
	spool := backend.Open(a.root)
	boxes, err := a.fetchmailBoxes(spool, addresses)
	if err != nil {
		return err
	}
	list := []fetchedJSON{}
	failed := 0
	for _, box := range boxes {
		r, busy, err := spool.Poll(ctx, box.UUID, fetchmail.Where(view))
		if err != nil {
			return fmt.Errorf("%s: %w", box.Address, err)
		}
		f := fetched(box, r)
		f.Busy = busy
		list = append(list, f)
		failed += len(r.Failed)
	}
	if err := a.printFetched(list); err != nil {
		return err
	}
	if failed > 0 {
		return errors.New("not all mailboxes could be fetched")
	}
	return nil
}
