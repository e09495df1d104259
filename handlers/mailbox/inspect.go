package mailbox

import (
	"context"

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
	return keeper.Inspect(ctx, backend.Owner{UUID: e.UUID, Address: m.Primary})
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
