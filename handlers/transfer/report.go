package transfer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mailreg/mailreg/schema"
)

// Report is how far a move is.
type Report struct {
	Move
	Direction Direction
	// Sent is what the running copy has sent so far, beyond Bytes; Running says that a step is being made.
	Sent    int64
	Running bool
	// Copied says that the copy is complete but for what has just changed.
	Copied bool
	// Waiting is what the move waits for, Failing why it does not go on, Next when it is tried again.
	Waiting, Failing string
	Next             time.Time
}

// Report returns all moves, the oldest first.
func (s *Service) Report() ([]Report, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.load(); err != nil {
		return nil, err
	}
	var all []Report
	for d, moves := range map[Direction]map[schema.UUID]*Move{Out: s.out, In: s.in} {
		for uuid, m := range moves {
			r := Report{Move: m.clone(), Direction: d, Running: s.running[track{d, uuid}]}
			if sent := s.sent[uuid]; d == Out && sent != nil {
				r.Sent = sent.Load()
			}
			s.explain(&r)
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b Report) int { return a.Since.Compare(b.Since) })
	return all, nil
}

// explain says why a move does not go on. The caller has the lock.
func (s *Service) explain(r *Report) {
	t, found := s.troubles[track{r.Direction, r.UUID}]
	wait := &later{}
	switch {
	case found && errors.As(t.err, &wait):
		r.Copied = r.State == Copying
		r.Waiting, r.Next = wait.why, t.next
	case found:
		r.Failing, r.Next = t.err.Error(), t.next
	case r.Direction == In && r.State == Awaiting:
		r.Waiting = r.Peer + " has not begun to send"
	case r.Direction == Out && r.State == Copying && !r.Running:
		r.Waiting = "others come first"
	}
	if away, is := s.away[r.Peer]; is && r.Direction == Out && !found {
		r.Failing, r.Next = away.err.Error(), away.next
	}
}

// Notes are what a person should know: who is kept out although nothing comes.
func (s *Service) Notes() []string {
	all, err := s.Report()
	if err != nil {
		return []string{err.Error()}
	}
	var notes []string
	if shut := s.shutBy(); shut != "" {
		notes = append(notes, "no host can hand mail over to this one: "+shut)
	}
	for _, r := range all {
		switch {
		case r.Failing != "" && time.Since(r.Entered) > noteAfter:
			notes = append(notes, fmt.Sprintf("the mail of %s does not move: %s", r.Address, r.Failing))
		case r.Direction == In && r.State == Awaiting && time.Since(r.Entered) > noteAfter:
			notes = append(notes, fmt.Sprintf("%s is kept out until %s has sent the mail; if it never will: mailreg mailbox move --without-mail %s",
				r.Address, r.Peer, r.Address))
		}
	}
	return notes
}

// noteAfter is how long a move may stand still before a person is told.
const noteAfter = time.Minute

// Steer is what a person wants of a move.
type Steer struct {
	// Hold keeps a user from changing over until it is taken back; NotBefore until a moment, zero for none.
	Hold      bool
	NotBefore time.Time
}

// find returns the move of an address in a direction.
func (s *Service) find(d Direction, address schema.Address) (Move, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.load(); err != nil {
		return Move{}, err
	}
	for _, m := range s.side(d) {
		if m.Address == address {
			return m.clone(), nil
		}
	}
	if d == Out {
		return Move{}, fmt.Errorf("the mail of %s does not leave this host", address)
	}
	return Move{}, fmt.Errorf("nobody waits for the mail of %s here", address)
}

// Steer holds or releases a move away from this host.
func (s *Service) Steer(address schema.Address, want Steer) error {
	found, err := s.find(Out, address)
	if err != nil {
		return err
	}
	_, err = s.update(Out, found.UUID, func(m *Move) error {
		if m.settled() {
			return fmt.Errorf("%s has changed over already", m.Address)
		}
		m.Hold, m.NotBefore = want.Hold, want.NotBefore
		return nil
	})
	s.retry(track{Out, found.UUID})
	return err
}

// Stop gives up a copy that was begun ahead of the directory.
func (s *Service) Stop(address schema.Address) error {
	found, err := s.find(Out, address)
	if err != nil {
		return err
	}
	_, err = s.update(Out, found.UUID, func(m *Move) error {
		if !m.Ahead {
			return fmt.Errorf("the directory has named %s for %s: change it back there", m.Peer, m.Address)
		}
		m.GivenUp = true
		return nil
	})
	s.retry(track{Out, found.UUID})
	return err
}

// retry makes a move due.
func (s *Service) retry(t track) {
	s.mu.Lock()
	delete(s.troubles, t)
	s.mu.Unlock()
	s.nudge()
}

// WithoutMail lets a user in whose mail another host has and will not send. What comes from there later is merged.
func (s *Service) WithoutMail(ctx context.Context, address schema.Address) error {
	m, err := s.find(In, address)
	if err != nil {
		return err
	}
	uuid := m.UUID
	if m.State == Opening || m.State == Opened {
		return fmt.Errorf("the mail of %s has come", m.Address)
	}
	b, err := s.cfg.Backend()
	if err != nil {
		return err
	}
	if err := s.withdraw(ctx, uuid); err != nil {
		return err
	}
	s.cfg.Logger.Warn("let in without the mail of the former host", "handler", Name, "uuid", uuid, "peer", m.Peer)
	if err := b.Arrive(ctx, m.owner(), true); err != nil {
		return err
	}
	return s.effective(ctx, m.listed())
}

// Ahead copies the mail of a user to another host before the directory names that host, so that the change takes seconds.
func (s *Service) Ahead(ctx context.Context, m *schema.Mailbox, peer string, names []string) error {
	b, err := s.cfg.Backend()
	if err != nil {
		return err
	}
	place, found, err := b.Place(ctx, m.UUID, m.Primary)
	if err != nil {
		return err
	}
	if !found {
		return fmt.Errorf("%s has no store here", m.Primary)
	}
	uid, gid := b.Account()
	return s.begin(&Move{
		UUID: m.UUID, DN: m.DN, Address: m.Primary, Former: m.Primary, Names: names, Peer: peer,
		Home: place, UID: uid, GID: gid,
	})
}
