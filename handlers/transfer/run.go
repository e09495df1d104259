package transfer

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/mailreg/mailreg/schema"
)

const (
	// firstTry and longestTry bound the time between two tries of a move.
	firstTry   = 500 * time.Millisecond
	longestTry = 5 * time.Minute
	// longestAway is the same for a host that cannot be reached, longestClosed while a user gets temporary errors.
	longestAway   = 30 * time.Second
	longestClosed = 5 * time.Second
	// rerouteLimit is how long the mail server may take to forget its routes.
	rerouteLimit = 30 * time.Second
	// routesEvery is how often the mail server is told at most to forget its routes.
	routesEvery = 2 * time.Second
	// largeMove is the size of a pass from which on a mailbox counts as a large one.
	largeMove = 30 * time.Second
)

// Run moves users until ctx ends: those of whom it was told, and those whose moves an earlier run has begun.
func (s *Service) Run(ctx context.Context) error {
	if err := s.resume(ctx); err != nil {
		return err
	}
	tasks, ctx := errgroup.WithContext(ctx)
	tasks.Go(func() error { return s.serveAlways(ctx) })
	tasks.Go(func() error { return s.tell(ctx) })
	tasks.Go(func() error { return s.drive(ctx) })
	return tasks.Wait()
}

// resume brings the mail server in line with the disk.
func (s *Service) resume(ctx context.Context) error {
	set, err := s.settings()
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.load(); err != nil {
		return err
	}
	if !set.enabled && len(s.out)+len(s.in) == 0 {
		return nil
	}
	var names []string
	for _, m := range append(values(s.out), values(s.in)...) {
		names = append(names, m.listed()...)
	}
	_, err = s.mover.Show(values(s.out), values(s.in))
	s.flush, s.stale, s.fresh = append(s.flush, names...), s.stale || len(names) > 0, true
	return err
}

