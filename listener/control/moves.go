package control

import (
	"context"
	"time"

	"github.com/mailreg/mailreg/schema"
)

// Move is a user on the way from one mail home server to another, as this host knows it.
type Move struct {
	UUID    schema.UUID `json:"uuid"`
	DN      string      `json:"dn"`
	Address string      `json:"address"`
	// Direction is out for a user who leaves this host, in for one who comes; Peer is the other host.
	Direction string `json:"direction"`
	Peer      string `json:"peer"`
	// State of who leaves is copying, frozen (nobody is let in), committing (the other host was asked to open) or committed (it
	// has); of who comes awaiting, receiving, opening or opened. Since is when the move began, Entered when the state did.
	State   string    `json:"state"`
	Since   time.Time `json:"since"`
	Entered time.Time `json:"entered"`
	// Ahead says that the directory has not named the other host yet, Copied that nothing is missing there but what has changed
	// in the last minute.
	Ahead  bool `json:"ahead,omitempty"`
	Copied bool `json:"copied,omitempty"`
	// Held says that a person has to release the move, NotBefore when it may change over.
	Held      bool   `json:"held,omitempty"`
	NotBefore Moment `json:"not_before,omitzero"`
	// Passes counts the copies, Bytes is what they have sent, the running one included; Freeze are the seconds in which nobody was
	// let in.
	Passes int     `json:"passes"`
	Bytes  int64   `json:"bytes"`
	Freeze float64 `json:"freeze,omitempty"`
	// Waiting is what the move waits for, Failing why it does not go on, Next when it is tried again.
	Waiting string `json:"waiting,omitempty"`
	Failing string `json:"failing,omitempty"`
	Next    Moment `json:"next,omitzero"`
}

// MoveRequest steers one move.
type MoveRequest struct {
	// Address is the user's primary address.
	Address string `json:"address"`
	// Op is release (go on now), hold, ahead (copy to the host To before the directory names it), stop (give
	// that up) or without-mail (let in
	// who waits for mail that will not come).
	Op string `json:"op"`
	// At is when a released user may change over; now when it is zero.
	At Moment `json:"at,omitzero"`
	To string `json:"to,omitempty"`
}

// Moves calls the operation of API.
func (c *Client) Moves(ctx context.Context) ([]Move, error) {
	return ask[[]Move](ctx, c, "moves", None{})
}

// Move calls the operation of API.
func (c *Client) Move(ctx context.Context, r MoveRequest) error {
	_, err := ask[None](ctx, c, "move", r)
	return err
}
