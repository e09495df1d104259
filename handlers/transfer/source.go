package transfer

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net"
	"sync/atomic"
	"time"

	"github.com/mailreg/mailreg/handlers/backend"
)

const (
	// shortPass is how long a pass may take that nobody waits for.
	shortPass = 500 * time.Millisecond
	// mostPasses is after how many passes the last one is made although they do not get shorter: mail comes all the time.
	mostPasses = 6
	// longestFreeze ends a freeze in which something went wrong.
	longestFreeze = 15 * time.Second
	// idlePass is how often a copy is brought up to date that waits.
	idlePass = time.Minute
)

// later says that a move waits for something that is no failure.
type later struct {
	why string
	in  time.Duration
}

// Error tells what is waited for.
func (l *later) Error() string { return l.why }

// leg is one move away from this host, driven.
type leg struct {
	*Service
	m    Move
	set  settings
	peer *peer
	b    Backend
}

// advance takes a move as far as it goes. Nil says that it is over.
func (s *Service) advance(ctx context.Context, m Move) error {
	set, err := s.settings()
	if err != nil {
		return err
	}
	l := &leg{Service: s, m: m, set: set}
	if l.b, err = s.cfg.Backend(); err != nil {
		return err
	}
	for {
		if l.peer, err = s.peer(set, l.m.Peer); err != nil { // the directory may have named another one meanwhile
			return err
		}
		switch l.m.State {
		case Frozen: // a crash, or a step that failed
			err = l.thaw(ctx)
		case Copying:
			err = l.copy(ctx)
		case Committing:
			err = l.commit(ctx)
		case Committed:
			return l.settle(ctx)
		}
		if err != nil {
			return err
		}
		now, found := s.get(Out, l.m.UUID)
		if !found {
			return nil
		}
		l.m = now
	}
}

func (l *leg) order() order {
	return order{
		UUID: l.m.UUID, ID: l.m.ID, Address: l.m.Address.String(), Names: l.m.Names, From: l.set.host, Ahead: l.m.Ahead,
		Attempt: l.m.Attempt, Server: l.mover.Server(),
	}
}

// to brings the move into a state.
func (l *leg) to(state State, change func(m *Move)) error {
	now, err := l.update(Out, l.m.UUID, func(m *Move) error {
		if m.GivenUp && !m.settled() && state != Copying {
			return &later{why: "given up"}
		}
		m.State = state
		if change != nil {
			change(m)
		}
		return nil
	})
	if err == nil {
		l.m = now
	}
	return err
}

// copy makes passes until the copy is nearly complete, then the last one.
func (l *leg) copy(ctx context.Context) error {
	if l.m.GivenUp {
		return l.giveUp(ctx)
	}
	if l.m.Passes == 0 {
		if err := l.effective(ctx, l.m.listed()); err != nil {
			return err
		}
	}
	a, err := l.peer.call(ctx, "prepare", l.order())
	if err != nil {
		return l.refusedYet(err)
	}
	if a.State == Opened || a.State == Opening {
		return l.to(Committing, nil)
	}
	for pass := 1; l.m.Home != ""; pass++ {
		took, err := l.pass(ctx, false)
		if err != nil {
			l.failed(ctx, err)
			return err
		}
		if now, found := l.get(Out, l.m.UUID); !found || now.GivenUp || now.State != Copying || now.Peer != l.m.Peer {
			return nil
		}
		if took < shortPass && pass > 1 || pass == mostPasses {
			break
		}
	}
	now, _ := l.get(Out, l.m.UUID)
	switch left := time.Until(now.NotBefore); {
	case now.Hold:
		return &later{"held: mailreg mailbox move " + l.m.Address.String() + " releases it", idlePass}
	case left > 0:
		return &later{"waits until " + now.NotBefore.Format(time.RFC3339), min(left, idlePass)}
	case now.Ahead:
		return &later{"copied; waits for the directory to name " + l.m.Peer, idlePass}
	case !a.Here:
		return &later{l.m.Peer + " has not heard of the change yet", time.Second}
	}
	return l.freeze(ctx)
}

