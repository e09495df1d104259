package transfer

import (
	"slices"
	"time"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/schema"
)

// Direction says whether a user leaves this host or comes to it.
type Direction string

// The directions; also the names of the folders of their files.
const (
	Out Direction = "out"
	In  Direction = "in"
)

// State is how far a move is.
type State string

// The states: doc.go has what they mean.
const (
	Copying    State = "copying"
	Frozen     State = "frozen"
	Committing State = "committing"
	Committed  State = "committed"

	Awaiting  State = "awaiting"
	Receiving State = "receiving"
	Opening   State = "opening"
	Opened    State = "opened"
)

// Move is one user on the way, as it stands on the disk.
type Move struct {
	UUID schema.UUID `json:"uuid"`
	// ID tells this move from any other of the user; the source makes it.
	ID string `json:"id"`
	DN string `json:"dn"`
	// Address is the primary address from now on, by which both hosts name the user; Former is the one before.
	Address schema.Address `json:"address"`
	Former  schema.Address `json:"former,omitzero"`
	// Names are those by which the user logs in or gets mail, and nobody else.
	Names []string `json:"names"`
	// Peer is the other host, in full.
	Peer  string    `json:"peer"`
	State State     `json:"state"`
	Since time.Time `json:"since"`
	// Changed is when the directory named the new home server, zero when that is not known.
	Changed time.Time `json:"changed,omitzero"`
	// Entered is when the state was.
	Entered time.Time `json:"entered"`

	// Home, UID and GID are the fields of the userdb: the store for who leaves, the copy for who comes.
	Home string `json:"home,omitempty"`
	UID  int    `json:"uid,omitempty"`
	GID  int    `json:"gid,omitempty"`

	// Hold keeps the source from freezing until a person releases it; NotBefore until a moment.
	Hold      bool      `json:"hold,omitempty"`
	NotBefore time.Time `json:"not_before,omitzero"`
	// Awaited says that the directory has taken the user from another host and given it to this one, so that nothing of the
	// user's is here yet. Without it the store here goes on to be served, and what comes is merged into it.
	Awaited bool `json:"awaited,omitempty"`
	// Ahead says that a person has asked for the copy before the directory named the other host.
	Ahead bool `json:"ahead,omitempty"`
	// GivenUp says that the user is not to leave any more: the move ends as soon as the target has forgotten it.
	GivenUp bool `json:"given_up,omitempty"`

	// Passes counts the copies, LastPass is how long the last one took, Bytes is what all of them have sent.
	Passes   int           `json:"passes,omitempty"`
	LastPass time.Duration `json:"last_pass,omitempty"`
	Bytes    int64         `json:"bytes,omitempty"`
	// Attempt counts the copies that were thrown away, Reached is one more than the messages that the copy had when a pass
	// failed last, 0 when none has since one was completed.
	Attempt int `json:"attempt,omitempty"`
	Reached int `json:"reached,omitempty"`
	// Frozen is since when nobody was let in, Freeze for how long it was.
	FrozenAt time.Time     `json:"frozen_at,omitzero"`
	Freeze   time.Duration `json:"freeze,omitempty"`
	// Boxes are the source's mailboxes as they were when the target was asked to open.
	Boxes map[string]backend.Box `json:"boxes,omitempty"`
}

// closed reports whether mail and logins get a temporary error.
func (m *Move) closed() bool {
	switch m.State {
	case Frozen, Committing, Committed:
		return true
	case Awaiting, Receiving, Opening:
		return m.Awaited
	default:
		return false
	}
}

// settled reports whether nothing of the move can be taken back here any more.
func (m *Move) settled() bool {
	return m.State == Committing || m.State == Committed || m.State == Opened || m.State == Opening
}

// changed returns since when the user may have got mail at the new home server.
func (m *Move) changed() time.Time {
	if m.Changed.IsZero() {
		return m.Since
	}
	return m.Changed
}

// owner returns whose the mail is.
func (m *Move) owner() backend.Owner {
	return backend.Owner{UUID: m.UUID, Address: m.Address, Changed: m.changed()}
}

// clone returns a copy that shares nothing with the move.
func (m *Move) clone() Move {
	c := *m
	c.Names = slices.Clone(m.Names)
	return c
}

// listed returns the names that a table can hold, each once.
func (m *Move) listed() []string {
	names := []string{m.Address.String()}
	for _, name := range m.Names {
		if backend.Listable(name) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// known returns the names under which sessions may have begun.
func (m *Move) known() []string {
	if m.Former.IsZero() || m.Former == m.Address {
		return m.listed()
	}
	return append(m.listed(), m.Former.String())
}
