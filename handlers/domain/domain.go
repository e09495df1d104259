package domain

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"sync"

	"github.com/mailreg/mailreg/registry"
	"github.com/mailreg/mailreg/schema"
)

// Name is the handler's name.
const Name = "domain"

// Registry is what the handler needs of the registry.
type Registry interface {
	View() (*registry.View, error)
	Change(ctx context.Context, edit registry.Edit) (registry.Outcome, error)
}

// Config is what the handler works with.
type Config struct {
	// Registry holds mail/hosteddomains. Required.
	Registry Registry
	// Logger discards when nil.
	Logger *slog.Logger
}

// Handler is the domain handler.
type Handler struct {
	cfg Config

	mu sync.Mutex
	// wanted collects until Flush whether a domain is to be in the list.
	wanted map[string]bool
}

// New returns the handler.
func New(cfg Config) *Handler {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Handler{cfg: cfg, wanted: map[string]bool{}}
}

// Name returns "domain".
func (h *Handler) Name() string { return Name }

// Match accepts mail domains.
func (h *Handler) Match(e *schema.Entry) bool { return schema.IsDomain(e) }

// Claims names the domain: of two entries with one name the second waits until the first is gone.
func (h *Handler) Claims(e *schema.Entry) []string {
	d, err := schema.ParseDomain(e)
	if err != nil {
		return nil
	}
	return []string{"domain:" + d.Name}
}

// Apply notes what Flush is to write.
func (h *Handler) Apply(_ context.Context, c schema.Change) error {
	changes, err := Plan(c)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	maps.Copy(h.wanted, changes)
	return nil
}

// Flush writes the list when what was noted changes it. What was noted is forgotten also when that fails: the listener
// then applies each entry again, as it is by then.
func (h *Handler) Flush(ctx context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.wanted) == 0 {
		return nil
	}
	defer clear(h.wanted)
	return h.write(ctx, func(list []string) []string { return Edit(list, h.wanted) })
}

// Reconcile sets the whole list. An entry whose name is no domain is left out: Apply reports it.
func (h *Handler) Reconcile(ctx context.Context, entries iter.Seq[*schema.Entry]) error {
	all := map[string]bool{}
	for e := range entries {
		if d, err := schema.ParseDomain(e); err == nil {
			all[d.Name] = true
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.write(ctx, func([]string) []string { return Edit(nil, all) })
}

// Inspect tells whether the domain is in the list.
func (h *Handler) Inspect(_ context.Context, e *schema.Entry) ([]schema.Difference, error) {
	d, err := schema.ParseDomain(e)
	if err != nil {
		return nil, err
	}
	view, err := h.cfg.Registry.View()
	if err != nil {
		return nil, &schema.TargetDown{Target: "registry", Err: err}
	}
	if slices.Contains(view.List("mail/hosteddomains"), d.Name) {
		return nil, nil
	}
	return []schema.Difference{{What: "mail/hosteddomains", Want: d.Name}}, nil
}

func (h *Handler) write(ctx context.Context, edit func([]string) []string) error {
	const key = "mail/hosteddomains"
	view, err := h.cfg.Registry.View()
	if err != nil {
		return &schema.TargetDown{Target: "registry", Err: err}
	}
	before := view.String(key)
	after := Join(edit(view.List(key)))
	if before == after {
		return nil
	}
	_, err = h.cfg.Registry.Change(ctx, registry.Edit{
		Layer:    registry.Normal,
		Set:      []registry.Assignment{{Key: key, Value: after}},
		Internal: true,
	})
	if errors.Is(err, registry.ErrPending) {
		h.cfg.Logger.Warn("hosted domains are written, a service action is pending", "handler", Name, "err", err)
		return nil
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", key, err)
	}
	return nil
}
