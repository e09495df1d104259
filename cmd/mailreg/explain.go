package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mailreg/mailreg/cmd/mailreg/explain"
	"github.com/mailreg/mailreg/handlers/account"
	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/schema"
)

// newExplainCommand answers the question that is asked most: why has this person no mail, or the wrong one.
func newExplainCommand(a *app) *cobra.Command {
	command := &cobra.Command{
		Use:   "explain ADDRESS|UUID|DN",
		Short: "Tell all about one mail user: entry, rule, settings, store, and what is pending",
		Long: `explain shows the directory entry as the daemon knows it, whether a mailbox is wanted on this host and by
which rule, how far each handler is with it, the stores on this host, how far the mail is that goes to another host
or comes from there, and the variables that decide, with the layer that each value comes from. Without the
daemon it tells what the disk knows.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return a.explain(c.Context(), args[0]) },
	}
	jsonFlag(a, command)
	return command
}

// explain fails only when nothing is known at all.
func (a *app) explain(ctx context.Context, ref string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, askLimit, fmt.Errorf("the daemon took longer than %s", askLimit))
	defer cancel()
	selection, err := selectionOf(ref)
	if err != nil {
		return err
	}
	facts := explain.Facts{Root: a.root}
	if facts.View, err = a.view(); err != nil {
		return err
	}
	facts.Known, facts.Daemon = a.daemon().Explain(ctx, selection)
	if status, err := a.daemon().Status(ctx); err == nil {
		facts.Behind = status.Reasons
	}
	facts.Stores, facts.Spool = a.storesOf(ctx, selection, facts.Known)
	moves, err := a.moving(ctx)
	facts.Moves = explain.MovesOf(moves, selection, facts)
	if len(facts.Moves) > 0 || len(moves) == 0 {
		facts.OldMoves = err
	}
	if facts.Blocked, err = account.Blocked(a.root); err != nil {
		return err
	}
	switch {
	case len(facts.Known)+len(facts.Stores)+len(facts.Moves) > 0:
	case facts.Daemon != nil:
		return fmt.Errorf("%w, and no store on this host belongs to %s", facts.Daemon, ref)
	default:
		return fmt.Errorf("neither the directory nor this host knows %s", ref)
	}
	report := explain.Explain(facts)
	if a.json {
		return a.printJSON(report)
	}
	for _, line := range report.Lines() {
		a.printf("%s\n", oneLine(line))
	}
	return nil
}

// selectionOf tells an address from a UUID and a DN.
func selectionOf(ref string) (control.Selection, error) {
	if _, err := schema.ParseUUID(ref); err == nil {
		return control.Selection{UUID: ref}, nil
	}
	address, err := schema.ParseAddress(ref)
	switch {
	case err == nil:
		return control.Selection{Address: address.String()}, nil
	case strings.Contains(ref, "="):
		return control.Selection{DN: ref}, nil
	}
	return control.Selection{}, fmt.Errorf("%q is no address, UUID or DN: %w", ref, err)
}

// storesOf finds the stores of entries: by the addresses that they have, had or are asked by, and the kept ones by their
// owners as well. Only when nobody knows an address are all stores looked at.
func (a *app) storesOf(ctx context.Context, s control.Selection, known []control.Explanation) ([]explain.Store, error) {
	stores, err := a.stores()
	if err != nil {
		return nil, err
	}
	var all []explain.Store
	add := func(store backend.Store) error {
		if slices.ContainsFunc(all, func(o explain.Store) bool { return o.Path == store.Path }) {
			return nil
		}
		found := explain.Store{Store: store}
		var err error
		found.Usage, err = stores.Usage(ctx, store)
		all = append(all, found)
		return err
	}
	addresses, owners := namesOf(s, known)
	for _, text := range addresses {
		address, err := schema.ParseAddress(text)
		if err != nil {
			continue // no store can have it
		}
		found, err := stores.Find(ctx, address)
		for _, store := range found {
			err = errors.Join(err, add(store))
		}
		if err != nil {
			return all, err
		}
	}
	return all, eachOf(ctx, stores, len(addresses) == 0, func(store backend.Store) error {
		if owners[store.UUID.String()] {
			return add(store)
		}
		return nil
	})
}

// eachOf calls do for each store that was moved aside, and for those in place as well when these are wanted.
func eachOf(ctx context.Context, from stores, inPlace bool, do func(backend.Store) error) error {
	if inPlace {
		for store, err := range from.Stores(ctx) {
			if err = errors.Join(err, do(store)); err != nil {
				return err
			}
		}
	}
	kept, err := from.Kept(ctx)
	for _, store := range kept {
		err = errors.Join(err, do(store))
	}
	return err
}

// namesOf collects the addresses and the UUIDs under which stores of entries may be found.
func namesOf(s control.Selection, known []control.Explanation) (addresses []string, owners map[string]bool) {
	owners = map[string]bool{}
	if s.Address != "" {
		addresses = append(addresses, s.Address)
	}
	if s.UUID != "" {
		owners[strings.ToLower(s.UUID)] = true
	}
	for _, x := range known {
		owners[x.Entry.UUID.String()] = true
		addresses = append(addresses, x.Entry.Schema().First(schema.AttrPrimaryAddress))
		for _, h := range x.Handlers {
			for _, claim := range h.Claims {
				if address, ok := strings.CutPrefix(claim, "mailbox:"); ok {
					addresses = append(addresses, address)
				}
			}
		}
	}
	slices.Sort(addresses)
	return slices.Compact(addresses), owners
}
