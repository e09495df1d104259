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
	if !s.mine(old) {
		return nil
	}
	names := logins(old)
	for _, step := range []func() error{
		func() error { return keeper.Flush(ctx, names...) },
		func() error { return keeper.Kick(ctx, old.Primary.String()) },
		func() error { return act(keeper, old) },
		func() error { return keeper.Flush(ctx, names...) },
	} {
		if err := step(); err != nil {
			return named(c, err)
		}
	}
	return nil
}
