package main

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/handlers/backend/maildir"
	"github.com/mailreg/mailreg/handlers/mailbox"
	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/schema"
)

// stores are the mail stores of this host, in place or moved aside.
type stores interface {
	Stores(ctx context.Context) iter.Seq2[backend.Store, error]
	Kept(ctx context.Context) ([]backend.Store, error)
	Find(ctx context.Context, a schema.Address) ([]backend.Store, error)
	Usage(ctx context.Context, s backend.Store) (backend.Usage, error)
	Restore(ctx context.Context, id string, asked, as schema.Address) (backend.Restored, error)
	Purge(ctx context.Context) ([]string, error)
	PurgeIDs(ctx context.Context, ids ...string) ([]string, error)
	Empty(ctx context.Context) ([]string, error)
}

// stores opens the spool of this root as the settings describe it; for those on a Cyrus the daemon is asked.
func (a *app) stores() (stores, error) {
	view, err := a.view()
	if err != nil {
		return nil, err
	}
	name, err := mailbox.BackendName(a.root, view)
	if err != nil {
		return nil, err
	}
	if name == mailbox.Cyrus {
		return served{a.daemon()}, nil
	}
	return maildir.Open(mailbox.SpoolConfig(a.root, view, nil))
}

// served are stores that only the daemon can ask for.
type served struct{ daemon *control.Client }

// asked says in an error why the daemon matters.
func asked(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("stores on Cyrus: %w", err)
}

// Stores yields the stores in place.
func (s served) Stores(ctx context.Context) iter.Seq2[backend.Store, error] {
	return func(yield func(backend.Store, error) bool) {
		all, err := s.query(ctx, control.StoreQuery{})
		if err != nil {
			yield(backend.Store{}, err)
		}
		for _, store := range all {
			if !yield(store, nil) {
				return
			}
		}
	}
}

func (s served) query(ctx context.Context, q control.StoreQuery) (stores []backend.Store, err error) {
	all, err := s.daemon.Stores(ctx, q)
	for _, store := range all {
		stores = append(stores, backend.Store{
			Path: store.Path, UUID: store.UUID, Address: store.Address, State: store.State, ID: store.ID,
			Cause: backend.Cause(store.Cause), Time: store.Time.Time,
		})
	}
	return stores, asked(err)
}

// Kept returns the stores that were moved aside.
func (s served) Kept(ctx context.Context) ([]backend.Store, error) {
	return s.query(ctx, control.StoreQuery{Kept: true})
}

// Find returns the stores of an address.
func (s served) Find(ctx context.Context, a schema.Address) ([]backend.Store, error) {
	return s.query(ctx, control.StoreQuery{Address: a.String()})
}

// Usage reads what a store holds.
func (s served) Usage(ctx context.Context, store backend.Store) (backend.Usage, error) {
	u, err := s.daemon.StoreUsage(ctx, control.StoreName{Path: store.Path})
	return backend.Usage{
		Messages: u.Messages, Bytes: u.Bytes, Quota: u.Quota, LastMail: u.LastMail.Time, LastLogin: u.LastLogin.Time,
	}, asked(err)
}

// Restore puts a store back.
func (s served) Restore(ctx context.Context, id string, from, as schema.Address) (backend.Restored, error) {
	r, err := s.daemon.RestoreStore(ctx, control.RestoreRequest{ID: id, Asked: addressText(from), As: addressText(as)})
	return backend.Restored{Path: r.Path, Left: r.Left}, asked(err)
}

func addressText(a schema.Address) string {
	if a.IsZero() {
		return ""
	}
	return a.String()
}

// Purge removes what the trash has kept long enough, Empty all that it has, PurgeIDs what is named.
func (s served) Purge(ctx context.Context) ([]string, error) {
	return s.purge(ctx, control.PurgeRequest{})
}

// Empty is as Purge says.
func (s served) Empty(ctx context.Context) ([]string, error) {
	return s.purge(ctx, control.PurgeRequest{All: true})
}

// PurgeIDs is as Purge says.
func (s served) PurgeIDs(ctx context.Context, ids ...string) ([]string, error) {
	return s.purge(ctx, control.PurgeRequest{IDs: ids})
}

func (s served) purge(ctx context.Context, r control.PurgeRequest) ([]string, error) {
	result, err := s.daemon.PurgeStores(ctx, r)
	if err == nil && result.Error != "" {
		err = errors.New(result.Error)
	}
	return result.Removed, asked(err)
}
