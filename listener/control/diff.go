package control

import (
	"context"

	"github.com/mailreg/mailreg/schema"
)

// DiffRequest asks for a comparison of directory, replica, handlers and mail server.
type DiffRequest struct {
	// Handler narrows to one handler; all when empty.
	Handler   string    `json:"handler,omitempty"`
	Selection Selection `json:"selection"`
	// Repair has the handlers apply again what differs on the mail server.
	Repair bool `json:"repair,omitempty"`
}

// DiffResult is what differs.
type DiffResult struct {
	// Repairing is the number of pairs that are applied again; Progress tells by From and To how far that is.
	Repairing int    `json:"repairing,omitempty"`
	From      uint64 `json:"from,omitempty"`
	To        uint64 `json:"to,omitempty"`
	// Checked is the number of pairs of entry and handler that were looked at.
	Checked int         `json:"checked"`
	Entries []DiffEntry `json:"entries"`
}

// DiffEntry is an entry that is not the same everywhere, as one handler sees it.
type DiffEntry struct {
	UUID    schema.UUID `json:"uuid"`
	DN      string      `json:"dn"`
	Handler string      `json:"handler,omitempty"`
	// Directory says how the replica differs from the directory: missing, extra, older, newer, name; same otherwise, and none
	// when something on the mail server belongs to no entry.
	Directory string `json:"directory"`
	// Acknowledged is same, or what the handler has yet to do: add, change, remove; Reason says why it has not. Or it is none.
	Acknowledged string `json:"acknowledged"`
	Reason       string `json:"reason,omitempty"`
	// Server is what the mail server has otherwise than was acknowledged.
	Server []schema.Difference `json:"server"`
	// Waived is set when a person has kept from happening what differs on the server.
	Waived bool `json:"waived,omitempty"`
	// Error is why the server could not be looked at.
	Error string `json:"error,omitempty"`
}

// SliceStatus tells of the comparison with the mail server that goes on by itself, a part of all entries at a time.
type SliceStatus struct {
	Last    Moment `json:"last"`
	Checked int    `json:"checked"`
	// Differed is how many of them differed, and were given back to their handler.
	Differed int `json:"differed"`
	// Failed is how many could not be compared, Error why the last of them could not.
	Failed int    `json:"failed,omitempty"`
	Error  string `json:"error,omitempty"`
}

// Diff calls the operation of API.
func (c *Client) Diff(ctx context.Context, r DiffRequest) (DiffResult, error) {
	return ask[DiffResult](ctx, c, "diff", r)
}
