package policy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/mailreg/mailreg/registry"
	"github.com/mailreg/mailreg/schema"
)

// Name is the handler's name.
const Name = "policy"

// Registry is what the handler needs of the registry.
type Registry interface {
	View() (*registry.View, error)
	Change(ctx context.Context, edit registry.Edit) (registry.Outcome, error)
}

// Config is what the handler works with.
type Config struct {
	// Registry holds layer ldap. Required.
	Registry Registry
	// Scope says which entries assign policies to this host. Without a host nothing happens.
	Scope schema.Scope
	// Logger discards when nil.
	Logger *slog.Logger
}

// Handler is the policy handler.
type Handler struct {
	cfg    Config
	levels []schema.DN

	mu sync.Mutex
	// known are the policies and levels that layer ldap was made from; noted are their changes until Flush, nil for an entry
	// that is gone.
	known, noted map[schema.UUID]*schema.Entry
	// seen says that there was a policy in this run.
	seen bool

	// notes have a lock of their own: who asks for them must not wait for servers that are being reloaded.
	notesMu sync.Mutex
	notes   []string
}

// New returns the handler.
func New(cfg Config) *Handler {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Handler{
		cfg: cfg, levels: cfg.Scope.Levels(), known: map[schema.UUID]*schema.Entry{}, noted: map[schema.UUID]*schema.Entry{},
	}
}

// Name returns "policy".
func (h *Handler) Name() string { return Name }

// Match accepts policies and the entries that assign them to this host.
func (h *Handler) Match(e *schema.Entry) bool {
	return len(h.levels) > 0 && (schema.IsPolicy(e) || schema.IsLevel(e, h.levels))
}

// Loses names what is gone of the attributes: the absence of a policy's values, of references and of what the condition of
// a policy asks for is to be confirmed.
func (h *Handler) Loses(c schema.Change) (names []string) {
	for _, attr := range c.Old.Attrs {
		if !slices.Contains(operational(), attr.Name) && c.New.Values(attr.Name) == nil {
			names = append(names, attr.Name)
		}
	}
	return names
}

// operational returns the names of attributes that no policy depends on.
func operational() []string { return []string{"createtimestamp", "entrycsn", "entryuuid"} }

// Notes returns what of the policies for this host is not in force, and why.
func (h *Handler) Notes() []string {
	h.notesMu.Lock()
	defer h.notesMu.Unlock()
	return slices.Clone(h.notes)
}

// Recall takes in what layer ldap was made from.
func (h *Handler) Recall(entries iter.Seq[*schema.Entry]) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for e := range entries {
		h.known[e.UUID] = e
	}
}

// Apply notes what Flush is to bring about.
func (h *Handler) Apply(_ context.Context, c schema.Change) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.noted[c.UUID] = c.New
	return nil
}

// Flush writes layer ldap. Its Faults are the entries whose change was refused, and the policies of which something was.
// What was noted is forgotten also when it was refused: the listener applies each entry again, as it is by then.
func (h *Handler) Flush(ctx context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	noted := h.noted
	h.noted = map[schema.UUID]*schema.Entry{}
	if len(noted) == 0 {
		return nil
	}
	faults, err := h.advance(ctx, noted)
	if err != nil || len(faults) == 0 {
		return err
	}
	return faults
}

// Reconcile sets the layer right. An entry whose change is refused stays as it was; that has a mark, and is told by Flush.
func (h *Handler) Reconcile(ctx context.Context, entries iter.Seq[*schema.Entry]) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	changes := map[schema.UUID]*schema.Entry{}
	for uuid := range h.known {
		changes[uuid] = nil
	}
	for e := range entries {
		changes[e.UUID] = e
	}
	maps.DeleteFunc(changes, func(uuid schema.UUID, e *schema.Entry) bool { return e.Equal(h.known[uuid]) })
	if len(changes) > 0 {
		_, _ = h.advance(ctx, changes)
	}
	_, err := h.bring(ctx, nil) // once more, for somebody else may have written into the layer
	return err
}

