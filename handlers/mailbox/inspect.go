package mailbox

import (
	"context"
	"strconv"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/schema"
)

// Inspect tells whether the owner's store is as Apply would leave it. Whoever has another home needs none, and nobody has one
// yet whose mail is still on the way.
func (h *Handler) Inspect(ctx context.Context, e *schema.Entry) ([]schema.Difference, error) {
	m, err := parse(e)
	if err != nil {
		return nil, err
	}
	s, keeper, err := h.open()
	if err != nil || !s.Here(m) {
		return nil, err
	}
	if h.cfg.Transfer != nil {
		if _, comes, err := h.cfg.Transfer.Engaged(e.UUID); err != nil || comes {
			return nil, err
		}
	}
	found, err := keeper.Inspect(ctx, backend.Owner{UUID: e.UUID, Address: m.Primary})
	if err != nil || len(found) > 0 { // a store that is missing has no quota either
		return found, err
	}
	return limits(ctx, keeper, Plan(m, m, s))
}

// limits compares the quotas of a plan with those of the server; where there are none in it, they are not for us to set.
func limits(ctx context.Context, keeper Backend, plan []Action) (found []schema.Difference, err error) {
	limiter, ok := keeper.(interface {
		Quota(ctx context.Context, a schema.Address) (limit int64, found bool, err error)
	})
	for _, a := range plan {
		if a.Op != Limit || !ok {
			continue
		}
		have, there, err := limiter.Quota(ctx, a.To)
		if err != nil {
			return nil, err
		}
		if there && have != a.Quota {
			found = append(found, schema.Difference{What: "quota in KB", Want: strconv.FormatInt(a.Quota, 10), Have: strconv.FormatInt(have, 10)})
		}
	}
	return found, nil
}

// Survey finds stores that nobody has: of owners whom the directory does not know, when delete=yes would have taken them, and
// those that have no mark. Which of the latter may go no setting tells.
func (h *Handler) Survey(ctx context.Context, known func(schema.UUID) bool) (strays []schema.Stray, err error) {
	s, keeper, err := h.open()
	if err != nil {
		return nil, err
	}
	for store, err := range keeper.Stores(ctx) {
		if err != nil {
			return nil, err
		}
		stray := schema.Stray{Difference: schema.Difference{What: "store", Have: store.Path}}
		switch {
		case store.UUID == schema.ArchiveUUID():
		case store.UUID.IsZero():
			stray.What = "unmarked store"
			strays = append(strays, stray)
		case s.Delete && !known(store.UUID):
			stray.UUID = store.UUID
			strays = append(strays, stray)
		}
	}
	return strays, nil
}
