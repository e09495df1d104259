package transfer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/handlers/mailbox"
	"github.com/mailreg/mailreg/registry"
	"github.com/mailreg/mailreg/schema"
)

// Name is what the package is called in the log.
const Name = "transfer"

// Backend is what a move needs of the keeper of stores here.
type Backend interface {
	Place(ctx context.Context, owner schema.UUID, hints ...schema.Address) (string, bool, error)
	HasMail(ctx context.Context, owner schema.UUID, hints ...schema.Address) (bool, error)
	Account() (uid, gid int)
	Incoming(ctx context.Context, o backend.Owner) (string, error)
	Withdraw(ctx context.Context, o backend.Owner) error
	Arrive(ctx context.Context, o backend.Owner, join bool) error
	Retire(ctx context.Context, a backend.Away, remove bool) error
	Flush(ctx context.Context, names ...string) error
	Kick(ctx context.Context, names ...string) error
}

// Config is what moves are made with.
type Config struct {
	// Root is the directory below which everything lies.
	Root string
	// View reads the registry as it is now.
	View func() (*registry.View, error)
	// Backend opens the spool and the mail server of this host.
	Backend func() (Backend, error)
	// Mover has the mail server copy and keep users out; Dovecot's when nil.
	Mover Mover
	// Lookup returns the mail user of an entry as the replica has it, nil when there is none.
	Lookup func(ctx context.Context, uuid schema.UUID) (*schema.Mailbox, error)
	// Reroute makes the mail server forget the routes that it remembers.
	Reroute func(ctx context.Context) error
	// Moved hears for how long nobody was let in of each user who has changed over from here.
	Moved func(freeze time.Duration)
	// Logger discards when nil.
	Logger *slog.Logger
}

// Service moves users.
type Service struct {
	cfg     Config
	journal journal
	mover   Mover
	keys    keyring
	tunnels tunnels
	lines   lines
	guests  guests

	// mu guards what follows, and the writing of the journal.
	mu      sync.Mutex
	loaded  bool
	out, in map[schema.UUID]*Move
	// troubles are what the last step of a move met, by direction and user.
	troubles map[track]trouble
	// running are the moves of which a step is being made; sent is what the running copies have sent.
	running map[track]bool
	sent    map[schema.UUID]*atomic.Int64
	// away are the hosts that cannot be reached.
	away map[string]trouble
	// closed is why no host can hand mail over, "" when one can; vain is what was refused to one last.
	closed string
	vain   struct {
		text string
		at   time.Time
	}
	// flush are names for which what the mail server was shown is to take effect; stale says that routes are to be forgotten.
	// fresh says that the mail server has not been told of anything yet.
	flush        []string
	stale, fresh bool
	// wake is told that there is something to do.
	wake chan struct{}
}

// track is a move's place among all.
type track struct {
	d    Direction
	uuid schema.UUID
}

// trouble is why a move does not go on, and when it is tried again.
type trouble struct {
	err   error
	since time.Time
	tries int
	next  time.Time
}

// New returns the service. It reads the disk at the first call that needs it.
func New(cfg Config) *Service {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Moved == nil {
		cfg.Moved = func(time.Duration) {}
	}
	if cfg.Mover == nil {
		cfg.Mover = NewDovecot(cfg.Root, cfg.Backend)
	}
	return &Service{
		cfg: cfg, journal: journal{cfg.Root}, mover: cfg.Mover,
		troubles: map[track]trouble{}, running: map[track]bool{}, away: map[string]trouble{}, wake: make(chan struct{}, 1),
	}
}

// load reads the moves from the disk once. The caller has the lock.
func (s *Service) load() error {
	if s.loaded {
		return nil
	}
	out, err := s.journal.load(Out)
	if err != nil {
		return err
	}
	in, err := s.journal.load(In)
	if err != nil {
		return err
	}
	s.out, s.in, s.loaded = out, in, true
	return nil
}

func (s *Service) side(d Direction) map[schema.UUID]*Move {
	if d == Out {
		return s.out
	}
	return s.in
}

// get returns a copy of a move.
func (s *Service) get(d Direction, uuid schema.UUID) (Move, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.load(); err != nil {
		return Move{}, false
	}
	m, found := s.side(d)[uuid]
	if !found {
		return Move{}, false
	}
	return m.clone(), true
}

