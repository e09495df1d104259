package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/handlers/backend/dovecot"
	"github.com/mailreg/mailreg/handlers/backend/maildir"
	"github.com/mailreg/mailreg/handlers/mailbox"
	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/registry"
	"github.com/mailreg/mailreg/schema"
)

func newConvertCommand(a *app) *cobra.Command {
	var layout string
	command := &cobra.Command{
		Use:   "convert --layout uuid|address",
		Short: "Change how the mail homes of this host are named, while mail is delivered and read",
		Long: `convert brings every store of this host to the place that it has in another layout, and sets
mail/dovecot/location/key. At each moment Dovecot finds all stores, by their old place or the new one; mail
is delivered and read all the while. The daemon waits until the conversion is over. Whoever is logged in
when it ends has to log in once more. A conversion that was interrupted goes on when it is called again.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.mailboxConvert(c.Context(), layout) },
	}
	command.Flags().StringVar(&layout, "layout", "", "the `LAYOUT` to convert to: uuid or address")
	_ = command.MarkFlagRequired("layout") // fails only for an unknown flag
	jsonFlag(a, command)
	return command
}

// layoutKey is the variable by which Dovecot's files name the homes.
const layoutKey = "mail/dovecot/location/key"

// mailboxConvert does one step after the other, each of which may be repeated.
func (a *app) mailboxConvert(ctx context.Context, layout string) error {
	to := backend.Layout(layout)
	if to != backend.ByUUID && to != backend.ByAddress {
		return usagef("--layout is uuid or address, not %q", layout)
	}
	conversion, err := a.conversion(to)
	if err != nil {
		return err
	}
	stores, err := conversion.Prepare(ctx)
	already := errors.Is(err, maildir.ErrConverted)
	if err != nil && !already {
		return err
	}
	a.changed = true
	if err := a.lookByLayout(ctx, to); err != nil {
		return fmt.Errorf("%w; nothing has moved, convert once more", err)
	}
	if !already {
		if err := a.moveAll(ctx, conversion, stores); err != nil {
			return fmt.Errorf("%w; every store is served where it is, convert once more", err)
		}
	}
	if a.json {
		return a.printJSON(struct {
			Layout  string `json:"layout"`
			Stores  int    `json:"stores"`
			Already bool   `json:"already"`
		}{layout, stores, already})
	}
	if already {
		a.printf("Layout %s already\n", layout)
		return nil
	}
	a.printf("Layout %s: %d stores\n", layout, stores)
	return nil
}

// conversion refuses a layout in which this host could not serve mail.
func (a *app) conversion(to backend.Layout) (*maildir.Conversion, error) {
	view, err := a.view()
	if err != nil {
		return nil, err
	}
	if view.String("mail/mailbox/backend") == "cyrus" {
		return nil, errors.New("mail/mailbox/backend is cyrus, which names its stores itself")
	}
	profile, err := view.Profile()
	if err != nil {
		return nil, err
	}
	if to == backend.ByUUID && !profile.Identity().NamesHomes() {
		return nil, fmt.Errorf("no mail server can name homes by %s, by which this directory identifies entries", profile.Identity())
	}
	return maildir.NewConversion(mailbox.SpoolConfig(a.root, view, nil), to)
}

// lookByLayout lets Dovecot look for stores in their new places, where links are. A transaction that was killed is finished.
func (a *app) lookByLayout(ctx context.Context, to backend.Layout) error {
	reg := a.registry()
	view, err := a.view()
	if err != nil {
		return err
	}
	if view.String(layoutKey) == string(to) {
		_, err = reg.Commit(ctx, registry.CommitOptions{Files: []string{"/etc/dovecot/dovecot.conf"}})
	} else {
		_, err = reg.Change(ctx, registry.Edit{Set: []registry.Assignment{{Key: layoutKey, Value: string(to)}}})
	}
	if err != nil {
		return err
	}
	if view, err = a.view(); err != nil {
		return err
	}
	if now := view.String(layoutKey); now != string(to) {
		return fmt.Errorf("%s is %s still, by a higher layer: unset it there (mailreg info %s)", layoutKey, now, layoutKey)
	}
	return dovecot.NewClient(a.root).Flush(ctx)
}

// moveAll moves the stores and ends the sessions that may have been begun at their old places.
func (a *app) moveAll(ctx context.Context, conversion *maildir.Conversion, stores int) error {
	done, last := 0, time.Now()
	err := conversion.Move(ctx, func() {
		if done++; time.Since(last) >= time.Second {
			last = time.Now()
			fmt.Fprintf(a.stderr, "%d of %d stores\n", done, stores)
		}
	})
	if err != nil {
		return err
	}
	client := dovecot.NewClient(a.root)
	return conversion.Finish(ctx, maildir.Live{
		Kick:  func(address schema.Address) error { return client.Kick(ctx, address.String()) },
		Owner: func(address schema.Address) (schema.UUID, bool) { return a.ownerOf(ctx, address) },
	})
}

// ownerOf asks the daemon whose primary address it is.
func (a *app) ownerOf(ctx context.Context, address schema.Address) (schema.UUID, bool) {
	entries, err := a.daemon().Entries(ctx, control.Selection{Address: address.String()})
	if err != nil {
		return schema.UUID{}, false
	}
	for _, entry := range entries {
		if m, err := schema.ParseMailbox(entry.Schema()); err == nil && m.Primary == address {
			return entry.UUID, true
		}
	}
	return schema.UUID{}, false
}
