package account

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mailreg/mailreg/handlers/backend/dovecot"
	"github.com/mailreg/mailreg/registry"
	"github.com/mailreg/mailreg/schema"
)

// Name is the handler's name.
const Name = "account"

// Server is the mail server that people log in to. A server that does not run has nothing to be told.
type Server interface {
	// Flush makes it forget what it has cached about these names, about all without names.
	Flush(ctx context.Context, names ...string) error
	// Kick ends the sessions of users; Sessions tells what is open.
	Kick(ctx context.Context, users ...string) error
	Sessions(ctx context.Context) ([]dovecot.Session, error)
	// Admits says for each name whether a login would be admitted.
	Admits(ctx context.Context, names ...string) ([]dovecot.Answer, error)
}

// Effect is what was done for an entry, for whoever counts.
type Effect string

// The effects.
const (
	Closed  Effect = "closed"  // nobody can log in as that any more
	Opened  Effect = "opened"  // and again they can
	Changed Effect = "changed" // caches have forgotten what was before
)

// Config is what the handler works with.
type Config struct {
	// Root is the directory that all lies below; "/" when empty.
	Root string
	// View reads the registry as it is now. Required.
	View func() (*registry.View, error)
	// Server is the Dovecot of the root when nil.
	Server Server
	// Restart restarts a service if it runs: saslauthd, which cannot forget otherwise. Nil: nothing is restarted.
	Restart func(ctx context.Context, service string) error
	// Took is told how long it was from a change to its effect. It may be nil.
	Took func(Effect, time.Duration)
	// Now is time.Now when nil.
	Now func() time.Time
	// Logger discards when nil.
	Logger *slog.Logger
}

// Handler is the account handler.
type Handler struct {
	cfg    Config
	tables *dovecot.Tables
	// late tells Run that access has ended of accounts as which somebody may be logging in.
	late chan struct{}

	// working is held by whoever writes the table, or restarts saslauthd, which was last at restarted.
	working   sync.Mutex
	restarted time.Time
	// spared are accounts of which a person has decided that nothing is to be done about them.
	spared map[schema.UUID]bool

	mu sync.Mutex
	// noted collects changes until Flush, and when they came.
	noted map[schema.UUID]job
}

// New returns the handler.
func New(cfg Config) *Handler {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Server == nil {
		cfg.Server = dovecot.NewClient(cfg.Root)
	}
	if cfg.Took == nil {
		cfg.Took = func(Effect, time.Duration) {}
	}
	return &Handler{cfg: cfg, tables: dovecot.NewTables(cfg.Root), late: make(chan struct{}, 1), noted: map[schema.UUID]job{}}
}

// Name returns "account".
func (h *Handler) Name() string { return Name }

// Match accepts mail users with a primary address, whichever host is their home.
func (h *Handler) Match(e *schema.Entry) bool { return schema.IsMailbox(e) }

// Wake returns when an account expires, or a lock ends.
func (h *Handler) Wake(e *schema.Entry, after time.Time) time.Time {
	s, err := h.settings()
	if err != nil {
		return time.Time{}
	}
	a, _ := schema.ParseAccount(e, s.Lockout) // what can be read counts
	return a.Next(after)
}

// Takes reports whether somebody who can log in could not any more, although the account goes on to exist.
func (h *Handler) Takes(c schema.Change) bool {
	s, err := h.settings()
	if err != nil {
		return false
	}
	new, _ := parse(c.New, s)
	if !s.here(new) {
		return false
	}
	if access, _ := new.Account.At(h.cfg.Now()); access == schema.Open {
		return false
	}
	is, err := Blocked(h.cfg.Root)
	return err == nil && len(is[c.UUID]) == 0
}

// Keeps reports whether somebody logs in here.
func (h *Handler) Keeps(e *schema.Entry) bool {
	s, err := h.settings()
	if err != nil {
		return true
	}
	u, _ := parse(e, s)
	return s.here(u)
}

