package listener

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

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

// ErrRewound is an ErrCookie whose reason is that the provider has fallen behind what it told before, as a restored backup
// does. From the next session on its word counts although it is older.
var ErrRewound = fmt.Errorf("%w: it comes from its future", ErrCookie)

// Again is the error of a session that has ended in good order and asks for the next one: nothing is wrong. A source whose
// server does not persist follows it in this way.
type Again struct {
	// After is the time until the next session.
	After time.Duration
	// Why says why the session has ended.
	Why error
}

// Error says why.
func (a *Again) Error() string { return a.Why.Error() }

// Unwrap returns Why.
func (a *Again) Unwrap() error { return a.Why }

// Delayer is an error of a session that knows how long at least the next one had better wait.
type Delayer interface {
	error
	Delay() time.Duration
}

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
	// Unreadable names one entry that exists and cannot be taken in: UUIDs, DN and Reason.
	Unreadable
)

// Event is one message of a session.
type Event struct {
	Kind  Kind
	Entry *schema.Entry
	UUIDs []schema.UUID
	// DN and Reason go with Unreadable.
	DN, Reason string
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