// pass makes one copy and notes what it took.
func (l *leg) pass(ctx context.Context, add bool) (time.Duration, error) {
	var sent atomic.Int64
	start := time.Now()
	err := l.copyOnce(ctx, add, &sent)
	took := time.Since(start)
	_, noted := l.update(Out, l.m.UUID, func(m *Move) error {
		m.Passes, m.LastPass, m.Bytes = m.Passes+1, took, m.Bytes+sent.Load()
		if err == nil {
			m.Reached = 0
		}
		return nil
	})
	return took, errors.Join(err, noted)
}

func (l *leg) copyOnce(ctx context.Context, add bool, sent *atomic.Int64) error {
	l.progress(l.m.UUID, sent)
	defer l.progress(l.m.UUID, nil)
	err := l.mover.Copy(ctx, Pass{
		Move: l.m, Add: add, Sent: sent,
		Far: func() (net.Conn, error) { return l.peer.tunnel(ctx, l.m, add) },
	})
	switch {
	case err == nil:
		return nil
	case sent.Load() == 0:
		err = &unsent{err}
	}
	return fmt.Errorf("copying to %s: %w", l.m.Peer, err)
}

// freeze lets nobody in, makes the last pass, and compares. Whatever goes wrong, everybody is let in again.
func (l *leg) freeze(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, longestFreeze)
	defer cancel()
	err := l.freezeWithin(limited)
	if err != nil && l.m.State == Frozen {
		if thawed := l.thaw(context.WithoutCancel(ctx)); thawed != nil {
			err = errors.Join(err, thawed)
		}
	}
	return err
}

func (l *leg) freezeWithin(ctx context.Context) error {
	if err := l.mover.Imminent(ctx); err != nil {
		return err
	}
	if err := l.to(Frozen, func(m *Move) { m.FrozenAt = time.Now().UTC() }); err != nil {
		return err
	}
	if l.m.Home == "" {
		return l.to(Committing, nil)
	}
	if err := l.effective(ctx, l.m.listed()); err != nil {
		return err
	}
	if err := l.b.Kick(ctx, l.m.known()...); err != nil {
		return err
	}
	// Looked at while sessions end: what one of them still changes makes a difference, and another pass.
	before, err := l.mover.Boxes(ctx, l.m)
	if err := errors.Join(err, sleep(ctx, kicked)); err != nil {
		return err
	}
	for {
		same, boxes, err := l.lastPass(ctx, before)
		if err != nil {
			return err
		}
		if same {
			return l.to(Committing, func(m *Move) { m.Boxes = boxes })
		}
		before = boxes
	}
}

// kicked is how long a session may take to end that was kicked, and a delivery that was let in before.
const kicked = 100 * time.Millisecond

// lastPass makes a pass and reports whether the copy equals the mail here, which has not changed since it was looked at before.
// It returns what is here now.
func (l *leg) lastPass(ctx context.Context, before map[string]backend.Box) (same bool, boxes map[string]backend.Box, err error) {
	if _, err := l.pass(ctx, false); err != nil && !errors.Is(err, backend.ErrAgain) {
		return false, nil, err
	}
	copied := make(chan error, 1)
	var there answer
	go func() {
		var err error
		there, err = l.peer.call(ctx, "boxes", l.order())
		copied <- err
	}()
	after, err := l.mover.Boxes(ctx, l.m)
	if err := errors.Join(err, <-copied); err != nil {
		return false, nil, err
	}
	return maps.Equal(before, after) && missing(after, there.Boxes) == "", after, nil
}

// missing names a mailbox with messages that the copy does not have as it is here, "" when there is none.
func missing(here, there map[string]backend.Box) string {
	for name, box := range here {
		other, found := there[name]
		switch {
		case !found && box.Messages == 0:
		case !found, other.Messages != box.Messages, other.Sum != box.Sum,
			box.Messages > 0 && (other.UIDValidity != box.UIDValidity || other.UIDNext != box.UIDNext):
			return name
		}
	}
	return ""
}

// thaw lets everybody in again.
func (l *leg) thaw(ctx context.Context) error {
	if err := l.to(Copying, nil); err != nil {
		return err
	}
	return l.effective(ctx, l.m.listed())
}

