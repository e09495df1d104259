package mailbox

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"sync"
	"time"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/handlers/backend/dovecot"
	"github.com/mailreg/mailreg/handlers/backend/maildir"
	"github.com/mailreg/mailreg/handlers/backend/sieve"
	"github.com/mailreg/mailreg/registry"
	"github.com/mailreg/mailreg/schema"
)

// Name is the handler's name.
const Name = "mailbox"

// Backend keeps stores on a mail server. Each change of a store is idempotent.
type Backend interface {
	Layout() backend.Layout
	// Inspect tells how an owner's store differs from what Ensure would leave.
	Inspect(ctx context.Context, o backend.Owner) ([]schema.Difference, error)
	// Stores yields the stores in place, sorted by path.
	Stores(ctx context.Context) iter.Seq2[backend.Store, error]
	// Address returns the address of the store that is in place for an owner.
	Address(ctx context.Context, owner schema.UUID, hints ...schema.Address) (schema.Address, bool, error)
	Ensure(ctx context.Context, o backend.Owner, follow bool) error
	Keep(ctx context.Context, o backend.Owner) error
	Trash(ctx context.Context, a backend.Away) error
	Quarantine(ctx context.Context, a backend.Away) error
	Leave(ctx context.Context, a backend.Away) error
	SetAside(ctx context.Context, a backend.Away) error
	Inherit(ctx context.Context, former, owner schema.UUID, hint schema.Address) error
	Flush(ctx context.Context, names ...string) error
	Kick(ctx context.Context, names ...string) error
}

// CyrusBackend is a backend with a trash of its own.
type CyrusBackend interface {
	Backend
	Purge(ctx context.Context) ([]string, error)
}

// Limiter decides about the limits of stores, and sets them, where the server itself reads none.
type Limiter interface {
	// Limit limits the store of a mail user as the entry says, or else policies. Idempotent.
	Limit(ctx context.Context, e *schema.Entry) error
}

// Config is what the handler works with.
type Config struct {
	// Root is the directory below which the spool lies; "/" when empty.
	Root string
	// View reads the registry as it is now. Required.
	View func() (*registry.View, error)
	// Transfer moves mail between hosts; nil leaves it where it is.
	Transfer Transfer
	// Limits limits stores on Cyrus; nil leaves them without.
	Limits Limiter
	// Cyrus returns the keeper of stores on the Cyrus that the settings describe. It keeps a connection, so it is the daemon's;
	// nil where the program has none.
	Cyrus func(view *registry.View) CyrusBackend
	// Backend stands in for the one that the settings name; nil takes that.
	Backend Backend
	// Now is time.Now when nil.
	Now func() time.Time
	// Logger discards when nil.
	Logger *slog.Logger
}

// Handler is the mailbox handler.
type Handler struct {
	cfg Config
	// vacated wakes Run.
	vacated chan struct{}
	// filters gives new stores their Sieve script.
	filters *sieve.Installer
	// greeting are the owners whom somebody is sending the first mail.
	greeting sync.Map
	// queue is for the lock of the spool.
	queue maildir.Queue
}

// New returns the handler.
func New(cfg Config) *Handler {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Handler{cfg: cfg, vacated: make(chan struct{}, 1), filters: &sieve.Installer{Root: cfg.Root}}
}

// Name returns "mailbox".
func (h *Handler) Name() string { return Name }

// Match accepts mail users with a primary address, whichever host is their home.
func (h *Handler) Match(e *schema.Entry) bool { return schema.IsMailbox(e) }

// Claims names the primary address, whichever host is its home; an invalid one claims nothing.
func (h *Handler) Claims(e *schema.Entry) []string {
	m, err := parse(e)
	if err != nil || m == nil {
		return nil
	}
	return []string{"mailbox:" + m.Primary.String()}
}

// Takes reports whether Apply would take mail away from where it is.
func (h *Handler) Takes(c schema.Change) bool {
	view, err := h.cfg.View()
	if err != nil {
		return false
	}
	s, err := h.settings(view)
	if err != nil {
		return false
	}
	old, new, err := sides(c)
	return err == nil && Takes(Plan(old, new, s), new, s)
}

// Targets names the spool and the server that Apply would meet, none when it would do nothing here.
func (h *Handler) Targets(c schema.Change) []string {
	view, err := h.cfg.View()
	if err != nil {
		return nil
	}
	s, err := h.settings(view)
	if err != nil {
		return nil
	}
	old, new, err := sides(c)
	if err != nil || len(Plan(old, new, s)) == 0 {
		return nil
	}
	switch name, err := BackendName(h.cfg.Root, view); {
	case err == nil && name == Dovecot:
		return []string{"spool", dovecot.Target}
	case err == nil && name == Cyrus:
		return []string{Cyrus}
	default:
		return []string{"spool"}
	}
}

