package fetchmail

import (
	"fmt"
	"slices"

	"github.com/mailreg/mailreg/schema"
)

// Box is what is fetched for one user.
type Box struct {
	// UUID is the user, Address where the mail goes.
	UUID    schema.UUID    `json:"uuid"`
	Address schema.Address `json:"address"`
	// Accounts are the mailboxes elsewhere.
	Accounts []Account `json:"accounts"`
}

// Equal reports whether both fetch the same for the same user.
func (b Box) Equal(o Box) bool {
	return b.UUID == o.UUID && b.Address == o.Address && slices.EqualFunc(b.Accounts, o.Accounts, Account.Equal)
}

// Protocol is how mail is fetched.
type Protocol string

// The protocols.
const (
	IMAP Protocol = "imap"
	POP3 Protocol = "pop3"
)

// Account is a mailbox elsewhere.
type Account struct {
	// Server is a host name or IP address, Port 0 for the protocol's own.
	Server   string   `json:"server"`
	Port     uint16   `json:"port,omitempty"`
	Protocol Protocol `json:"protocol"`
	User     string   `json:"user"`
	Password string   `json:"password"`
	// TLS demands it from the first byte, on the port for it.
	TLS bool `json:"tls,omitempty"`
	// Keep leaves the messages on the server.
	Keep bool `json:"keep,omitempty"`
	// Drop is set for a mailbox that holds the mail of many.
	Drop *Drop `json:"drop,omitempty"`
}

// Drop says how the recipients of a message are found in a mailbox that holds the mail of many.
type Drop struct {
	// Header is the header with the recipient; Prefix is what qmail puts before him.
	Header string `json:"header"`
	Prefix string `json:"prefix,omitempty"`
	// Domains are those whose recipients are ours; all hosted ones when there are none.
	Domains []string `json:"domains,omitempty"`
}

// Equal reports whether both are the same mailbox, fetched in the same way.
func (a Account) Equal(o Account) bool {
	if (a.Drop == nil) != (o.Drop == nil) {
		return false
	}
	if a.Drop != nil && (a.Drop.Header != o.Drop.Header || a.Drop.Prefix != o.Drop.Prefix || !slices.Equal(a.Drop.Domains, o.Drop.Domains)) {
		return false
	}
	a.Drop, o.Drop = nil, nil
	return a == o
}

// String names the mailbox without its secrets.
func (a Account) String() string {
	if a.Port != 0 {
		return fmt.Sprintf("%s:%d (%s)", a.Server, a.Port, a.Protocol)
	}
	return fmt.Sprintf("%s (%s)", a.Server, a.Protocol)
}