// Loses names the attributes that keep somebody out and are gone.
func (h *Handler) Loses(c schema.Change) (names []string) {
	if c.Old == nil || c.New == nil {
		return nil
	}
	for _, name := range schema.AccountAttributes() {
		if c.Old.First(name) != "" && c.New.First(name) == "" {
			names = append(names, name)
		}
	}
	return names
}

// Steps tells what a call would do.
func (h *Handler) Steps(c schema.Change) []string {
	s, err := h.settings()
	if err != nil {
		return []string{err.Error()}
	}
	old, new, err := sides(c, s)
	steps := NewPlan(old, new, s, h.cfg.Now()).Steps()
	if err != nil {
		steps = append(steps, err.Error())
	}
	return steps
}

// Apply notes what Flush is to do. What is wrong with an entry is told at once, after the rest was done.
func (h *Handler) Apply(ctx context.Context, c schema.Change) error {
	s, err := h.settings()
	if err != nil {
		return err
	}
	j := job{Change: c, received: h.cfg.Now()}
	if _, _, err := sides(c, s); err != nil {
		if faults := h.carryOut(ctx, s, []job{j}); faults != nil {
			return faults
		}
		return schema.Partlyf("%w", err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if before, noted := h.noted[c.UUID]; noted {
		j.received = before.received
	}
	h.noted[c.UUID] = j
	return nil
}

// Flush does what was noted. That is forgotten also when it fails: the listener then applies each entry again, as it is by
// then.
func (h *Handler) Flush(ctx context.Context) error {
	h.mu.Lock()
	jobs := make([]job, 0, len(h.noted))
	for _, j := range h.noted {
		jobs = append(jobs, j)
	}
	clear(h.noted)
	h.mu.Unlock()
	s, err := h.settings()
	if err != nil || len(jobs) == 0 {
		return err
	}
	slices.SortFunc(jobs, func(a, b job) int { return a.UUID.Compare(b.UUID) })
	return h.carryOut(ctx, s, jobs)
}

func (h *Handler) settings() (Settings, error) {
	view, err := h.cfg.View()
	if err != nil {
		return Settings{}, &schema.TargetDown{Target: "registry", Err: err}
	}
	host, err := view.FQDN()
	if err != nil {
		return Settings{}, err
	}
	return Settings{Host: host, Lockout: view.Duration("mail/account/lockout")}, nil
}

func (h *Handler) blocked() (blocked, error) { return Blocked(h.cfg.Root) }

// sides parses both entries of a change; its errors name the DN and are about the new one.
func sides(c schema.Change, s Settings) (old, new *User, err error) {
	old, _ = parse(c.Old, s)
	new, err = parse(c.New, s)
	return old, new, err
}

// parse returns an entry as a user, nil when it is none; it is what could be read: without an address, when that is none, the
// names by which the directory finds the entry all the same. The error is about the account only: what is wrong with the
// mailbox handler mailbox tells, and once is enough.
func parse(e *schema.Entry, s Settings) (*User, error) {
	if !schema.IsMailbox(e) {
		return nil, nil
	}
	m, bad := schema.ParseMailbox(e)
	if bad != nil {
		m = schema.Mailbox{
			UUID: e.UUID, DN: e.DN, HomeServer: strings.ToLower(e.First(schema.AttrHomeServer)),
			OtherLogins: slices.Concat(e.Values("uid"), e.Values(schema.AttrPrimaryAddress)),
		}
		for i, name := range m.OtherLogins {
			m.OtherLogins[i] = strings.ToLower(name)
		}
	}
	a, err := schema.ParseAccount(e, s.Lockout)
	return &User{m, a, e.First(schema.AttrEntryCSN)}, err
}

// changedAt returns the time of an entryCSN, 20261124053715.123456Z#000000#000#000000, zero when it is none.
func changedAt(csn string) time.Time {
	text, _, _ := strings.Cut(csn, "#")
	at, err := time.Parse("20060102150405.999999999Z", text)
	if err != nil {
		return time.Time{}
	}
	return at
}

// named says in an error whose account it is about.
func named(c schema.Change, err error) error {
	if who := c.DN(); who != "" {
		return fmt.Errorf("%s: %w", who, err)
	}
	return fmt.Errorf("entry %s: %w", c.UUID, err)
}