// tell makes the mail server go by what it was shown, and forget its routes.
func (s *Service) tell(ctx context.Context) error {
	var routed time.Time
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for {
		s.mu.Lock()
		names, fresh := s.flush, s.fresh
		s.flush, s.fresh = nil, false
		stale := s.stale && time.Since(routed) > routesEvery
		if stale {
			s.stale = false
		}
		s.mu.Unlock()
		if stale {
			routed = time.Now()
			limited, cancel := context.WithTimeout(ctx, rerouteLimit)
			if err := s.cfg.Reroute(limited); err != nil && ctx.Err() == nil {
				s.cfg.Logger.Warn("the mail server keeps its routes for a while", "handler", Name, "err", err)
			}
			cancel()
		}
		if len(names) > 0 || fresh {
			slices.Sort(names)
			if err := s.effective(ctx, slices.Compact(names)); err != nil {
				s.mu.Lock()
				s.flush, s.fresh = append(s.flush, names...), s.fresh || fresh
				s.mu.Unlock()
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// reroute has the mail server forget its routes soon.
func (s *Service) reroute() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stale = true
}

// drive starts what is due, in the order in which it began.
func (s *Service) drive(ctx context.Context) error {
	tasks := errgroup.Group{}
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for ctx.Err() == nil {
		for _, t := range s.due() {
			tasks.Go(func() error {
				defer s.nudge()
				defer s.leave(t)
				s.step(ctx, t)
				return nil
			})
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		case <-s.wake:
		}
	}
	return tasks.Wait()
}

// step takes one move on, and notes what it met.
func (s *Service) step(ctx context.Context, t track) {
	m, found := s.get(t.d, t.uuid)
	if !found {
		return
	}
	var err error
	if t.d == Out {
		err = s.advance(ctx, m)
	} else {
		err = s.finish(ctx, t.uuid)
	}
	if ctx.Err() != nil || errors.Is(err, errGone) {
		return
	}
	s.note(t, m.Peer, err)
}

// note plans the next try of a move.
func (s *Service) note(t track, peer string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.troubles[t]
	if away := (*unreachable)(nil); !errors.As(err, &away) {
		delete(s.away, peer)
	} else {
		tries := s.away[peer].tries + 1
		s.away[peer] = trouble{err: err, tries: tries, next: time.Now().Add(min(firstTry<<min(tries-1, 12), s.patience(t), longestAway))}
	}
	if err == nil {
		delete(s.troubles, t)
		return
	}
	next := trouble{err: err, since: before.since, tries: before.tries}
	wait := &later{}
	if errors.As(err, &wait) {
		next.tries, next.next = 0, time.Now().Add(max(wait.in, firstTry/2))
	} else {
		next.tries++
		limit := s.patience(t)
		if away := (*unreachable)(nil); errors.As(err, &away) {
			limit = min(limit, longestAway)
		}
		next.next = time.Now().Add(min(firstTry<<min(next.tries-1, 12), limit))
		if before.err == nil || before.err.Error() != err.Error() {
			s.cfg.Logger.Warn("a move does not go on", "handler", Name, "uuid", t.uuid, "peer", peer, "err", err)
		}
	}
	if before.err == nil || before.err.Error() != err.Error() {
		next.since = time.Now()
	}
	s.troubles[t] = next
}

// patience is how long a move may wait for its next try. The caller has the lock.
func (s *Service) patience(t track) time.Duration {
	if m := s.side(t.d)[t.uuid]; m != nil && m.closed() {
		return longestClosed
	}
	return longestTry
}

// due returns what is to be started: all that copies nothing, and of those that copy as many as may at a time. Users with
// large mailboxes leave one place to the others, and a host that does not answer is tried by one move at a time.
func (s *Service) due() []track {
	if s.idle() {
		return nil
	}
	set, err := s.settings()
	if err != nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []track
	now := time.Now()
	places, large := 0, 0
	for t := range s.running {
		if m := s.side(t.d)[t.uuid]; t.d == Out && m != nil && m.State != Committed {
			places++
			if m.large() {
				large++
			}
		}
	}
	for _, m := range s.sorted() {
		t := track{Out, m.UUID}
		if s.running[t] || s.troubles[t].next.After(now) {
			continue
		}
		full := places >= set.parallel || m.large() && large >= max(1, set.parallel-1)
		away, is := s.away[m.Peer]
		if is && away.next.After(now) || full && m.State == Copying {
			continue
		}
		if is { // one at a time, until it has an answer: a copy that runs says nothing for hours
			away.next = now.Add(dialLimit)
			s.away[m.Peer] = away
		}
		if m.State == Copying {
			places++
			if m.large() {
				large++
			}
		}
		s.running[t] = true
		all = append(all, t)
	}
	for uuid, m := range s.in {
		t := track{In, uuid}
		if m.State == Opening && !s.running[t] && !s.troubles[t].next.After(now) {
			s.running[t] = true
			all = append(all, t)
		}
	}
	return all
}

// reached notes that a host is there.
func (s *Service) reached(peer string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.away, peer)
}

// idle reports whether nobody is on the way.
func (s *Service) idle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.out)+len(s.in) == 0
}

// sorted returns the moves away from here, the oldest first.
func (s *Service) sorted() []*Move {
	var all []*Move
	for _, m := range s.out {
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b *Move) int { return a.Since.Compare(b.Since) })
	return all
}

// large reports whether the copy of a mailbox takes long.
func (m *Move) large() bool { return m.LastPass > largeMove }

func (s *Service) leave(t track) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.running, t)
}

// progress notes what a copy has sent, as it goes on; nil when it is over.
func (s *Service) progress(uuid schema.UUID, sent *atomic.Int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sent == nil {
		delete(s.sent, uuid)
		return
	}
	if s.sent == nil {
		s.sent = map[schema.UUID]*atomic.Int64{}
	}
	s.sent[uuid] = sent
}