// advance brings changes about: all at once or, when that is refused, one by one, so that none is in the way of another.
func (h *Handler) advance(ctx context.Context, changes map[schema.UUID]*schema.Entry) (schema.Faults, error) {
	found, err := h.bring(ctx, changes)
	_, down := errors.AsType[*schema.TargetDown](err)
	if err != nil && (down || len(changes) < 2 || ctx.Err() != nil) {
		return nil, err
	}
	faults := schema.Faults{}
	if err != nil {
		for _, uuid := range h.turns(changes) {
			one, err := h.bring(ctx, map[schema.UUID]*schema.Entry{uuid: changes[uuid]})
			if err != nil {
				faults[uuid] = err
				continue
			}
			found = one
		}
	}
	addFaults(faults, found)
	return faults, nil
}

// turns returns the order of changes that are brought about one by one. A level comes before the policies that it assigns
// anew, so that each is judged alone; but one that drops a policy comes after them, and what is gone at the end, so that
// what is refused does not take along what it is to replace.
func (h *Handler) turns(changes map[schema.UUID]*schema.Entry) []schema.UUID {
	turn := func(uuid schema.UUID) int {
		switch e := changes[uuid]; {
		case e == nil:
			return 3
		case schema.IsPolicy(e):
			return 1
		case slices.ContainsFunc(references(h.known[uuid]), func(name string) bool { return !slices.Contains(references(e), name) }):
			return 2
		default:
			return 0
		}
	}
	return slices.SortedFunc(maps.Keys(changes), func(a, b schema.UUID) int {
		return cmp.Or(cmp.Compare(turn(a), turn(b)), a.Compare(b))
	})
}

// addFaults adds what was found wrong with policies that are in force otherwise.
func addFaults(faults schema.Faults, found []Fault) {
	texts, names := map[schema.UUID][]string{}, map[schema.UUID]string{}
	for _, fault := range found {
		if _, refused := faults[fault.Policy]; !fault.Harmless && !refused {
			texts[fault.Policy], names[fault.Policy] = append(texts[fault.Policy], fault.Text), fault.DN
		}
	}
	for uuid, list := range texts {
		slices.Sort(list) // a policy that is assigned twice is wrong once
		faults[uuid] = schema.Partlyf("%s: %s", names[uuid], strings.Join(slices.Compact(list), "; "))
	}
}

// Inspect tells which values of a policy are not in layer ldap although they decide.
func (h *Handler) Inspect(_ context.Context, e *schema.Entry) (found []schema.Difference, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	view, err := h.cfg.Registry.View()
	if err != nil {
		return nil, &schema.TargetDown{Target: "registry", Err: err}
	}
	plan := Make(h.levels, values(h.known))
	if len(plan.Missing) > 0 {
		return nil, nil
	}
	now := view.In(registry.LDAP)
	for _, set := range Edit(view, &plan).Set {
		if plan.Sources[set.Key].UUID == e.UUID {
			found = append(found, schema.Difference{What: set.Key, Want: set.Value, Have: now[set.Key]})
		}
	}
	return found, nil
}

// bring makes the layer what the policies say after some changes, and remembers them once that is done. It returns what
// of the policies is not in force.
func (h *Handler) bring(ctx context.Context, changes map[schema.UUID]*schema.Entry) ([]Fault, error) {
	next := maps.Clone(h.known)
	for uuid, e := range changes {
		next[uuid] = e
	}
	maps.DeleteFunc(next, func(_ schema.UUID, e *schema.Entry) bool { return e == nil })
	before, plan := Make(h.levels, values(h.known)), Make(h.levels, values(next))
	unknown := h.unknown(&plan)
	if unknown == "" && (before.Any || plan.Any) {
		if err := h.write(ctx, &plan); err != nil {
			return nil, err
		}
	}
	h.known, h.seen = next, h.seen || before.Any || plan.Any
	if !h.seen {
		unknown = "" // which does not matter
	}
	h.note(unknown, plan.Faults)
	return plan.Faults, nil
}

