package transfer

import (
	"bufio"
	"context"
	"errors"
	"net"
	"sync/atomic"

	"github.com/mailreg/mailreg/handlers/backend"
)

// Mover has the mail server of this host do what a move needs: keep users out for a moment, and copy their mail. What a move is,
// when it freezes, and what happens after a crash is not its concern.
type Mover interface {
	// Server is what the mail server is called: mail moves between two of the same name only.
	Server() string
	// Show says which moves there are from now on: who is served, who gets a temporary error, whose copy comes. It reports
	// whether that makes a difference, and is called anew after a restart. It must not wait for the server.
	Show(out, in []Move) (changed bool, err error)
	// Imminent waits for the moment from which on what is shown next takes effect soonest.
	Imminent(ctx context.Context) error
	// Effective makes the server go by what was shown, as far as it concerns these names, and returns when it does. The first
	// call also undoes what an earlier process has left.
	Effective(ctx context.Context, names []string) error
	// Receives checks that a copy gets to its place at m.Home and nowhere else. ErrElsewhere says that it would not.
	Receives(ctx context.Context, m Move) error
	// Boxes returns the mailboxes of who leaves, or of the copy of who comes.
	Boxes(ctx context.Context, m Move) (map[string]backend.Box, error)
	// Copy makes a pass. backend.ErrAgain says that the store has changed meanwhile.
	Copy(ctx context.Context, p Pass) error
	// Near opens the server here for a copy that another host makes of a user; add is that of its Pass.
	Near(ctx context.Context, user string, add bool) (Near, error)
}

// ErrElsewhere says that a copy would not get to its place.
var ErrElsewhere = errors.New("the mail server looks for it elsewhere")

// Pass is one copy of a store to another host.
type Pass struct {
	Move Move
	// Add says that the other host's users are in already: nothing of what is there may be changed or removed.
	Add bool
	// Far opens a way to the other host's Near.
	Far func() (net.Conn, error)
	// Sent counts the bytes that have been sent.
	Sent *atomic.Int64
}

// Near is the end of a copy on the host to which the user comes.
type Near interface {
	// Join takes the copy that comes from far, read by from, until it is over, and closes far and itself.
	Join(far net.Conn, from *bufio.Reader)
	// Close ends it without a copy.
	Close() error
}
