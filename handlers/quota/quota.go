package quota

import (
	"context"
	"iter"
	"maps"
	"slices"
	"sync"

	"github.com/mailreg/mailreg/handlers/backend/dovecot"
	"github.com/mailreg/mailreg/handlers/mailbox"
	"github.com/mailreg/mailreg/registry"
	"github.com/mailreg/mailreg/schema"
)

// Name is the handler's name.
const Name = "quota"

// Table is the name of Dovecot's table.
const Table = "quota"

// Server is what the handler needs of Dovecot; Stores is that of Cyrus.
type Server interface {
	// Write replaces a table, and reports whether it differed.
	Write(name string, lines []string, keep bool) (changed bool, err error)
	// AfterTurn waits until Dovecot looks at what was written.
	AfterTurn(ctx context.Context) error
	// Flush makes Dovecot forget what it knows about users.
	Flush(ctx context.Context, users ...string) error
	// Fields returns what Dovecot says of a user, nothing when it has nothing to say.
	Fields(ctx context.Context, user string) (map[string]string, error)
}

// Config is what the handler works with.
type Config struct {
	// Root is the directory below which Dovecot's tables lie.
	Root string
	// View reads the registry as it is now. Required.
	View func() (*registry.View, error)
	// Server stands in for the Dovecot of the root; nil takes that.
	Server Server
	// Cyrus returns the keeper of stores on the Cyrus that the settings describe; nil where the program has none.
	Cyrus func(view *registry.View) Stores
}

// Handler is the quota handler.
type Handler struct {
	cfg Config

	mu sync.Mutex
	// known are the entries as they were acknowledged, cut to what a plan reads; noted are their changes until Flush, nil for one
	// that is gone.
	known, noted map[schema.UUID]*schema.Entry
	// again are the names of users whose entries came again as they were: Dovecot is to look at them anew whatever it knows.
	again []string
	// told are the quotas that Dovecot was told; nil in the beginning.
	told map[string]int64

	// The rest is for Cyrus. given is what told is, policies those of known, nil until somebody asks.
	given    map[schema.UUID]int64
	policies *schema.QuotaPolicies
	// repeated are users whose entries came again as they were; everyone says that of what is not a user.
	repeated []schema.UUID
	everyone bool
	// recalled is closed when the policies are known.
	recalled chan struct{}
	once     sync.Once
}

// New returns the handler.
func New(cfg Config) *Handler {
	if cfg.Server == nil {
		cfg.Server = struct {
			*dovecot.Tables
			*dovecot.Client
		}{dovecot.NewTables(cfg.Root), dovecot.NewClient(cfg.Root)}
	}
	return &Handler{
		cfg: cfg, known: map[schema.UUID]*schema.Entry{}, noted: map[schema.UUID]*schema.Entry{}, recalled: make(chan struct{}),
	}
}

// Name returns "quota".
func (h *Handler) Name() string { return Name }

// Match accepts policies that give quotas, containers that may be assigned some, and mail users.
func (h *Handler) Match(e *schema.Entry) bool {
	return schema.IsMailbox(e) || schema.IsQuotaPolicy(e) || schema.IsContainer(e) && e.First(schema.AttrPolicyReference) != ""
}

// Differs reports whether both sides differ in what a plan reads.
func (h *Handler) Differs(c schema.Change) bool { return !cut(c.Old).Equal(cut(c.New)) }

// cut returns what a plan reads of an entry; nil stays nil.
func cut(e *schema.Entry) *schema.Entry {
	if e == nil {
		return nil
	}
	var attrs []schema.Attribute
	for _, name := range []string{
		"objectClass", "uid", schema.AttrPrimaryAddress, schema.AttrAlternativeAddress, schema.AttrHomeServer, schema.AttrUserQuota,
		schema.AttrPolicyReference, schema.AttrPolicyQuota, schema.AttrFixed, schema.AttrEmpty, schema.AttrRequiredClasses,
		schema.AttrProhibitedClasses, schema.AttrPolicyFilter,
	} {
		if values := e.Values(name); len(values) > 0 {
			attrs = append(attrs, schema.Attribute{Name: name, Values: values})
		}
	}
	return schema.NewEntry(e.UUID, e.DN, attrs...)
}

// Recall takes in what Dovecot was told of in the last run.
func (h *Handler) Recall(entries iter.Seq[*schema.Entry]) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for e := range entries {
		h.known[e.UUID] = cut(e)
	}
	h.policies = nil
	h.once.Do(func() { close(h.recalled) })
}

