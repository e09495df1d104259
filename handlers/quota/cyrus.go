package quota

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/mailreg/mailreg/handlers/mailbox"
	"github.com/mailreg/mailreg/registry"
	"github.com/mailreg/mailreg/schema"
)

// Stores is what the handler needs of Cyrus, which reads no quotas anywhere: each store has its limit.
type Stores interface {
	// SetQuota limits the store that an owner has to so many KB, 0 for no limit, unless it is limited so already. An owner without
	// a store is passed over.
	SetQuota(ctx context.Context, owner schema.UUID, limit int64) error
	// Quota returns the limit of an owner's store in KB; found is false when there is no store.
	Quota(ctx context.Context, owner schema.UUID) (limit int64, found bool, err error)
}

// Version says what limits depend on beside entries, where the handler sets them.
func (h *Handler) Version() string {
	view, homes, err := h.home()
	if err != nil || !homes.Named || h.cfg.Cyrus == nil {
		return ""
	}
	return fmt.Sprintf("limits %t %d", view.Bool("mail/cyrus/imap/quota"), view.Int("mail/cyrus/imap/quota/default"))
}

// Limit limits the store of a mail user as the entry says, or else policies, or else the settings: whoever has made or moved
// one calls it. It waits until the policies are known. As one limit is set at a time, and policies count from before the first
// one that they change, none is set by what has been.
func (h *Handler) Limit(ctx context.Context, e *schema.Entry) error {
	select {
	case <-h.recalled:
	case <-ctx.Done():
		return fmt.Errorf("%w: the quotas of policies are not known yet", schema.ErrTemporary)
	}
	view, err := h.cfg.View()
	if err != nil {
		return &schema.TargetDown{Target: "registry", Err: err}
	}
	if h.cfg.Cyrus == nil {
		return nil
	}
	return h.limit(ctx, view, e)
}

func (h *Handler) limit(ctx context.Context, view *registry.View, e *schema.Entry) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.cfg.Cyrus(view).SetQuota(ctx, e.UUID, h.kilobytes(view, e))
}

// kilobytes is the limit that a store is to have. It needs the lock.
func (h *Handler) kilobytes(view *registry.View, e *schema.Entry) int64 {
	if !view.Bool("mail/cyrus/imap/quota") {
		return 0
	}
	if own := e.First(schema.AttrUserQuota); own != "" {
		megabytes, _ := strconv.ParseInt(Megabytes(own), 10, 64) // always a number
		return megabytes << 10
	}
	if h.policies == nil {
		h.policies = schema.NewQuotaPolicies(maps.Values(h.known))
	}
	if megabytes, found := h.policies.Of(e); found {
		return megabytes << 10
	}
	return view.Int("mail/cyrus/imap/quota/default") << 10
}

// limitAll limits the stores of those to whom policies give something else than before. A call that ends early has done some of
// them, with which the next one does not begin again; one store that fails keeps no other.
func (h *Handler) limitAll(ctx context.Context, view *registry.View, homes mailbox.Homes, b burst) error {
	h.mu.Lock()
	if h.given == nil {
		h.given = Owners(maps.Values(h.known), homes)
	}
	given := Owners(maps.Values(b.next), homes)
	owners := append(Changed(h.given, given), b.repeated...)
	if b.everyone {
		owners = slices.Collect(maps.Keys(b.next))
	}
	h.known, h.policies = b.next, nil
	h.mu.Unlock()
	slices.SortFunc(owners, schema.UUID.Compare)
	var failed error
	for _, owner := range slices.Compact(owners) {
		if e := b.next[owner]; here(e, homes) {
			err := h.limit(ctx, view, e)
			if ctx.Err() != nil || errors.As(err, new(*schema.TargetDown)) {
				return err
			}
			if err != nil {
				failed = errors.Join(failed, fmt.Errorf("%s: %w", e.DN, err))
				continue
			}
		}
		h.note(owner, given)
	}
	return failed
}

// note remembers what an owner has been given.
func (h *Handler) note(owner schema.UUID, given map[schema.UUID]int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if megabytes, found := given[owner]; found {
		h.given[owner] = megabytes
	} else {
		delete(h.given, owner)
	}
}

// here reports whether an entry is a mail user who is at home on this host.
func here(e *schema.Entry, homes mailbox.Homes) bool {
	if !schema.IsMailbox(e) {
		return false
	}
	m, err := schema.ParseMailbox(e)
	return err == nil && homes.Here(&m)
}

// compare compares the limit of a store with what it is to be; where there is none, that is the matter of handler mailbox.
func (h *Handler) compare(ctx context.Context, view *registry.View, e *schema.Entry) ([]schema.Difference, error) {
	have, found, err := h.cfg.Cyrus(view).Quota(ctx, e.UUID)
	if err != nil || !found {
		return nil, err
	}
	h.mu.Lock()
	want := h.kilobytes(view, e)
	h.mu.Unlock()
	if have == want {
		return nil, nil
	}
	return []schema.Difference{{What: "quota in KB", Want: strconv.FormatInt(want, 10), Have: strconv.FormatInt(have, 10)}}, nil
}
