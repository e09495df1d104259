package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mailreg/mailreg/cmd/mailreg/screen"
	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/handlers/mailbox"
	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/schema"
)

func newMailboxCommand(a *app) *cobra.Command {
	command := &cobra.Command{Use: "mailbox", Short: "Look at mail stores, move them, and bring set-aside ones back"}
	show := &cobra.Command{
		Use:   "show ADDRESS",
		Short: "Tell whose store an address has, and what it holds",
		Args:  cobra.ExactArgs(1),
		RunE:  func(c *cobra.Command, args []string) error { return a.mailboxShow(c.Context(), args[0]) },
	}
	jsonFlag(a, show)
	command.AddCommand(newMailboxListCommand(a), show, newMailboxPlanCommand(a), newMoveCommand(a), newDrainCommand(a), newConvertCommand(a), newTrashCommand(a))
	return command
}

// storeJSON is a store as mailbox list and show print it.
type storeJSON struct {
	Path    string `json:"path"`
	UUID    string `json:"uuid"`
	DN      string `json:"dn"`
	Address string `json:"address"`
	// State is live, orphan, unmarked, deleted or quarantined; leaving for an owner who is still served here though at home
	// elsewhere, coming for one without a store whose mail another host has.
	State string         `json:"state"`
	Usage *backend.Usage `json:"usage,omitempty"`
	// Moves tell how far the mail is that goes to another host or comes from there.
	Moves []control.Move `json:"moves,omitempty"`
}

// shownJSON is what mailbox show prints beyond that.
type shownJSON struct {
	storeJSON
	Messages int   `json:"messages"`
	Bytes    int64 `json:"bytes"`
	// Quota is how many bytes the store may hold, where the server limits it by itself.
	Quota int64 `json:"quota,omitempty"`
	// LastMail is when a message came or went last, LastLogin when its user logged in last.
	LastMail  control.Moment `json:"last_mail"`
	LastLogin control.Moment `json:"last_login"`
	// Kept are stores of the address that were moved aside.
	Kept []keptJSON `json:"kept"`
}

// mailboxShow tells of the store in place, or of the newest one that was moved aside when there is none.
func (a *app) mailboxShow(ctx context.Context, address string) error {
	stores, err := a.stores()
	if err != nil {
		return err
	}
	wanted, err := schema.ParseAddress(address)
	if err != nil {
		return err
	}
	found, err := stores.Find(ctx, wanted)
	if err != nil {
		return err
	}
	moves := a.movingOrWarn(ctx)
	if len(found) == 0 {
		if coming := movesOf(moves, "", wanted.String()); len(coming) > 0 && coming[0].Direction == "in" {
			return a.showStore(shownJSON{storeJSON: addMoves(nil, coming)[0], Kept: []keptJSON{}})
		}
		return fmt.Errorf("no store on this host has the address %s", wanted)
	}
	first, rest := found[0], found[1:]
	// The owner may have another address by now, so a known one is asked for by UUID.
	selection := control.Selection{Address: wanted.String()}
	if !first.UUID.IsZero() {
		selection = control.Selection{UUID: first.UUID.String()}
	}
	shown := shownJSON{storeJSON: a.owners(ctx, selection).describe(first), Kept: keptToJSON(rest)}
	shown.storeJSON = addMoves([]storeJSON{shown.storeJSON}, movesOf(moves, shown.UUID, ""))[0]
	usage, err := stores.Usage(ctx, first)
	if err != nil {
		return err
	}
	shown.Messages, shown.Bytes, shown.Quota = usage.Messages, usage.Bytes, usage.Quota
	shown.LastMail.Time, shown.LastLogin.Time = usage.LastMail, usage.LastLogin
	return a.showStore(shown)
}

// showStore prints what mailbox show has found.
func (a *app) showStore(shown shownJSON) error {
	if a.json {
		return a.printJSON(shown)
	}
	a.printf("Address: %s\nState: %s\nUUID: %s\nDN: %s\nPath: %s\nMessages: %d\nBytes: %d\nLast mail: %s\nLast login: %s\n",
		shown.Address, shown.State, shown.UUID, oneLine(shown.DN), oneLine(shown.Path), shown.Messages, shown.Bytes,
		moment(shown.LastMail.Time), moment(shown.LastLogin.Time))
	if shown.Quota > 0 {
		a.printf("Quota: %d\n", shown.Quota)
	}
	for _, m := range shown.Moves {
		a.printf("Moving: %s\n", screen.Move(m))
	}
	if len(shown.Kept) > 0 {
		a.printf("Kept:\n")
		a.showKept(shown.Kept)
	}
	return nil
}

// owners are the directory's entries by UUID, and what tells whether one reaches a store of this host.
type owners struct {
	// known is false when the daemon did not answer.
	known   bool
	homes   mailbox.Homes
	archive string
	entries map[schema.UUID]control.Entry
}

// owners asks the daemon; without one it warns.
func (a *app) owners(ctx context.Context, s control.Selection) owners {
	view, err := a.view()
	if err != nil {
		return owners{}
	}
	o := owners{entries: map[schema.UUID]control.Entry{}, archive: view.String("mail/archivefolder")}
	o.homes, err = mailbox.HomesOf(a.root, view)
	if err == nil {
		var entries []control.Entry
		entries, err = a.daemon().Entries(ctx, s)
		for _, entry := range entries {
			o.entries[entry.UUID] = entry
		}
	}
	if err != nil {
		a.warnf("owners are not known: %s", oneLine(err.Error()))
	}
	o.known = err == nil
	return o
}

// describe adds to a store what the directory knows. A store in place is an orphan when no mail reaches it any more, be its
// owner gone, at home elsewhere, or under another address.
func (o owners) describe(store backend.Store) storeJSON {
	s := storeJSON{Path: store.Path, Address: store.Address, State: store.State, UUID: uuidText(store.UUID)}
	entry, found := o.entries[store.UUID]
	s.DN = entry.DN
	if store.UUID == schema.ArchiveUUID() && strings.EqualFold(store.Address, o.archive) {
		return s // no entry has it
	}
	if o.known && store.State == "live" && !(found && o.reaches(entry, store.Address)) {
		s.State = "orphan"
	}
	return s
}

// reaches reports whether mail of an entry goes to a store of this host with that address.
func (o owners) reaches(entry control.Entry, address string) bool {
	e := entry.Schema()
	m, err := schema.ParseMailbox(e)
	return err == nil && schema.IsMailbox(e) && m.Primary.String() == address && o.homes.Here(&m)
}

func uuidText(uuid schema.UUID) string {
	if uuid.IsZero() {
		return ""
	}
	return uuid.String()
}

// stateShown is how the state of a kept store reads for people, with what led to it.
func stateShown(kind, cause string) string {
	if strings.EqualFold(kind, cause) {
		return kind
	}
	return kind + " (" + cause + ")"
}
