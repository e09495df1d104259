package main

import (
	"context"
	"path/filepath"

	"github.com/mailreg/mailreg/handlers/backend/dovecot"
	"github.com/mailreg/mailreg/handlers/mailbox"
	"github.com/mailreg/mailreg/handlers/transfer"
	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/registry/hook"
	"github.com/mailreg/mailreg/schema"
)

// makeTransfer makes what moves mail between hosts.
func (p *parts) makeTransfer(context.Context) error {
	p.transfers = transfer.New(transfer.Config{
		Root: p.root, View: p.reg.View, Logger: p.logger,
		Backend: func() (transfer.Backend, error) {
			view, err := p.reg.View()
			if err != nil {
				return nil, err
			}
			return dovecot.Open(mailbox.SpoolConfig(p.root, view, p.logger))
		},
		Lookup: p.lookup,
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
