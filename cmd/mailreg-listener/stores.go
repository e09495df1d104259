package main

import (
	"context"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/handlers/backend/cyrus"
	"github.com/mailreg/mailreg/handlers/mailbox"
	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/schema"
)

// storesOfCyrus answers the control API about stores, for the command line, which does not speak to Cyrus.
type storesOfCyrus struct{ *parts }

// keeper returns the Cyrus of this host, with the connection that the handlers have.
func (s storesOfCyrus) keeper() (*cyrus.Backend, error) {
	view, err := s.reg.View()
	if err != nil {
		return nil, err
	}
	name, err := mailbox.BackendName(s.root, view)
	if err != nil {
		return nil, err
	}
	if name != mailbox.Cyrus {
		return nil, schema.Invalidf("the stores of this host are no longer on a Cyrus, but files")
	}
	return s.cyrus.Backend(cyrus.FromSettings(s.root, view, s.logger)), nil
}

// Stores returns the stores of a query.
func (s storesOfCyrus) Stores(ctx context.Context, q control.StoreQuery) ([]control.Store, error) {
	keeper, err := s.keeper()
	if err != nil {
		return nil, err
	}
	switch {
	case q.Kept:
		kept, err := keeper.Kept(ctx)
		return told(kept), err
	case q.Address != "":
		address, err := schema.ParseAddress(q.Address)
		if err != nil {
			return nil, err
		}
		found, err := keeper.Find(ctx, address)
		return told(found), err
	}
	var all []backend.Store
	for store, err := range keeper.Stores(ctx) {
		if err != nil {
			return nil, err
		}
		all = append(all, store)
	}
	return told(all), nil
}

func told(stores []backend.Store) (all []control.Store) {
	for _, s := range stores {
		all = append(all, control.Store{
			Path: s.Path, UUID: s.UUID, Address: s.Address, State: s.State, ID: s.ID, Cause: string(s.Cause), Time: control.Moment{Time: s.Time},
		})
	}
	return all
}

// StoreUsage reads what a store holds.
func (s storesOfCyrus) StoreUsage(ctx context.Context, name control.StoreName) (control.StoreUsage, error) {
	keeper, err := s.keeper()
	if err != nil {
		return control.StoreUsage{}, err
	}
	u, err := keeper.Usage(ctx, backend.Store{Path: name.Path, Place: name.Path})
	return control.StoreUsage{
		Messages: u.Messages, Bytes: u.Bytes, Quota: u.Quota,
		LastMail: control.Moment{Time: u.LastMail}, LastLogin: control.Moment{Time: u.LastLogin},
	}, err
}

// RestoreStore puts a store back.
func (s storesOfCyrus) RestoreStore(ctx context.Context, r control.RestoreRequest) (control.RestoreResult, error) {
	keeper, err := s.keeper()
	if err != nil {
		return control.RestoreResult{}, err
	}
	var asked, as schema.Address
	if r.Asked != "" {
		if asked, err = schema.ParseAddress(r.Asked); err != nil {
			return control.RestoreResult{}, err
		}
	}
	if r.As != "" {
		if as, err = schema.ParseAddress(r.As); err != nil {
			return control.RestoreResult{}, err
		}
	}
	restored, err := keeper.Restore(ctx, r.ID, asked, as)
	return control.RestoreResult{Path: restored.Path, Left: restored.Left}, err
}

// PurgeStores removes stores.
func (s storesOfCyrus) PurgeStores(ctx context.Context, r control.PurgeRequest) (result control.PurgeResult, err error) {
	keeper, err := s.keeper()
	if err != nil {
		return result, err
	}
	switch {
	case len(r.IDs) > 0:
		result.Removed, err = keeper.PurgeIDs(ctx, r.IDs...)
	case r.All:
		result.Removed, err = keeper.Empty(ctx)
	default:
		result.Removed, err = keeper.Purge(ctx)
	}
	if err != nil && len(result.Removed) > 0 {
		result.Error, err = err.Error(), nil
	}
	return result, err
}
