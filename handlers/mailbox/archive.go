package mailbox

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/schema"
)

// Archive gives the archive (mail/archivefolder) its store. It is one store, which comes along when the address is another
// one; when there is no address, or not one of a hosted domain, it stays where it is. has reports whether a user of the
// directory has the address: then that user's mailbox is the archive, and nothing is done. Idempotent.
func (h *Handler) Archive(ctx context.Context, has func(schema.Address) (bool, error)) error {
	view, err := h.cfg.View()
	if err != nil {
		return &schema.TargetDown{Target: "registry", Err: err}
	}
	text := view.String("mail/archivefolder")
	if text == "" {
		return nil
	}
	address, err := schema.ParseAddress(text)
	if err != nil {
		return fmt.Errorf("mail/archivefolder: %w", err)
	}
	if !slices.Contains(view.List("mail/hosteddomains"), address.Domain) {
		return nil // another server's
	}
	if taken, err := has(address); err != nil || taken {
		return err
	}
	_, keeper, err := h.open()
	if err != nil {
		return err
	}
	return provideArchive(ctx, keeper, address)
}

// provideArchive moves or makes the store. Whatever has gathered under the address while nobody had it is the archive's:
// it is taken for a claim from before all stores.
func provideArchive(ctx context.Context, keeper Backend, address schema.Address) error {
	at, found, err := keeper.Address(ctx, schema.ArchiveUUID(), address)
	if err != nil || found && at == address {
		return err
	}
	names := []string{address.String()}
	if found {
		names = append(names, at.String())
		if err := keeper.Kick(ctx, at.String()); err != nil {
			return err
		}
	}
	if err := keeper.Ensure(ctx, backend.Owner{UUID: schema.ArchiveUUID(), Address: address, Changed: time.Unix(0, 0)}, true); err != nil {
		return err
	}
	return keeper.Flush(ctx, names...)
}
