// Package backend holds what every keeper of mail stores speaks: whose a store is, why it leaves its place, and how it is
// found again. The keepers themselves are the packages below: maildir, dovecot and cyrus.
package backend

import (
	"errors"
	"strings"
	"time"

	"github.com/mailreg/mailreg/schema"
)

// Owner is whose a store is to be.
type Owner struct {
	UUID    schema.UUID
	Address schema.Address
	// Changed is when the directory entry changed last (entryCSN); zero when that is not known.
	Changed time.Time
}

// Layout says what names a store (mail/dovecot/location/key). Cyrus knows ByAddress only.
type Layout string

// The layouts; docs/architecture.md, "Stores", says what speaks for which.
const (
	// ByUUID is private/by-id/<entryUUID>: a change of the address moves nothing.
	ByUUID Layout = "uuid"
	// ByAddress is private/<domain>/<local part>, as on the peer.
	ByAddress Layout = "address"
)

// Cause says why a store was moved aside.
type Cause string

// The causes.
const (
	// Deleted: delete=yes, and the user is gone, lost the address, or has another home server.
	Deleted Cause = "deleted"
	// Renamed: the owner has another address and rename=no.
	Renamed Cause = "renamed"
	// Foreign: somebody else got the address.
	Foreign Cause = "foreign"
	// Unmarked: older than the claim of who got the address, and nobody knows whose it was.
	Unmarked Cause = "unmarked"
	// Stranded: delivered to a place that its owner's store had left, and there was nowhere to put it.
	Stranded Cause = "stranded"
	// Moved: the mail is on the owner's new home server, so this store never comes back by itself.
	Moved Cause = "moved"
	// Early: mail that came to a new home server before the store did; it is merged into that.
	Early Cause = "early"
)

// Away says which store is to leave its place.
type Away struct {
	// UUID is the owner.
	UUID schema.UUID
	// From is where the store lies as far as the caller knows.
	From schema.Address
	// Unless is the address whose store stays: the one that the owner has from now on. Zero takes any.
	Unless schema.Address
	// Cause is kept with the store.
	Cause Cause
}

// Reuse says what becomes of a store marked for another owner when its address is taken (mail/mailbox/reuse).
type Reuse string

// The ways to reuse an address.
const (
	// QuarantineForeign keeps the store out of everybody's reach.
	QuarantineForeign Reuse = "quarantine"
	// AdoptForeign hands it over, as the peer does.
	AdoptForeign Reuse = "adopt"
)

// Store is a store of a host, in place or moved aside.
type Store struct {
	// Path is the home as seen from the root, or the name of the mailbox on a server that tells no path.
	Path string `json:"path"`
	// UUID is the owner; zero when the store has no mark.
	UUID schema.UUID `json:"uuid"`
	// Address is the address under which the store is or was.
	Address string `json:"address"`
	// State is live, unmarked, deleted or quarantined. Whether the owner of a live one still exists the directory knows.
	State string `json:"state"`
	// ID, Cause and Time are set when the store was moved aside.
	ID    string    `json:"id,omitempty"`
	Cause Cause     `json:"cause,omitempty"`
	Time  time.Time `json:"time,omitzero"`
	// Place is how its keeper finds it again.
	Place string `json:"-"`
}

// Usage is what a store holds and when it was used.
type Usage struct {
	Messages int   `json:"messages"`
	Bytes    int64 `json:"bytes"`
	// Quota is how many bytes it may hold, 0 for no limit, or where its keeper has no limits of its own.
	Quota int64 `json:"quota,omitempty"`
	// LastMail is when a message came or went last, LastLogin when its user logged in last; zero when that is not known.
	LastMail  time.Time `json:"last_mail,omitzero"`
	LastLogin time.Time `json:"last_login,omitzero"`
}

// Restored tells what became of a store that was put back.
type Restored struct {
	// Path is the home as seen from the root.
	Path string
	// Left is the number of files that stay where the store was: the home has others of their names, or another owner.
	Left int
}

// Box is the state of a mailbox: an inbox or a folder of a user.
type Box struct {
	Messages    uint32 `json:"messages"`
	UIDNext     uint32 `json:"uidnext"`
	UIDValidity uint32 `json:"uidvalidity"`
	// Modseq grows with every change.
	Modseq uint64 `json:"modseq"`
	// Sum is one of all UIDs and flags, 0 where the server makes none.
	Sum uint32 `json:"sum,omitempty"`
}

// ErrAgain says that a copy of a store has to be repeated: something has changed while it was made.
var ErrAgain = errors.New("the mailbox has changed meanwhile")

// Listable reports whether a name can stand in a table that tells a mail server of users: the fields are separated by colons or
// tabs, and a line of its own is what any control character could begin.
func Listable(name string) bool {
	return name != "" && !strings.HasPrefix(name, "#") && !strings.ContainsFunc(name, func(r rune) bool {
		return r <= ' ' || r == ':' || r == 0x7f
	})
}
