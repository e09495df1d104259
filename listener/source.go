package listener

import (
	"context"
	"errors"
	"iter"

	"github.com/mailreg/mailreg/schema"
)

// Source follows a provider. Events begins a session: from the beginning when the cookie is empty, else from there. The
// sequence ends with an error, always: also a session that the server ended in good order has ended. Stopping the
// iteration or cancelling the context closes the session.
type Source interface {
	Events(ctx context.Context, cookie []byte) iter.Seq2[Event, error]
}

// Connecter is a Source that can reach its provider under several addresses. A cookie belongs to one of them.
type Connecter interface {
	// Connect connects ahead of Events and returns the address that was reached. The next Events uses that connection;
	// another Connect closes it.
	Connect(ctx context.Context) (url string, err error)
}

// Chooser is a Connecter that decides at each Connect how the provider is followed. A cookie belongs to that as well.
type Chooser interface {
	Connecter
	// Chosen returns the kind of the source in use and the attribute that identifies entries there.
	Chosen() (kind, identity string)
}

// ErrCookie says that the provider does not accept the cookie or has lost what it stands for: the next session must
// begin without one.
var ErrCookie = errors.New("the provider cannot resume from the cookie")

// Kind tells events apart.
type Kind int

// The kinds of events.
const (
	// Content is an entry as it is now: Entry. In a refresh it says nothing about whether the entry is new.
	Content Kind = iota
	// Present names entries that exist unchanged: UUIDs.
	Present
	// Gone names entries that have left the result, deleted or moved out of scope: UUIDs.
	Gone
	// RefreshEnd ends the refresh: Snapshot and Cookie. From here on the session persists.
	RefreshEnd
	// Position moves the cookie without content: Cookie.
	Position
	// RefreshBegin begins another refresh within the session, which RefreshEnd ends: a source that is not told everything
	// compares all of it now and then.
	RefreshBegin
)

// Event is one message of a session.
type Event struct {
	Kind  Kind
	Entry *schema.Entry
	UUIDs []schema.UUID
	// Cookie is the position after this event; empty means keep the old one. It counts only with RefreshEnd and after it.
	Cookie []byte
	// Snapshot is set on a RefreshEnd when everything mentioned neither by Content nor by Present is gone: a session begun
	// without cookie, or a present phase.
	Snapshot bool
}

// Probe asks the provider on a second connection.
type Probe interface {
	// Verify looks for an entry by UUID.
	Verify(ctx context.Context, uuid schema.UUID, lastDN string) (Verdict, *schema.Entry, error)
	// Lacks reports whether the provider confirms that an entry has not this value of an attribute, which it had before. False
	// means that it still has it, or that we may not know.
	Lacks(ctx context.Context, dn, name, value string) (bool, error)
	// Position returns the provider's contextCSN values, sorted; none when they cannot be read.
	Position(ctx context.Context) ([]string, error)
}

// Verdict is what a probe found.
type Verdict int

// The verdicts.
const (
	// Deleted: no entry has the UUID.
	Deleted Verdict = iota
	// InScope: the entry is below the base, whether it matches the filter or not; it is returned with all attributes.
	InScope
	// OutOfScope: the entry exists outside the base, or may not be read.
	OutOfScope
)

// String returns the verdict as it stands in logs.
func (v Verdict) String() string {
	switch v {
	case Deleted:
		return "deleted"
	case InScope:
		return "in scope"
	case OutOfScope:
		return "out of scope"
	default:
		return "unknown"
	}
}
