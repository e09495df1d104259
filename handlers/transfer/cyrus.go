package transfer

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"sync"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/handlers/backend/cyrus"
	"github.com/mailreg/mailreg/handlers/backend/cyrus/replica"
	"github.com/mailreg/mailreg/schema"
)

// Cyrus moves mail from Cyrus to Cyrus: by cyr_deny it keeps users out, and the commands of Cyrus's replication copy. A copy grows
// in the user's own place, as long as the user is kept out there: a mailbox has to be there for mail to get a temporary error.
type Cyrus struct {
	open func() (*cyrus.Backend, error)

	mu sync.Mutex
	// out are whom nobody is to be let in as; reserve are those of them who need a mailbox for that.
	out, reserve map[schema.Address]bool
	// coming are the moves to this host as they were shown last, until what they have left is gone.
	coming map[schema.UUID]arrival

	// turn is for whoever works at cyr_deny; denied are whom it keeps out, nil when that is not known.
	turn   sync.Mutex
	denied map[schema.Address]bool
}

// arrival is what is known of a move to this host.
type arrival struct {
	state   State
	awaited bool
	// begun says that there may be a part of the copy.
	begun bool
}

// NewCyrus returns what moves mail on a host whose mail server is Cyrus.
func NewCyrus(open func() (*cyrus.Backend, error)) *Cyrus {
	return &Cyrus{open: open, coming: map[schema.UUID]arrival{}}
}

// Server returns the name.
func (c *Cyrus) Server() string { return "Cyrus" }

// Backend returns the keeper of stores for moves.
func (c *Cyrus) Backend() (Backend, error) {
	b, err := c.open()
	return &cyrusStores{b, c}, err
}

// Show notes who is to be kept out. Effective does it.
func (c *Cyrus) Show(out, in []Move) (changed bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	closed, reserve := map[schema.Address]bool{}, map[schema.Address]bool{}
	for _, m := range out {
		if m.closed() && !m.GivenUp {
			closed[m.Address] = true
		}
	}
	for uuid, now := range c.coming {
		now.awaited = false
		c.coming[uuid] = now
	}
	for _, m := range in {
		if m.closed() {
			closed[m.Address], reserve[m.Address] = true, true
		}
		c.coming[m.UUID] = arrival{m.State, m.closed(), m.Home != ""}
	}
	changed = c.out == nil || !sameKeys(c.out, closed)
	c.out, c.reserve = closed, reserve
	return changed, nil
}

func sameKeys(a, b map[schema.Address]bool) bool {
	for key := range a {
		if !b[key] {
			return false
		}
	}
	return len(a) == len(b)
}

// Imminent returns at once: cyr_deny works at once.
func (c *Cyrus) Imminent(context.Context) error { return nil }

// Effective keeps out who was shown and lets in who was not, of these names and of those that an earlier process has left.
func (c *Cyrus) Effective(ctx context.Context, names []string) error {
	c.turn.Lock()
	defer c.turn.Unlock()
	b, err := c.open()
	if err != nil {
		return err
	}
	all, err := c.addresses(ctx, b, names)
	if err != nil {
		return err
	}
	for _, a := range all {
		c.mu.Lock()
		want, reserve := c.out[a], c.reserve[a]
		c.mu.Unlock()
		switch {
		case want && !c.denied[a]:
			err = b.KeepOut(ctx, a)
		case !want && c.denied[a]:
			err = b.LetIn(ctx, a)
		}
		if err != nil {
			return err
		}
		c.denied[a] = want
		if reserve {
			if err := b.Reserve(ctx, a); err != nil {
				return err
			}
		}
	}
	return nil
}

// addresses returns whom these names concern; at the first call also whom cyr_deny keeps out and no move does.
func (c *Cyrus) addresses(ctx context.Context, b *cyrus.Backend, names []string) (all []schema.Address, err error) {
	if c.denied == nil {
		kept, err := b.KeptOut(ctx)
		if err != nil {
			return nil, err
		}
		c.denied = map[schema.Address]bool{}
		for _, a := range kept {
			c.denied[a] = true
		}
		all = kept
	}
	for _, name := range names {
		if a, err := schema.ParseAddress(name); err == nil {
			all = append(all, a)
		}
	}
	return all, nil
}

// Receives has nothing to check: there is but one place.
func (c *Cyrus) Receives(context.Context, Move) error { return nil }

// Boxes returns the mailboxes in the user's place.
func (c *Cyrus) Boxes(ctx context.Context, m Move) (map[string]backend.Box, error) {
	b, err := c.open()
	if err != nil {
		return nil, err
	}
	return b.Boxes(ctx, m.Address)
}

// Copy makes a pass from the Cyrus here to that of the other host.
func (c *Cyrus) Copy(ctx context.Context, p Pass) error {
	if want := "user/" + p.Move.Address.String(); p.Move.Home != want {
		return fmt.Errorf("the store is %s, not %s", p.Move.Home, want)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	b, err := c.open()
	if err != nil {
		return err
	}
	from, err := b.Dial(ctx, "")
	if err != nil {
		return err
	}
	defer from.Close()
	conn, err := p.Far()
	if err != nil {
		return err
	}
	to := replica.Over(ctx, conn)
	defer to.Close()
	to.Sent = p.Sent
	if !p.Add {
		return replica.Copy(from, to, p.Move.Address.String())
	}
	_, err = replica.Add(from, to, p.Move.Address.String(), p.Move.Boxes)
	return err
}

// Near logs in here: as the administrator for a copy, as the user for messages that are added.
func (c *Cyrus) Near(ctx context.Context, user string, add bool) (Near, error) {
	b, err := c.open()
	if err != nil {
		return nil, err
	}
	as := ""
	if add {
		as = user
	}
	s, err := b.Dial(ctx, as)
	if err != nil {
		return nil, err
	}
	return &nearCyrus{s, user, add}, nil
}

// nearCyrus is a Cyrus for the copy of one user.
type nearCyrus struct {
	*replica.Session
	user string
	add  bool
}

// Join does what the copy asks for. Why it ends early the other host hears.
func (n *nearCyrus) Join(far net.Conn, from *bufio.Reader) {
	copied := replica.Guest{Session: n.Session, User: n.user, Add: n.add}
	if err := copied.Serve(from, far); err != nil {
		_, _ = fmt.Fprintf(far, "* BYE %v\r\n", err) // the other host may have gone
	}
	for _, end := range []io.Closer{far, n.Session} {
		_ = end.Close()
	}
}

// cyrusStores are the stores of a Cyrus, for moves.
type cyrusStores struct {
	*cyrus.Backend
	moves *Cyrus
}

// Incoming makes the place of the owner ready, unless a copy has begun there.
func (s *cyrusStores) Incoming(ctx context.Context, o backend.Owner) (string, error) {
	s.moves.mu.Lock()
	begun := s.moves.coming[o.UUID].begun
	s.moves.mu.Unlock()
	if !begun {
		return s.Backend.Incoming(ctx, o)
	}
	return "user/" + o.Address.String(), s.Reserve(ctx, o.Address)
}

// Withdraw removes what a copy has left, unless the user is awaited on: the next copy goes on from it.
func (s *cyrusStores) Withdraw(ctx context.Context, o backend.Owner) error {
	s.moves.mu.Lock()
	was := s.moves.coming[o.UUID]
	if !was.awaited {
		delete(s.moves.coming, o.UUID)
	}
	s.moves.mu.Unlock()
	if was.awaited || was.state != Awaiting && was.state != Receiving {
		return nil
	}
	return s.Backend.Withdraw(ctx, o, was.begun)
}