// commit asks the target to open until it has said whether it has.
func (l *leg) commit(ctx context.Context) error {
	a, err := l.peer.call(ctx, "open", l.order())
	switch {
	case a.State == Opened:
		if err != nil {
			return err // it has, and is not done with it
		}
	case err != nil:
		return err
	default:
		return l.unask(ctx)
	}
	freeze := time.Since(l.m.FrozenAt)
	if l.m.FrozenAt.IsZero() {
		freeze = 0
	}
	if err := l.to(Committed, func(m *Move) { m.Freeze = freeze }); err != nil {
		return err
	}
	l.cfg.Logger.Info("the mail has moved", "handler", Name, "dn", l.m.DN, "uuid", l.m.UUID, "peer", l.m.Peer,
		"passes", l.m.Passes, "bytes", l.m.Bytes, "freeze", freeze)
	l.cfg.Moved(freeze)
	l.reroute()
	return nil
}

// unask is for a target that has not opened. A question of ours may still be on its way there: only when the target has
// given the copy up, and the move has another ID, can it never be answered by an opening.
func (l *leg) unask(ctx context.Context) error {
	a, err := l.peer.call(ctx, "abort", l.order())
	if err != nil || a.State == Opened || a.State == Opening {
		return err
	}
	// What the directory has said since could not count while the target might open.
	user, err := l.cfg.Lookup(ctx, l.m.UUID)
	if err != nil {
		return err
	}
	err = l.to(Copying, func(m *Move) {
		m.ID = rand.Text()
		switch {
		case user == nil, user.Primary.IsZero(), user.HomeServer == "", user.HomeServer == l.set.host:
			m.GivenUp = true
		default:
			m.Peer = user.HomeServer
		}
	})
	if err != nil {
		return err
	}
	return errors.Join(fmt.Errorf("%s has not opened the mailbox", l.m.Peer), l.effective(ctx, l.m.listed()))
}

// settle ends a move whose mail is on the other host: whatever has changed here since is added there, and the store set aside.
func (l *leg) settle(ctx context.Context) error {
	if left := time.Until(l.m.Entered.Add(l.set.linger)); left > 0 {
		return &later{"puts mail off that still comes here", left}
	}
	if l.m.Home != "" {
		boxes, err := l.mover.Boxes(ctx, l.m)
		if err != nil {
			return err
		}
		if !maps.Equal(boxes, l.m.Boxes) {
			l.cfg.Logger.Warn("mail has come here after the move and is added there", "handler", Name, "uuid", l.m.UUID, "peer", l.m.Peer)
			if _, err := l.pass(ctx, true); err != nil {
				return err
			}
			if _, err := l.update(Out, l.m.UUID, func(m *Move) error { m.Boxes = boxes; return nil }); err != nil {
				return err
			}
			return &later{"looks once more whether anything has come", time.Second}
		}
		away := backend.Away{UUID: l.m.UUID, From: l.m.Former}
		if err := l.b.Retire(ctx, away, l.set.remove); err != nil {
			return err
		}
		// First from whom is served, which a mail server remembers, and only then from whom is kept out: else mail would be taken once
		// more.
		if err := l.to(Committed, func(m *Move) { m.Home = "" }); err != nil {
			return err
		}
	}
	if err := l.effective(ctx, l.m.listed()); err != nil {
		return err
	}
	if _, err := l.peer.call(ctx, "done", l.order()); err != nil {
		l.cfg.Logger.Warn("the other host did not hear of the end", "handler", Name, "uuid", l.m.UUID, "peer", l.m.Peer, "err", err)
	}
	return l.drop(Out, l.m.UUID)
}

// giveUp ends a move whose user stays, or is gone.
func (l *leg) giveUp(ctx context.Context) error {
	a, err := l.peer.call(ctx, "abort", l.order())
	if err != nil {
		return err
	}
	if a.State == Opened || a.State == Opening {
		return l.to(Committing, func(m *Move) { m.GivenUp = false })
	}
	if err := l.welcome(ctx); err != nil {
		return err
	}
	// Whoever leaves after all goes on leaving.
	return l.dropIf(Out, l.m.UUID, func(m *Move) bool { return m.GivenUp && m.ID == l.m.ID })
}

// welcome lets a user in who is awaited back, and whose mail has not left after all.
func (l *leg) welcome(ctx context.Context) error {
	m, found := l.get(In, l.m.UUID)
	if !found || m.State != Awaiting {
		return nil
	}
	if err := l.b.Arrive(ctx, m.owner(), true); err != nil {
		return err
	}
	return l.drop(In, m.UUID)
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
