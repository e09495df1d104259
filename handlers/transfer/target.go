package transfer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/schema"
)

// here reports whether the user is at home here, as the replica has it.
func (s *Service) here(ctx context.Context, uuid schema.UUID, address schema.Address) (bool, error) {
	m, err := s.cfg.Lookup(ctx, uuid)
	if err != nil || m == nil || m.Primary != address {
		return false, err
	}
	set, err := s.settings()
	if err != nil {
		return false, err
	}
	return m.HomeServer == "" || m.HomeServer == set.host, nil
}

// prepare makes ready for the copy: the place for it, and that the mail server finds that place. Idempotent.
func (s *Service) prepare(ctx context.Context, o order, address schema.Address) (answer, error) {
	if from, to := cmp.Or(o.Server, "Dovecot"), s.mover.Server(); from != to {
		return answer{}, fmt.Errorf("mail does not move from %s to %s: move it over IMAP, then mailreg mailbox move --without-mail %s here",
			from, to, address)
	}
	if _, leaves := s.get(Out, o.UUID); leaves {
		return answer{}, fmt.Errorf("the mail of %s is still leaving this host", address)
	}
	m, found := s.get(In, o.UUID)
	switch {
	case !found:
	case m.ID == o.ID && (m.State == Opening || m.State == Opened):
		return answer{State: m.State}, s.finish(ctx, o.UUID)
	case m.State == Opening:
		return answer{}, fmt.Errorf("the mail of %s is just arriving from %s", address, m.Peer)
	case m.State == Receiving && m.Peer != o.From:
		return answer{}, fmt.Errorf("the mail of %s is just coming from %s", address, m.Peer)
	}
	here, err := s.expected(ctx, o, address)
	if err := errors.Join(err, s.checkName(o.UUID, address)); err != nil {
		return answer{}, err
	}
	if !found {
		if err := s.expect(o, address); err != nil {
			return answer{}, err
		}
	}
	s.lines.lock(o.UUID)
	defer s.lines.unlock(o.UUID)
	if ctx.Err() != nil { // nobody waits for the answer
		return answer{}, ctx.Err()
	}
	if err := s.clear(ctx, o); err != nil {
		return answer{}, err
	}
	if err := s.receive(ctx, o, address); err != nil {
		return answer{}, err
	}
	return answer{State: Receiving, Here: here}, nil
}

// checkName refuses a copy under an address that somebody else has who is on the way: the mail server here would take the copy
// for that one's mail.
func (s *Service) checkName(uuid schema.UUID, address schema.Address) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range append(values(s.in), values(s.out)...) {
		if m.UUID != uuid && m.Address == address && !m.settled() {
			return fmt.Errorf("%s is on the way as another user, %s", address, m.UUID)
		}
	}
	return nil
}

// expect notes a user of whom this host's listener has not told: the other host's may be faster.
func (s *Service) expect(o order, address schema.Address) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now().UTC()
	m := &Move{
		UUID: o.UUID, ID: o.ID, Address: address, Names: o.Names, Peer: o.From, State: Awaiting, Since: now, Entered: now, Ahead: o.Ahead,
	}
	return s.put(In, m)
}

// receive opens the way for the copy, and makes sure that it leads where only the copy gets.
func (s *Service) receive(ctx context.Context, o order, address schema.Address) error {
	b, err := s.cfg.Backend()
	if err != nil {
		return err
	}
	place, err := b.Incoming(ctx, backend.Owner{UUID: o.UUID, Address: address})
	if err != nil {
		return err
	}
	uid, gid := b.Account()
	m, err := s.update(In, o.UUID, func(m *Move) error {
		switch {
		case m.State == Opened && m.ID != o.ID: // an earlier move, which nobody has told us the end of
			m.Awaited, m.Names, m.Since = false, o.Names, time.Now().UTC()
		case m.State != Awaiting && m.State != Receiving:
			return fmt.Errorf("the mail of %s is %s here", address, m.State)
		}
		m.Attempt = o.Attempt
		m.ID, m.State, m.Peer, m.Address, m.Home, m.UID, m.GID = o.ID, Receiving, o.From, address, place, uid, gid
		return nil
	})
	if err != nil {
		return err
	}
	for range 3 { // the mail server may look a moment late
		if err = s.effective(ctx, m.listed()); err != nil {
			return err
		}
		if err = s.mover.Receives(ctx, m); err == nil || !errors.Is(err, ErrElsewhere) || ctx.Err() != nil {
			return err
		}
	}
	return err
}