// unknown says why nobody can tell which policies are for this host, "" when that can be told.
func (h *Handler) unknown(plan *Plan) string {
	if len(h.levels) == 0 {
		return fmt.Sprintf("layer %s stays as it is: ldap/hostdn %q is not below ldap/base %q", registry.LDAP, h.cfg.Scope.Host, h.cfg.Scope.Base)
	}
	var names []string
	for _, level := range plan.Missing {
		names = append(names, level.String())
	}
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf("layer %s stays as it is: the directory does not show %s, where policies may be assigned; "+
		"the account must be allowed to read it and to search for entryDN", registry.LDAP, strings.Join(names, ", "))
}

func values(entries map[schema.UUID]*schema.Entry) []*schema.Entry {
	return slices.Collect(maps.Values(entries))
}

// write makes layer ldap what a plan says, and adds to its faults what the registry refuses.
func (h *Handler) write(ctx context.Context, plan *Plan) error {
	view, err := h.cfg.Registry.View()
	if err != nil {
		return &schema.TargetDown{Target: "registry", Err: err}
	}
	edit := Edit(view, plan)
	if len(edit.Set) == 0 && len(edit.Unset) == 0 {
		return nil
	}
	out, err := h.cfg.Registry.Change(ctx, edit)
	if errors.Is(err, registry.ErrPending) {
		h.cfg.Logger.Warn("layer ldap is written, a service action is pending", "handler", Name, "err", err)
		err = nil
	}
	if err != nil {
		return fmt.Errorf("writing layer %s: %w", registry.LDAP, err)
	}
	for _, key := range out.Keys {
		if _, ours := plan.Sources[key.Key]; ours && key.Refusal != nil {
			plan.Faults = append(plan.Faults, faultOf(plan.Sources[key.Key], "left as it was: %v", key.Refusal))
		}
	}
	return nil
}

// Edit returns what makes layer ldap what a plan says. Keys that policies must not touch become faults of the plan.
func Edit(view *registry.View, plan *Plan) registry.Edit {
	edit := registry.Edit{Layer: registry.LDAP, Internal: true, Skip: true}
	now := view.In(registry.LDAP)
	for _, key := range slices.Sorted(maps.Keys(plan.Values)) {
		value, source := plan.Values[key], plan.Sources[key]
		declared, _ := view.Declaration(key)
		was, exists := now[key]
		switch {
		case view.Local(key):
			fault := faultOf(source, "%s is local to this host: its value is ignored", key)
			fault.Harmless = true
			plan.Faults = append(plan.Faults, fault)
		case declared.ReadOnly:
			plan.Faults = append(plan.Faults, faultOf(source, "left as it was: %s is read-only: the daemon writes it", key))
		case !exists || was != value:
			edit.Set = append(edit.Set, registry.Assignment{Key: key, Value: value})
		}
	}
	for _, key := range slices.Sorted(maps.Keys(now)) {
		if _, stays := plan.Values[key]; (!stays || view.Local(key)) && !plan.Undecided[key] {
			edit.Unset = append(edit.Unset, key)
		}
	}
	return edit
}

// note keeps what is not in force for the status, and logs what is new of it.
func (h *Handler) note(unknown string, faults []Fault) {
	var notes []string
	if unknown != "" {
		notes = append(notes, unknown)
	}
	for _, fault := range faults {
		notes = append(notes, "policy "+fault.DN+": "+fault.Text)
	}
	slices.Sort(notes)
	notes = slices.Compact(notes)
	h.notesMu.Lock()
	before := h.notes
	h.notes = notes
	h.notesMu.Unlock()
	for _, note := range notes {
		if !slices.Contains(before, note) {
			h.cfg.Logger.Warn(note, "handler", Name)
		}
	}
}
