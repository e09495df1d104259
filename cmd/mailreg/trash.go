package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/schema"
)

func newTrashCommand(a *app) *cobra.Command {
	command := &cobra.Command{Use: "trash", Short: "Stores that were moved aside: deleted ones and quarantined ones"}
	list := &cobra.Command{
		Use:   "list",
		Short: "List the stores that were moved aside",
		Long: `list prints what can be restored. Deleted stores go when mail/mailbox/trash/keep is over, quarantined
ones stay until a person purges them.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.trashList(c.Context()) },
	}
	jsonFlag(a, list)
	command.AddCommand(list, newRestoreCommand(a), newPurgeCommand(a))
	return command
}

func newRestoreCommand(a *app) *cobra.Command {
	var as string
	command := &cobra.Command{
		Use:   "restore ID|ADDRESS",
		Short: "Put a store back",
		Long: `restore puts a store back to its owner: into its place when that is free, else it merges folder by
folder; flags are kept and nothing is overwritten. When the address has another owner by now, or
nobody knows the store's owner, --as says whose store it is to go to; rights of others to folders and
the active filter do not go along. What cannot be merged stays.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return a.trashRestore(c.Context(), args[0], as) },
	}
	command.Flags().StringVar(&as, "as", "", "merge into the store that `ADDRESS` has")
	jsonFlag(a, command)
	return command
}

func newPurgeCommand(a *app) *cobra.Command {
	var all bool
	command := &cobra.Command{
		Use:   "purge [ID ...]",
		Short: "Remove stores that were moved aside, for good",
		Long: `purge removes the deleted stores that mail/mailbox/trash/keep does not keep any longer, with --all every
deleted store, with IDs exactly those. Quarantined stores are removed only by their ID.`,
		RunE: func(c *cobra.Command, args []string) error { return a.trashPurge(c.Context(), args, all) },
	}
	command.Flags().BoolVar(&all, "all", false, "remove every deleted store now")
	jsonFlag(a, command)
	return command
}

// keptJSON is a store that was moved aside.
type keptJSON struct {
	ID string `json:"id"`
	// Kind is deleted or quarantined.
	Kind string `json:"kind"`
	// Cause is deleted, renamed (rename=no), foreign (somebody else got the address) or unmarked (nobody knows the owner).
	Cause   string    `json:"cause"`
	Address string    `json:"address"`
	UUID    string    `json:"uuid"`
	Time    time.Time `json:"time"`
	Path    string    `json:"path"`
}

func keptToJSON(stores []backend.Store) []keptJSON {
	all := []keptJSON{}
	for _, s := range stores {
		all = append(all, keptJSON{
			ID: s.ID, Kind: s.State, Cause: string(s.Cause), Address: s.Address, UUID: uuidText(s.UUID), Time: s.Time, Path: s.Path,
		})
	}
	return all
}

// showKept prints kind and cause in one column: "quarantined (renamed)".
func (a *app) showKept(kept []keptJSON) {
	rows := [][]string{{"ID", "KIND", "ADDRESS", "UUID", "SINCE"}}
	for _, k := range kept {
		rows = append(rows, []string{k.ID, stateShown(k.Kind, k.Cause), k.Address, k.UUID, moment(k.Time)})
	}
	a.table(rows)
}

func (a *app) trashList(ctx context.Context) error {
	stores, err := a.stores()
	if err != nil {
		return err
	}
	all, err := stores.Kept(ctx)
	if err != nil {
		return err
	}
	kept := keptToJSON(all)
	if a.json {
		return a.printJSON(kept)
	}
	a.showKept(kept)
	return nil
}

func (a *app) trashRestore(ctx context.Context, ref, as string) error {
	stores, err := a.stores()
	if err != nil {
		return err
	}
	var asked, target schema.Address
	if as != "" {
		if target, err = schema.ParseAddress(as); err != nil {
			return err
		}
	}
	id := ref // an id has no @ in it
	if address, err := schema.ParseAddress(ref); err == nil {
		asked = address
		if id, err = a.keptOf(ctx, stores, address); err != nil {
			return err
		}
	}
	restored, err := stores.Restore(ctx, id, asked, target)
	if err != nil {
		return err
	}
	if restored.Left > 0 {
		a.warnf("%s left in %s: the store has others of their names, or another owner", counted(restored.Left, "file", "files"), id)
	}
	if a.json {
		return a.printJSON(map[string]any{"id": id, "path": restored.Path, "left": restored.Left})
	}
	a.printf("Restored: %s to %s\n", id, restored.Path)
	return nil
}

// keptOf returns the id of the one store that an address has among those moved aside. Several are listed.
func (a *app) keptOf(ctx context.Context, from stores, address schema.Address) (string, error) {
	all, err := from.Kept(ctx)
	if err != nil {
		return "", err
	}
	var matching []backend.Store
	for _, s := range all {
		if s.Address == address.String() {
			matching = append(matching, s)
		}
	}
	switch len(matching) {
	case 0:
		return "", fmt.Errorf("no store of %s was moved aside", address)
	case 1:
		return matching[0].ID, nil
	default:
		a.showKept(keptToJSON(matching))
		return "", fmt.Errorf("%d stores of %s were moved aside: name one by its ID", len(matching), address)
	}
}

// trashPurge prints what is gone also when something else could not be removed.
func (a *app) trashPurge(ctx context.Context, ids []string, all bool) error {
	stores, err := a.stores()
	if err != nil {
		return err
	}
	var removed []string
	switch {
	case all && len(ids) > 0:
		return usagef("purge takes --all or IDs, not both")
	case all:
		removed, err = stores.Empty(ctx)
	case len(ids) > 0:
		removed, err = stores.PurgeIDs(ctx, ids...)
	default:
		removed, err = stores.Purge(ctx)
	}
	if a.json && err == nil {
		return a.printJSON(append([]string{}, removed...))
	}
	for _, id := range removed {
		a.printf("Purged: %s\n", id)
	}
	return err
}
