package main

import (
	"errors"

	"github.com/mailreg/mailreg/handlers/backend/cyrus"
	"github.com/mailreg/mailreg/handlers/backend/dovecot/sharing"
	"github.com/mailreg/mailreg/handlers/folder"
	"github.com/mailreg/mailreg/registry"
)

// folderServer opens what keeps the shared folders of this host.
func (p *parts) folderServer(view *registry.View) (folder.Server, error) {
	keeper, err := p.mailboxes.Keeper(view)
	if err != nil {
		return nil, err
	}
	if stores, ok := keeper.(sharing.Stores); ok {
		return sharing.New(sharing.Config{Root: p.root, Stores: stores, Registry: p.reg}), nil
	}
	if stores, ok := keeper.(*cyrus.Backend); ok {
		return stores.Folders(), nil
	}
	return nil, errors.New("mail/mailbox/backend: this backend keeps no shared folders")
}