// Steps tells what Apply would do.
func (h *Handler) Steps(c schema.Change) (steps []string) {
	view, err := h.cfg.View()
	if err != nil {
		return nil
	}
	s, err := h.settings(view)
	if err != nil {
		return []string{err.Error()}
	}
	old, new, err := sides(c)
	if err != nil {
		return []string{err.Error()}
	}
	for _, a := range Plan(old, new, s) {
		steps = append(steps, h.step(c, a))
	}
	return steps
}

// foreteller is a backend that can tell what it would find in the place of a store.
type foreteller interface {
	Foretell(ctx context.Context, o backend.Owner) (string, error)
}

// step tells of one action; whether a store is adopted or set aside only the disk can say.
func (h *Handler) step(c schema.Change, a Action) string {
	if a.Op != Ensure {
		return a.String()
	}
	_, keeper, err := h.open()
	teller, tells := keeper.(foreteller)
	if err != nil || !tells {
		return a.String()
	}
	what, err := teller.Foretell(context.Background(), backend.Owner{UUID: c.UUID, Address: a.To, Changed: changed(c.New)})
	switch {
	case err != nil:
		return a.String() + ": " + err.Error()
	case what != "":
		return a.String() + ": " + what
	}
	return a.String()
}

// Keeps reports whether this host is the home of an entry's mailbox.
func (h *Handler) Keeps(e *schema.Entry) bool {
	view, err := h.cfg.View()
	if err != nil {
		return true
	}
	s, err := h.settings(view)
	if err != nil {
		return true
	}
	m, err := parse(e)
	return err == nil && s.Here(m)
}

// Apply brings the mailbox in line with the entry.
func (h *Handler) Apply(ctx context.Context, c schema.Change) error {
	old, new, err := sides(c)
	if err != nil {
		return err
	}
	if err := h.apply(ctx, c, old, new); err != nil {
		return named(c, err)
	}
	return nil
}

func (h *Handler) apply(ctx context.Context, c schema.Change, old, new *schema.Mailbox) error {
	s, keeper, err := h.open()
	if err != nil {
		return err
	}
	r := run{backend: keeper, follow: s.Rename, owner: backend.Owner{UUID: c.UUID, Changed: changed(c.New)}}
	r.transfer, r.dn, r.limits, r.entry = h.cfg.Transfer, c.DN(), h.cfg.Limits, c.New
	plan, err := h.reconsider(ctx, c.UUID, Plan(old, new, s), new, s)
	if err != nil {
		return err
	}
	if len(plan) > 0 {
		defer h.leave()
	}
	h.remark(old, new, s)
	if err := r.notice(ctx, plan); err != nil {
		return err
	}
	for _, a := range plan {
		if err := r.do(ctx, a); err != nil {
			return fmt.Errorf("%s: %w", a.Op, err)
		}
	}
	if !s.Here(new) {
		return nil
	}
	r.owner.Address = new.Primary
	return h.welcome(ctx, keeper, r.owner)
}

// remark tells of mail that stays behind.
func (h *Handler) remark(old, new *schema.Mailbox, s Settings) {
	if s.Here(old) && !s.Here(new) && new != nil && !s.Transfer {
		h.cfg.Logger.Warn("the home server is another host; the mail stays here", "handler", Name, "dn", new.DN, "uuid", new.UUID,
			"peer", new.HomeServer)
	}
}

// SetAside frees the address that the owner's store lies under, to break a cycle of renames. Which one that is the disk
// knows better than the old entry: a call that had no answer may have moved the store. One that such a call has made for
// an owner who had none here stays: whoever gets the address puts it into quarantine, from where it comes back.
func (h *Handler) SetAside(ctx context.Context, c schema.Change) error {
	old, new, err := sides(c)
	if err != nil {
		return err
	}
	s, keeper, err := h.open()
	if err != nil {
		return named(c, err)
	}
	if !s.Here(old) {
		return nil
	}
	away := backend.Away{UUID: c.UUID, From: old.Primary}
	if s.Here(new) {
		away.Unless = new.Primary
	}
	if keeper.Layout() == backend.ByUUID {
		return nil // no store stands in the way of another
	}
	kick := []string{old.Primary.String()}
	at, found, err := keeper.Address(ctx, c.UUID, old.Primary, away.Unless)
	if err != nil {
		return named(c, err)
	}
	if found && at != old.Primary {
		kick = append(kick, at.String())
	}
	defer h.leave()
	alone := solitude{keeper, logins(old, new), kick}
	if err := alone.do(ctx, func() error { return keeper.SetAside(ctx, away) }); err != nil {
		return named(c, err)
	}
	return nil
}

