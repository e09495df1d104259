package transfer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mailreg/mailreg/schema"
)

// notYet says no to another host because of what the replica here says, which may be behind that host's.
type notYet struct{ error }

// Unwrap returns the cause.
func (n *notYet) Unwrap() error { return n.error }

func notYetf(format string, args ...any) error { return &notYet{fmt.Errorf(format, args...)} }

// stepLimit is for how long the replica there may be behind before a person is told.
const stepLimit = time.Minute

// expected refuses mail of everybody but the users of whom the replica here says that they are at home here, under that
// address, or on the host that asks: it may be faster than ours, or copy ahead, and nothing is opened before ours says so.
// The secret of the hosts alone must not let mail into anybody's mailbox. here says which of both it is.
func (s *Service) expected(ctx context.Context, o order, address schema.Address) (here bool, err error) {
	user, err := s.cfg.Lookup(ctx, o.UUID)
	if err != nil {
		return false, err
	}
	set, err := s.settings()
	if err != nil {
		return false, err
	}
	switch {
	case user == nil:
		return false, notYetf("no user %s is known there", o.UUID)
	case user.Primary != address: // the mail server would take the copy for another one's mail
		return false, notYetf("the user %s is %s there, not %s", o.UUID, user.Primary, address)
	case user.HomeServer == "", user.HomeServer == set.host:
		return true, nil
	case user.HomeServer != o.From:
		return false, notYetf("%s is at home on %s, as is known there", address, user.HomeServer)
	}
	return false, nil
}

// refusedYet makes a wait of a refusal that time may mend, for as long as a replica may be behind.
func (l *leg) refusedYet(err error) error {
	no := &refusal{}
	if !errors.As(err, &no) || !no.later || time.Since(l.m.Entered) > stepLimit {
		return err
	}
	return &later{no.Error(), time.Second}
}
