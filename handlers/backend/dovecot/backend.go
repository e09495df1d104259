package dovecot

import (
	"errors"

	"github.com/mailreg/mailreg/handlers/backend/maildir"
	"github.com/mailreg/mailreg/schema"
)

// Backend is a spool that a Dovecot serves, or will serve once it is started.
type Backend struct {
	*maildir.Spool
	*Client
}

// Open returns the backend of a root.
func Open(cfg maildir.Config) (*Backend, error) {
	spool, err := maildir.Open(cfg)
	return &Backend{Spool: spool, Client: NewClient(cfg.Root)}, err
}

var errServed = errors.New("a Dovecot serves it: set mail/mailbox/backend to dovecot or auto, or stop Dovecot")

// RefuseServed makes the spool a target that is down while a Dovecot runs: the maildir backend would move stores under its
// sessions.
func (c *Client) RefuseServed() error {
	running, err := c.Running()
	if err == nil && running {
		err = &schema.TargetDown{Target: "spool", Err: errServed}
	}
	return err
}
