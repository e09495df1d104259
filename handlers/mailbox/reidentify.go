package mailbox

import (
	"context"

	"github.com/mailreg/mailreg/handlers/backend/maildir"
	"github.com/mailreg/mailreg/schema"
)

// Reidentify gives the store of a former id to the present one: the directory was loaded anew, and a person has said that its
// entries are who they were. What was delivered to the new id meanwhile is merged.
func (h *Handler) Reidentify(ctx context.Context, former schema.UUID, c schema.Change) error {
	return h.undisturbed(ctx, c, func(backend Backend, old *schema.Mailbox) error {
		return backend.Inherit(ctx, former, c.UUID, old.Primary)
	})
}

// Disown puts the store of an id that is gone out of reach: another id has its name, and a person has said that it is somebody
// else.
func (h *Handler) Disown(ctx context.Context, c schema.Change) error {
	return h.undisturbed(ctx, c, func(backend Backend, old *schema.Mailbox) error {
		return backend.Quarantine(ctx, maildir.Away{UUID: c.UUID, From: old.Primary})
	})
}

// undisturbed acts on the store of a change's old side while nobody is logged in there.
func (h *Handler) undisturbed(ctx context.Context, c schema.Change, act func(Backend, *schema.Mailbox) error) error {
	old, err := parse(c.Old)
	if err != nil || old == nil {
		return nil // who cannot be read never had a store
	}
	s, backend, err := h.open()
	if err != nil {
		return named(c, err)
	}
	if !s.mine(old) {
		return nil
	}
	names := logins(old)
	for _, step := range []func() error{
		func() error { return backend.Flush(ctx, names...) },
		func() error { return backend.Kick(ctx, old.Primary.String()) },
		func() error { return act(backend, old) },
		func() error { return backend.Flush(ctx, names...) },
	} {
		if err := step(); err != nil {
			return named(c, err)
		}
	}
	return nil
}