// named says in an error whose mailbox it is about.
func named(c schema.Change, err error) error {
	if who := c.DN(); who != "" {
		return fmt.Errorf("%s: %w", who, err)
	}
	return fmt.Errorf("entry %s: %w", c.UUID, err)
}

func (h *Handler) open() (Settings, Backend, error) {
	view, err := h.cfg.View()
	if err != nil {
		return Settings{}, nil, &schema.TargetDown{Target: "registry", Err: err}
	}
	s, err := h.settings(view)
	if err != nil {
		return Settings{}, nil, err
	}
	if h.cfg.Backend != nil {
		return s, h.cfg.Backend, nil
	}
	keeper, err := h.backend(view)
	return s, keeper, err
}

// sides parses both entries of a change; its errors name the DN. An old entry that cannot be read never had a store here.
func sides(c schema.Change) (old, new *schema.Mailbox, err error) {
	new, err = parse(c.New)
	if err != nil {
		return nil, nil, err
	}
	old, err = parse(c.Old)
	if err != nil {
		old = nil
	}
	return old, new, nil
}

func parse(e *schema.Entry) (*schema.Mailbox, error) {
	if !schema.IsMailbox(e) {
		return nil, nil
	}
	m, err := schema.ParseMailbox(e)
	if err != nil {
		return nil, err
	}
	return &m, nil
}

// changed returns when an entry changed last by its entryCSN, 20261124053715.123456Z#000000#000#000000.
func changed(e *schema.Entry) time.Time {
	if e == nil {
		return time.Time{}
	}
	csn := e.First("entryCSN")
	if len(csn) < 14 {
		return time.Time{}
	}
	at, err := time.Parse("20060102150405", csn[:14])
	if err != nil {
		return time.Time{}
	}
	return at
}

// run carries out one plan.
type run struct {
	backend  Backend
	transfer Transfer
	limits   Limiter
	dn       string
	follow   bool
	owner    backend.Owner
	// entry is the new one.
	entry *schema.Entry
	// extra is an address under which the store is known since an attempt that was not acknowledged, "" when there is none.
	extra string
}

// notice looks for that address when a store is to leave its place, so that sessions under it end too.
func (r *run) notice(ctx context.Context, plan []Action) error {
	for _, a := range plan {
		if !a.vacates() || a.Op == Leave {
			continue
		}
		at, found, err := r.backend.Address(ctx, r.owner.UUID, a.From, a.To)
		if err != nil {
			return err
		}
		if found && at != a.From && at != a.To {
			r.extra = at.String()
		}
	}
	return nil
}

func (r *run) names(a Action) []string {
	if r.extra == "" {
		return a.Names
	}
	return append(a.Names[:len(a.Names):len(a.Names)], r.extra)
}

func (r *run) do(ctx context.Context, a Action) error {
	owner := r.owner
	owner.Address = a.To
	away := backend.Away{UUID: r.owner.UUID, From: a.From, Unless: a.To, Cause: a.Cause}
	switch a.Op {
	case Flush:
		return r.backend.Flush(ctx, r.names(a)...)
	case Kick:
		return r.backend.Kick(ctx, r.names(a)...)
	case Keep:
		if r.follow {
			return r.backend.Ensure(ctx, owner, true)
		}
		return r.backend.Keep(ctx, owner)
	case Ensure:
		return r.backend.Ensure(ctx, owner, r.follow)
	case Move:
		return r.backend.Ensure(ctx, owner, true)
	case Quarantine:
		return r.backend.Quarantine(ctx, away)
	case Trash:
		return r.backend.Trash(ctx, away)
	case Leave:
		return r.backend.Leave(ctx, away)
	case Limit:
		if r.limits == nil {
			return nil
		}
		return r.limits.Limit(ctx, r.entry)
	case HandOver:
		if err := r.makeRoom(ctx, a); err != nil {
			return err
		}
		return r.transfer.HandOver(ctx, r.journey(a))
	case Await:
		return r.transfer.Await(ctx, r.journey(a))
	default:
		return errors.New("unknown action")
	}
}
