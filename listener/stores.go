package listener

import (
	"context"

	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/schema"
)

// StoreKeeper tells of mail stores on a server, puts them back and removes them: control.API has what its methods do.
type StoreKeeper interface {
	Stores(ctx context.Context, q control.StoreQuery) ([]control.Store, error)
	StoreUsage(ctx context.Context, s control.StoreName) (control.StoreUsage, error)
	RestoreStore(ctx context.Context, r control.RestoreRequest) (control.RestoreResult, error)
	PurgeStores(ctx context.Context, r control.PurgeRequest) (control.PurgeResult, error)
}

// errKeeper says that nobody is there to ask.
var errKeeper = schema.Invalidf("this daemon is not asked for mail stores")

// Stores asks the keeper.
func (l *Listener) Stores(ctx context.Context, q control.StoreQuery) ([]control.Store, error) {
	if l.cfg.Stores == nil {
		return nil, errKeeper
	}
	return l.cfg.Stores.Stores(ctx, q)
}

// StoreUsage asks the keeper.
func (l *Listener) StoreUsage(ctx context.Context, s control.StoreName) (control.StoreUsage, error) {
	if l.cfg.Stores == nil {
		return control.StoreUsage{}, errKeeper
	}
	return l.cfg.Stores.StoreUsage(ctx, s)
}

// RestoreStore asks the keeper.
func (l *Listener) RestoreStore(ctx context.Context, r control.RestoreRequest) (control.RestoreResult, error) {
	if l.cfg.Stores == nil {
		return control.RestoreResult{}, errKeeper
	}
	return l.cfg.Stores.RestoreStore(ctx, r)
}

// PurgeStores asks the keeper.
func (l *Listener) PurgeStores(ctx context.Context, r control.PurgeRequest) (control.PurgeResult, error) {
	if l.cfg.Stores == nil {
		return control.PurgeResult{}, errKeeper
	}
	return l.cfg.Stores.PurgeStores(ctx, r)
}
