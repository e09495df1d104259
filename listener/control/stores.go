package control

import (
	"context"

	"github.com/mailreg/mailreg/schema"
)

// Store is a mail store as a server has it that only the daemon speaks to; package backend tells of its fields.
type Store struct {
	// Path is its name on the server.
	Path    string      `json:"path"`
	UUID    schema.UUID `json:"uuid,omitzero"`
	Address string      `json:"address"`
	State   string      `json:"state"`
	// ID, Cause and Time are set when it was moved aside.
	ID    string `json:"id,omitempty"`
	Cause string `json:"cause,omitempty"`
	Time  Moment `json:"time,omitzero"`
}

// StoreQuery picks stores: all in place when it is empty.
type StoreQuery struct {
	// Kept picks those that were moved aside, Address those of an address, the one in place first.
	Kept    bool   `json:"kept,omitempty"`
	Address string `json:"address,omitempty"`
}

// StoreName is a store by its path.
type StoreName struct {
	Path string `json:"path"`
}

// StoreUsage is what a store holds; Quota is what it may hold, 0 for no limit.
type StoreUsage struct {
	Messages  int    `json:"messages"`
	Bytes     int64  `json:"bytes"`
	Quota     int64  `json:"quota,omitempty"`
	LastMail  Moment `json:"last_mail,omitzero"`
	LastLogin Moment `json:"last_login,omitzero"`
}

// RestoreRequest puts a store back that was moved aside.
type RestoreRequest struct {
	ID string `json:"id"`
	// Asked is the address by which a person has named the store, As that of whom it is to go to; "" for none.
	Asked string `json:"asked,omitempty"`
	As    string `json:"as,omitempty"`
}

// RestoreResult is where the store is now, and how many files were left behind.
type RestoreResult struct {
	Path string `json:"path"`
	Left int    `json:"left"`
}

// PurgeRequest removes stores that were moved aside, for good: those that were kept long enough, or All deleted ones, or those of
// the IDs.
type PurgeRequest struct {
	All bool     `json:"all,omitempty"`
	IDs []string `json:"ids,omitempty"`
}

// PurgeResult names what is gone. Error says what else could not be removed.
type PurgeResult struct {
	Removed []string `json:"removed"`
	Error   string   `json:"error,omitempty"`
}

// Stores calls the operation of API.
func (c *Client) Stores(ctx context.Context, q StoreQuery) ([]Store, error) {
	return ask[[]Store](ctx, c, "stores", q)
}

// StoreUsage calls the operation of API.
func (c *Client) StoreUsage(ctx context.Context, s StoreName) (StoreUsage, error) {
	return ask[StoreUsage](ctx, c, "store-usage", s)
}

// RestoreStore calls the operation of API.
func (c *Client) RestoreStore(ctx context.Context, r RestoreRequest) (RestoreResult, error) {
	return ask[RestoreResult](ctx, c, "store-restore", r)
}

// PurgeStores calls the operation of API.
func (c *Client) PurgeStores(ctx context.Context, r PurgeRequest) (PurgeResult, error) {
	return ask[PurgeResult](ctx, c, "store-purge", r)
}