// boxes returns the mailboxes of the copy.
func (s *Service) boxes(ctx context.Context, o order, _ schema.Address) (answer, error) {
	m, found := s.get(In, o.UUID)
	if !found || m.State != Receiving || m.ID != o.ID {
		return answer{State: m.State}, errors.New("there is no copy")
	}
	boxes, err := s.mover.Boxes(ctx, m)
	return answer{State: m.State, Boxes: boxes}, err
}

// open is the commit point: once the state is on the disk, the user's mail is here. Idempotent.
func (s *Service) open(ctx context.Context, o order, address schema.Address) (answer, error) {
	m, found := s.get(In, o.UUID)
	if !found {
		return answer{}, nil
	}
	if m.ID != o.ID {
		return answer{}, nil
	}
	if m.State == Opening || m.State == Opened {
		return answer{State: Opened, Here: true}, s.finish(ctx, o.UUID)
	}
	here, err := s.here(ctx, o.UUID, address)
	if err != nil || !here || m.State != Receiving || m.Peer != o.From {
		return answer{State: m.State, Here: here}, err
	}
	s.tunnels.close(o.UUID)
	_, err = s.update(In, o.UUID, func(m *Move) error {
		if m.State != Receiving || m.ID != o.ID { // a question that comes late must not open the copy of a newer move
			return fmt.Errorf("the mail of %s is %s here", address, m.State)
		}
		m.State = Opening
		return nil
	})
	if err != nil {
		return answer{State: m.State, Here: here}, err
	}
	return answer{State: Opened, Here: true}, s.finish(ctx, o.UUID)
}

// finish puts the mail of a user who has been opened into place and lets everybody in. Idempotent.
func (s *Service) finish(ctx context.Context, uuid schema.UUID) error {
	s.lines.lock(uuid)
	defer s.lines.unlock(uuid)
	m, found := s.get(In, uuid) // by now: who came before has perhaps done it
	if !found || m.State != Opening {
		return nil
	}
	b, err := s.cfg.Backend()
	if err != nil {
		return err
	}
	if err := b.Arrive(ctx, m.owner(), !m.Awaited); err != nil {
		return err
	}
	arrived := m.Address
	m, err = s.update(In, uuid, func(m *Move) error {
		switch {
		case m.State != Opening:
			return nil
		case m.Address != arrived:
			return fmt.Errorf("the address has changed from %s to %s while the mail arrived", arrived, m.Address)
		}
		m.State = Opened
		return nil
	})
	if err != nil {
		return err
	}
	if err := s.effective(ctx, m.listed()); err != nil {
		return err
	}
	s.reroute()
	return nil
}

// abort gives the copy up. A user whom the directory has sent here is awaited on.
func (s *Service) abort(ctx context.Context, o order, _ schema.Address) (answer, error) {
	m, found := s.get(In, o.UUID)
	switch {
	case !found:
		return answer{}, nil
	case m.ID != o.ID:
		return answer{}, nil
	case m.State == Opening || m.State == Opened:
		return answer{State: m.State}, nil
	}
	if !m.Awaited {
		return answer{}, s.withdraw(ctx, o.UUID)
	}
	s.tunnels.close(o.UUID)
	m, err := s.update(In, o.UUID, func(m *Move) error {
		switch {
		case m.ID != o.ID:
			return fmt.Errorf("the mail of %s is on its way anew", m.Address)
		case m.State == Receiving:
			m.State = Awaiting
		}
		return nil
	})
	if err != nil {
		return answer{}, err
	}
	b, err := s.cfg.Backend()
	if err != nil {
		return answer{}, err
	}
	return answer{State: m.State}, b.Withdraw(ctx, m.owner())
}

// done forgets a user who has arrived and of whom the other host has nothing left.
func (s *Service) done(_ context.Context, o order, _ schema.Address) (answer, error) {
	m, found := s.get(In, o.UUID)
	if !found || m.State != Opened || m.ID != o.ID {
		return answer{State: m.State}, nil
	}
	return answer{}, s.drop(In, o.UUID)
}