// Apply notes what Flush is to bring about.
func (h *Handler) Apply(_ context.Context, c schema.Change) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.noted[c.UUID] = cut(c.New)
	switch {
	case c.Old == nil && c.New == nil:
		h.everyone = true
	case c.Old == nil || c.New == nil || !cut(c.Old).Equal(cut(c.New)):
	case schema.IsMailbox(c.New):
		h.again = append(h.again, names(c.New)...)
		h.repeated = append(h.repeated, c.UUID)
	default:
		h.everyone = true
	}
	return nil
}

// names returns the names under which Dovecot may know a mail user, none for another entry.
func names(e *schema.Entry) []string {
	if !schema.IsMailbox(e) {
		return nil
	}
	m, err := schema.ParseMailbox(e)
	if err != nil {
		return nil
	}
	return m.Names()
}

// Flush brings the server in line. What was noted is forgotten also when that fails: the listener applies each entry again.
func (h *Handler) Flush(ctx context.Context) error {
	h.mu.Lock()
	noted, b := h.noted, burst{again: h.again, repeated: h.repeated, everyone: h.everyone}
	h.noted, h.again, h.repeated, h.everyone = map[schema.UUID]*schema.Entry{}, nil, nil, false
	b.next = maps.Clone(h.known)
	h.mu.Unlock()
	if len(noted) == 0 {
		return nil
	}
	for uuid, e := range noted {
		b.next[uuid] = e
	}
	return h.bring(ctx, b)
}

// Reconcile brings the server in line with all entries.
func (h *Handler) Reconcile(ctx context.Context, entries iter.Seq[*schema.Entry]) error {
	next := map[schema.UUID]*schema.Entry{}
	for e := range entries {
		next[e.UUID] = cut(e)
	}
	return h.bring(ctx, burst{next: next})
}

// burst is what a server is to be told.
type burst struct {
	// next are all entries.
	next map[schema.UUID]*schema.Entry
	// again, repeated and everyone are those of the handler.
	again    []string
	repeated []schema.UUID
	everyone bool
}

// bring tells the server of this host what entries say.
func (h *Handler) bring(ctx context.Context, b burst) error {
	maps.DeleteFunc(b.next, func(_ schema.UUID, e *schema.Entry) bool { return e == nil })
	view, homes, err := h.home()
	if err != nil {
		return err
	}
	if homes.Named && h.cfg.Cyrus != nil {
		return h.limitAll(ctx, view, homes, b)
	}
	return h.write(ctx, homes.Host, b)
}

// write tells Dovecot what entries say, and remembers them once that is done. It is to look at some names again in any case.
func (h *Handler) write(ctx context.Context, host string, b burst) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.recollect(host)
	quotas := Plan(maps.Values(b.next), host)
	written, err := h.cfg.Server.Write(Table, Lines(quotas), true)
	if err != nil {
		return err
	}
	changed := Changed(h.told, quotas)
	if len(changed) == 0 && written { // by a call whose end nobody has seen
		changed = slices.Sorted(maps.Keys(quotas))
	}
	changed = append(changed, b.again...)
	slices.Sort(changed)
	if err := h.forget(ctx, slices.Compact(changed)); err != nil {
		return err
	}
	h.known, h.told, h.policies = b.next, quotas, nil
	return nil
}

// recollect sees to it that what Dovecot was told is known.
func (h *Handler) recollect(host string) {
	if h.told == nil {
		h.told = Plan(maps.Values(h.known), host)
	}
}

// manyNames is from how many names on everything is flushed instead.
const manyNames = 500

// forget has Dovecot ask anew about users, once it looks at the new table: what was looked up before is of the former one.
func (h *Handler) forget(ctx context.Context, names []string) error {
	if len(names) == 0 {
		return nil
	}
	if err := h.cfg.Server.AfterTurn(ctx); err != nil {
		return err
	}
	if len(names) > manyNames {
		names = nil
	}
	return h.cfg.Server.Flush(ctx, names...)
}

// home returns the settings, and which mailboxes are at home here.
func (h *Handler) home() (*registry.View, mailbox.Homes, error) {
	view, err := h.cfg.View()
	if err != nil {
		return nil, mailbox.Homes{}, &schema.TargetDown{Target: "registry", Err: err}
	}
	homes, err := mailbox.HomesOf(h.cfg.Root, view)
	return view, homes, err
}
