package folder

import (
	"context"
	"fmt"
	"time"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/schema"
)

// Inheritor is a Server that keeps stores by the ids of folders.
type Inheritor interface {
	// Inherit gives the store of a former id to the present one of a folder.
	Inherit(ctx context.Context, former schema.UUID, f backend.Folder) error
	// Disown puts the store of a folder out of reach.
	Disown(ctx context.Context, f backend.Folder) error
}

// Reidentify gives the store of a former id to the present one: the directory was loaded anew. Whom the rights mean is settled
// anew, since those whom they meant have other ids as well.
func (h *Handler) Reidentify(ctx context.Context, former schema.UUID, c schema.Change) error {
	return h.inherit(c, func(keeper Inheritor, f backend.Folder) error { return keeper.Inherit(ctx, former, f) })
}

// Disown puts the store of an id that is gone out of reach: another id has its name, and a person has said that it is another
// folder.
func (h *Handler) Disown(ctx context.Context, c schema.Change) error {
	if err := h.inherit(c, func(keeper Inheritor, f backend.Folder) error { return keeper.Disown(ctx, f) }); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.changed = true
	h.note(c)
	h.index(c.UUID, nil)
	return nil
}

func (h *Handler) inherit(c schema.Change, act func(Inheritor, backend.Folder) error) error {
	s, err := h.settings()
	old := parse(c.Old)
	if err != nil || !Here(old, s.Host) {
		return err
	}
	server, err := h.server()
	if err != nil {
		return err
	}
	keeper, ok := server.(Inheritor)
	if !ok {
		return nil
	}
	f := neutral(old, time.Time{})
	f.UUID = c.UUID
	if err := act(keeper, f); err != nil {
		return fmt.Errorf("%s: %w", c.DN(), err)
	}
	return nil
}
