package transfer

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/mailreg/mailreg/handlers/mailbox"
	"github.com/mailreg/mailreg/schema"
)

// The methods of this file are what the handler mailbox calls. Each only writes down what is wanted, and may be repeated.

// Engaged reports whether a user leaves this host, or comes to it, and has not arrived. Who was taken back leaves until the
// other host has forgotten it: a change that is applied twice is planned as it was the first time.
func (s *Service) Engaged(uuid schema.UUID) (leaves, comes bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.load(); err != nil {
		return false, false, err
	}
	out, leaves := s.out[uuid]
	in, comes := s.in[uuid]
	return leaves && !out.Ahead, comes && in.State != Opened && !in.Ahead, nil
}

// HandOver has the user's mail go to another host. From now on the user is served here by the tables alone.
func (s *Service) HandOver(ctx context.Context, j mailbox.Journey) error {
	if err := s.cancelIn(ctx, j.UUID); err != nil { // the user had only just come
		return err
	}
	b, err := s.cfg.Backend()
	if err != nil {
		return err
	}
	if j.Shared {
		if has, err := b.HasMail(ctx, j.UUID, j.From, j.To); err != nil || !has {
			return err
		}
	}
	place, found, err := b.Place(ctx, j.UUID, j.From, j.To)
	if err != nil {
		return err
	}
	if !found {
		place = ""
	}
	uid, gid := b.Account()
	return s.want(Out, j, func(m *Move) error {
		if m.State == "" {
			m.ID, m.State = rand.Text(), Copying
		}
		if !m.settled() {
			m.Peer = j.Peer
		}
		if !m.settled() || found && m.Home != "" { // it may have followed to another address
			m.Home, m.UID, m.GID = place, uid, gid
		}
		m.GivenUp, m.Ahead = false, false
		return nil
	})
}

// Await keeps mail and sessions of a user out until the mail is here that another host has.
func (s *Service) Await(_ context.Context, j mailbox.Journey) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.await(j)
}

// await is Await. The caller has the lock.
func (s *Service) await(j mailbox.Journey) error {
	if m, found := s.in[j.UUID]; found && m.State == Opened {
		s.tunnels.close(j.UUID) // nothing may be added to what comes anew
	}
	return s.wantLocked(In, j, func(m *Move) error {
		if m.State == "" {
			m.State = Awaiting
		}
		if j.Peer != "" {
			m.Peer = j.Peer
		}
		m.Awaited, m.Ahead = true, false
		return nil
	})
}

// TakeBack is for a user who has left and is at home here again. away reports that the mail has left already: then it is
// awaited.
func (s *Service) TakeBack(_ context.Context, j mailbox.Journey) (away bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.load(); err != nil {
		return false, err
	}
	m, found := s.out[j.UUID]
	switch {
	case !found:
		return false, nil
	case m.settled():
		j.Peer = m.Peer
		return true, s.await(j)
	}
	next := m.clone()
	next.GivenUp = true
	return false, s.put(Out, &next)
}

// Cancel is for a user who is gone, or has left again: nobody waits for the mail any more, and it does not leave.
func (s *Service) Cancel(ctx context.Context, uuid schema.UUID) error {
	if _, err := s.update(Out, uuid, func(m *Move) error {
		m.GivenUp = m.GivenUp || !m.settled()
		return nil
	}); err != nil && err != errGone {
		return err
	}
	return s.cancelIn(ctx, uuid)
}

// cancelIn ends the waiting for a user. Of one who has arrived the other host may have mail to add yet: it says when it is done,
// and until then keeps the user from coming back to it.
func (s *Service) cancelIn(ctx context.Context, uuid schema.UUID) error {
	m, found := s.get(In, uuid)
	switch {
	case !found, m.State == Opened:
		return nil
	case m.State == Opening:
		return fmt.Errorf("the mail of %s is just arriving", m.Address)
	}
	return s.withdraw(ctx, uuid)
}

// withdraw ends a move to this host, and removes the copy.
func (s *Service) withdraw(ctx context.Context, uuid schema.UUID) error {
	s.tunnels.close(uuid)
	m, found := s.get(In, uuid)
	if !found {
		return nil
	}
	if err := s.drop(In, uuid); err != nil {
		return err
	}
	b, err := s.cfg.Backend()
	if err != nil {
		return err
	}
	return b.Withdraw(ctx, m.owner())
}

// want makes a move, or brings one that there is in line with the directory.
func (s *Service) want(d Direction, j mailbox.Journey, change func(*Move) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wantLocked(d, j, change)
}

func (s *Service) wantLocked(d Direction, j mailbox.Journey, change func(*Move) error) error {
	if err := s.load(); err != nil {
		return err
	}
	now := time.Now().UTC()
	next := Move{UUID: j.UUID, Since: now, Entered: now}
	if m, found := s.side(d)[j.UUID]; found && m.State != Opened { // that one is over
		next = m.clone()
	}
	if next.Former.IsZero() {
		next.Former = j.From
	}
	next.DN, next.Address, next.Names = j.DN, j.To, j.Names
	if next.Changed.IsZero() {
		next.Changed = j.Changed
	}
	if err := change(&next); err != nil {
		return err
	}
	s.stale = true
	delete(s.troubles, track{d, j.UUID})
	if next.Since == now {
		s.cfg.Logger.Info("move", "handler", Name, "uuid", j.UUID, "direction", string(d), "state", string(next.State), "peer", next.Peer)
	}
	return s.put(d, &next)
}

// begin starts to copy ahead of the directory.
func (s *Service) begin(m *Move) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.load(); err != nil {
		return err
	}
	if before, found := s.out[m.UUID]; found && !(before.Ahead && before.Peer == m.Peer) {
		return fmt.Errorf("the mail of %s is on its way to %s already", m.Address, before.Peer)
	} else if found {
		return nil
	}
	now := time.Now().UTC()
	m.ID, m.State, m.Ahead, m.Since, m.Entered = rand.Text(), Copying, true, now, now
	return s.put(Out, m)
}
