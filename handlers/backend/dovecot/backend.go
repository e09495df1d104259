package dovecot

import (
	"errors"

	"github.com/mailreg/mailreg/handlers/backend"
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
	b := &Backend{Client: NewClient(cfg.Root)}
	if cfg.Layout == backend.ByAddress {
		cfg.Refuse = b.refuseAddress
	}
	var err error
	b.Spool, err = maildir.Open(cfg)
	return b, err
}

// refuseAddress keeps stores of layout address in place while a Dovecot may be delivering to them: a rename there needs
// the sequence of flush, kick, exchange, merge and late sweeps, which is not built yet.
func (c *Client) refuseAddress() error {
	running, err := c.Running()
	if err == nil && running {
		err = schema.Invalidf("layout address is refused while Dovecot runs: the safe sequence for it is not built yet")
	}
	return err
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
