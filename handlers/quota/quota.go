package quota

import (
	"context"
	"iter"
	"maps"
	"slices"
	"sync"

	"github.com/mailreg/mailreg/handlers/backend/dovecot"
	"github.com/mailreg/mailreg/registry"
	"github.com/mailreg/mailreg/schema"
)

// Name is the handler's name.
const Name = "quota"

// Table is the name of Dovecot's table.
const Table = "quota"

// Server is what the handler needs of Dovecot.
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
}

// New returns the handler.
func New(cfg Config) *Handler {
	if cfg.Server == nil {
		cfg.Server = struct {
			*dovecot.Tables
			*dovecot.Client
		}{dovecot.NewTables(cfg.Root), dovecot.NewClient(cfg.Root)}
	}
	return &Handler{cfg: cfg, known: map[schema.UUID]*schema.Entry{}, noted: map[schema.UUID]*schema.Entry{}}
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
}

// Apply notes what Flush is to bring about.
func (h *Handler) Apply(_ context.Context, c schema.Change) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.noted[c.UUID] = cut(c.New)
	if c.Old != nil && c.New != nil && cut(c.Old).Equal(cut(c.New)) {
		h.again = append(h.again, names(c.New)...)
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

// Flush brings the table in line. What was noted is forgotten also when that fails: the listener applies each entry again.
func (h *Handler) Flush(ctx context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	noted, again := h.noted, h.again
	h.noted, h.again = map[schema.UUID]*schema.Entry{}, nil
	if len(noted) == 0 {
		return nil
	}
	next := maps.Clone(h.known)
	for uuid, e := range noted {
		next[uuid] = e
	}
	return h.bring(ctx, next, again)
}

// Reconcile brings the table in line with all entries.
func (h *Handler) Reconcile(ctx context.Context, entries iter.Seq[*schema.Entry]) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	next := map[schema.UUID]*schema.Entry{}
	for e := range entries {
		next[e.UUID] = cut(e)
	}
	return h.bring(ctx, next, nil)
}

// bring tells Dovecot what entries say, and remembers them once that is done. It is to look at some names again in any case.
func (h *Handler) bring(ctx context.Context, next map[schema.UUID]*schema.Entry, again []string) error {
	maps.DeleteFunc(next, func(_ schema.UUID, e *schema.Entry) bool { return e == nil })
	host, err := h.recollect()
	if err != nil {
		return err
	}
	quotas := Plan(maps.Values(next), host)
	written, err := h.cfg.Server.Write(Table, Lines(quotas), true)
	if err != nil {
		return err
	}
	changed := Changed(h.told, quotas)
	if len(changed) == 0 && written { // by a call whose end nobody has seen
		changed = slices.Sorted(maps.Keys(quotas))
	}
	changed = append(changed, again...)
	slices.Sort(changed)
	if err := h.forget(ctx, slices.Compact(changed)); err != nil {
		return err
	}
	h.known, h.told = next, quotas
	return nil
}

// recollect sees to it that what Dovecot was told is known, and returns the name of the host.
func (h *Handler) recollect() (host string, err error) {
	host, err = h.host()
	if err == nil && h.told == nil {
		h.told = Plan(maps.Values(h.known), host)
	}
	return host, err
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

func (h *Handler) host() (string, error) {
	view, err := h.cfg.View()
	if err != nil {
		return "", &schema.TargetDown{Target: "registry", Err: err}
	}
	return view.FQDN()
}
