package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/mailreg/mailreg/handlers/backend/cyrus"
	"github.com/mailreg/mailreg/handlers/backend/dovecot"
	"github.com/mailreg/mailreg/handlers/mailbox"
	"github.com/mailreg/mailreg/handlers/transfer"
	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/registry/hook"
	"github.com/mailreg/mailreg/schema"
)

// makeTransfer makes what moves mail between hosts.
func (p *parts) makeTransfer(context.Context) error {
	stores := func() (transfer.Backend, error) {
		view, err := p.reg.View()
		if err != nil {
			return nil, err
		}
		return dovecot.Open(mailbox.SpoolConfig(p.root, view, p.logger))
	}
	var mover transfer.Mover
	view, err := p.reg.View()
	if err != nil {
		return err
	}
	if name, err := mailbox.BackendName(p.root, view); err == nil && name == mailbox.Cyrus {
		server := transfer.NewCyrus(func() (*cyrus.Backend, error) {
			view, err := p.reg.View()
			if err != nil {
				return nil, err
			}
			return p.cyrus.Backend(cyrus.FromSettings(p.root, view, p.logger)), nil
		})
		stores, mover = server.Backend, server
	}
	p.transfers = transfer.New(transfer.Config{
		Root: p.root, View: p.reg.View, Logger: p.logger, Backend: stores, Mover: mover,
		Lookup: p.lookup,
		Moved:  func(freeze time.Duration) { p.outlook.counted.Froze(freeze) },
		Reroute: func(ctx context.Context) error {
			postfix := hook.NewPostfix(filepath.Clean(p.root))
			if !postfix.Running() {
				return nil
			}
			return postfix.Act(ctx, "reload")
		},
	})
	return nil
}

// lookup returns the mail user of an entry as the replica has it, nil when there is none.
func (p *parts) lookup(ctx context.Context, uuid schema.UUID) (*schema.Mailbox, error) {
	entries, err := p.listener.Entries(ctx, control.Selection{UUID: uuid.String()})
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		e := entry.Schema()
		if !schema.IsMailbox(e) {
			continue
		}
		m, err := schema.ParseMailbox(e)
		return &m, err
	}
	return nil, nil
}

// mover answers the control API about moves.
type mover struct{ *parts }

// Moves returns the moves of this host.
func (m mover) Moves(context.Context) ([]control.Move, error) {
	all, err := m.transfers.Report()
	var moves []control.Move
	for _, r := range all {
		moves = append(moves, control.Move{
			UUID: r.UUID, DN: r.DN, Address: r.Address.String(), Direction: string(r.Direction), Peer: r.Peer,
			State: string(r.State), Since: r.Since, Entered: r.Entered, Ahead: r.Ahead, Copied: r.Copied, Held: r.Hold,
			NotBefore: control.Moment{Time: r.NotBefore}, Passes: r.Passes, Bytes: r.Bytes + r.Sent, Freeze: r.Freeze.Seconds(),
			Waiting: r.Waiting, Failing: r.Failing, Next: control.Moment{Time: r.Next},
		})
	}
	return moves, err
}

// Move steers the move of an address.
func (m mover) Move(ctx context.Context, r control.MoveRequest) error {
	address, err := schema.ParseAddress(r.Address)
	if err != nil {
		return err
	}
	switch r.Op {
	case "release", "hold":
		return m.transfers.Steer(address, transfer.Steer{Hold: r.Op == "hold", NotBefore: r.At.Time})
	case "without-mail":
		return m.transfers.WithoutMail(ctx, address)
	case "stop":
		return m.transfers.Stop(address)
	case "ahead":
		return m.ahead(ctx, address, r.To)
	default:
		return schema.Invalidf("move: unknown op %q", r.Op)
	}
}

// ahead begins to copy before the directory has changed.
func (m mover) ahead(ctx context.Context, address schema.Address, to string) error {
	if err := schema.CheckDomain(to); err != nil {
		return err
	}
	entries, err := m.listener.Entries(ctx, control.Selection{Address: address.String()})
	if err != nil {
		return err
	}
	for _, entry := range entries {
		user, err := m.lookup(ctx, entry.UUID)
		if err != nil {
			return err
		}
		if user == nil || user.Primary != address {
			continue
		}
		if user.HomeServer != "" && user.HomeServer != m.set.host || to == m.set.host {
			return schema.Invalidf("%s is not at home here, or moves nowhere", address)
		}
		return m.transfers.Ahead(ctx, user, to, mailbox.Served(user))
	}
	return fmt.Errorf("mail user %s: %w", address, control.ErrNotFound)
}