// errGone says that a move has ended while a step of it was made.
var errGone = errors.New("the move has ended meanwhile")

// update changes a move and brings it to the disk, then to the mail server. The change may refuse by an error.
func (s *Service) update(d Direction, uuid schema.UUID, change func(m *Move) error) (Move, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.load(); err != nil {
		return Move{}, err
	}
	m, found := s.side(d)[uuid]
	if !found {
		return Move{}, errGone
	}
	next := m.clone()
	if err := change(&next); err != nil {
		return Move{}, err
	}
	if next.State != m.State {
		next.Entered = time.Now().UTC()
		s.cfg.Logger.Info("move", "handler", Name, "uuid", uuid, "direction", string(d), "state", string(next.State), "peer", next.Peer)
	}
	return next.clone(), s.put(d, &next)
}

// put brings a move to the disk and to the mail server. The caller has the lock.
func (s *Service) put(d Direction, m *Move) error {
	if err := s.journal.save(d, m); err != nil {
		return err
	}
	s.side(d)[m.UUID] = m
	return s.show(m.listed())
}

// drop ends a move. The mail server hears of it first: should a crash follow, the file brings it back into both. What fails may
// be repeated: the move is there until its file is gone.
func (s *Service) drop(d Direction, uuid schema.UUID) error {
	return s.dropIf(d, uuid, func(*Move) bool { return true })
}

// dropIf is drop for a move that is still as it was when that was decided.
func (s *Service) dropIf(d Direction, uuid schema.UUID, still func(*Move) bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, found := s.side(d)[uuid]
	if !found || !still(m) {
		return nil
	}
	delete(s.side(d), uuid)
	err := s.show(m.listed())
	if err == nil {
		err = s.journal.remove(d, uuid)
	}
	if err != nil {
		s.side(d)[uuid] = m
		return err
	}
	delete(s.troubles, track{d, uuid})
	return nil
}

// show brings the mail server in line, and notes the names for the next flush.
func (s *Service) show(names []string) error {
	changed, err := s.mover.Show(values(s.out), values(s.in))
	if err != nil {
		return err
	}
	if changed {
		s.flush = append(s.flush, names...)
	}
	s.nudge()
	return nil
}

func values(moves map[schema.UUID]*Move) []Move {
	var all []Move
	for _, m := range moves {
		all = append(all, *m)
	}
	slices.SortFunc(all, func(a, b Move) int { return a.UUID.Compare(b.UUID) })
	return all
}

func (s *Service) nudge() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// effective waits until the mail server goes by what it was shown, and makes it forget what it knew of the names before.
func (s *Service) effective(ctx context.Context, names []string) error {
	return s.mover.Effective(ctx, names)
}

// settings are read anew for each step.
type settings struct {
	enabled, remove bool
	host            string
	listen          []string
	port            int
	secret          string
	parallel        int
	linger          time.Duration
	view            *registry.View
}

func (s *Service) settings() (settings, error) {
	view, err := s.cfg.View()
	if err != nil {
		return settings{}, err
	}
	host, err := view.FQDN()
	if err != nil {
		return settings{}, err
	}
	return settings{
		enabled: view.Bool("mail/homeserver/transfer"), remove: removes(s.cfg.Root, view), host: host,
		listen: view.Split("mail/homeserver/transfer/listen"), port: int(view.Int("mail/homeserver/transfer/port")),
		secret:   view.String("mail/homeserver/transfer/secret"),
		parallel: max(1, int(view.Int("mail/homeserver/transfer/parallel"))),
		linger:   view.Duration("mail/homeserver/transfer/linger"), view: view,
	}, nil
}

// removes reports whether the store of who has left goes to the trash.
func removes(root string, view *registry.View) bool {
	if name, err := mailbox.BackendName(root, view); err == nil && name == mailbox.Cyrus {
		return view.Bool("mail/cyrus/mailbox/delete")
	}
	return view.Bool("mail/dovecot/mailbox/delete")
}

// address returns where the other host takes mail over.
func (s settings) address(peer string) (string, error) {
	at := s.view.String("mail/homeserver/transfer/peer/" + peer)
	switch {
	case at == "" && s.port == 0:
		return "", fmt.Errorf("mail/homeserver/transfer/port is not set: %s cannot be reached", peer)
	case at == "":
		at = peer
	}
	return withPort(at, s.port), nil
}
