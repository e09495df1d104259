package mailbox

import (
	"context"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/schema"
)

// Reidentify gives the store of a former id to the present one: the directory was loaded anew, and a person has said that its
// entries are who they were. What was delivered to the new id meanwhile is merged.
func (h *Handler) Reidentify(ctx context.Context, former schema.UUID, c schema.Change) error {
	return h.undisturbed(ctx, c, func(keeper Backend, old *schema.Mailbox) error {
		return keeper.Inherit(ctx, former, c.UUID, old.Primary)
	})
}

// Disown puts the store of an id that is gone out of reach: another id has its name, and a person has said that it is somebody
// else.
func (h *Handler) Disown(ctx context.Context, c schema.Change) error {
	return h.undisturbed(ctx, c, func(keeper Backend, old *schema.Mailbox) error {
		return keeper.Quarantine(ctx, backend.Away{UUID: c.UUID, From: old.Primary})
	})
}

// undisturbed acts on the store of a change's old side while nobody is logged in there.
func (h *Handler) undisturbed(ctx context.Context, c schema.Change, act func(Backend, *schema.Mailbox) error) error {
	old, err := parse(c.Old)
	if err != nil || old == nil {
		return nil // who cannot be read never had a store
	}
	s, keeper, err := h.open()
	if err != nil {
		return named(c, err)
	}
	if !s.Here(old) {
		return nil
	}
	defer h.leave()
	alone := solitude{keeper, logins(old), []string{old.Primary.String()}}
	if err := alone.do(ctx, func() error { return act(keeper, old) }); err != nil {
		return named(c, err)
	}
	return nil
}

// solitude is when nobody is logged in under some addresses, and the server has forgotten the login names that it knew.
type solitude struct {
	keeper       Backend
	names, kicks []string
}

func (s solitude) do(ctx context.Context, act func() error) error {
	if err := s.keeper.Flush(ctx, s.names...); err != nil {
		return err
	}
	if err := s.keeper.Kick(ctx, s.kicks...); err != nil {
		return err
	}
	if err := act(); err != nil {
		return err
	}
	return s.keeper.Flush(ctx, s.names...)
}
