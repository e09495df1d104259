package transfer

import (
	"context"
	"errors"

	"github.com/mailreg/mailreg/handlers/backend"
)

// A copy that was cut off may be one that doveadm can never complete: whoever writes messages into a Maildir and is killed
// leaves some without a number, Dovecot then numbers them as it likes, and of a mailbox with other messages under these
// numbers "backup" can only be rid by deleting it, which for INBOX is refused. So a copy that fails twice without having
// grown is thrown away and begun anew. Nothing but the copy is ever there.

// unsent says that a pass has failed before anything was sent: the mail server here may just be restarting.
type unsent struct{ error }

// Unwrap returns the cause.
func (u *unsent) Unwrap() error { return u.error }

// failed notes that a pass has failed, and whether the copy has grown since one failed before. What says nothing about the
// copy does not count.
func (l *leg) failed(ctx context.Context, err error) {
	refused, away, unsent := (*refusal)(nil), (*unreachable)(nil), (*unsent)(nil)
	if ctx.Err() != nil || errors.Is(err, backend.ErrAgain) || errors.As(err, &refused) || errors.As(err, &away) || errors.As(err, &unsent) {
		return
	}
	there, err := l.peer.call(ctx, "boxes", l.order())
	if err != nil {
		return
	}
	reached := 1
	for _, box := range there.Boxes {
		reached += int(box.Messages)
	}
	anew := false
	if _, err := l.update(Out, l.m.UUID, func(m *Move) error {
		if anew = m.Reached > 0 && reached <= m.Reached; anew {
			m.Attempt, reached = m.Attempt+1, 0
		}
		m.Reached = reached
		return nil
	}); err == nil && anew {
		l.cfg.Logger.Warn("the copy is begun anew", "handler", Name, "uuid", l.m.UUID, "peer", l.m.Peer)
	}
}

// clear throws the copy away when the source wants another one than that which is here. The caller has the user's line. What
// is noted first, and thrown away then, is thrown away once: a question that comes late finds the newer copy.
func (s *Service) clear(ctx context.Context, o order) error {
	m, found := s.get(In, o.UUID)
	if !found || m.State != Receiving || m.ID != o.ID || o.Attempt <= m.Attempt {
		return nil
	}
	s.tunnels.close(o.UUID)
	if _, err := s.update(In, o.UUID, func(m *Move) error { m.Attempt = o.Attempt; return nil }); err != nil {
		return err
	}
	b, err := s.cfg.Backend()
	if err != nil {
		return err
	}
	return b.Withdraw(ctx, m.owner())
}
