package mailbox

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/mailreg/mailreg/handlers/backend/confine"
	"github.com/mailreg/mailreg/handlers/backend/maildir"
	"github.com/mailreg/mailreg/registry"
)

// filterName is the file in var/lib/mailreg that holds the Sieve script which all stores have that nobody has changed.
const filterName = "default.sieve"

// refilter gives stores the Sieve script of the settings when those have changed since it did so last.
func (h *Handler) refilter(ctx context.Context) error {
	view, err := h.cfg.View()
	if err != nil {
		return err
	}
	wanted, err := h.filters.Wanted(view)
	if err != nil || wanted == "" {
		return err
	}
	state := filepath.Join("/", h.cfg.Root, "var/lib/mailreg")
	last, err := os.ReadFile(filepath.Join(state, filterName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) || string(last) == wanted {
		return err
	}
	renewed, err := h.Refilter(ctx, view)
	if renewed > 0 {
		h.cfg.Logger.Info("Sieve scripts renewed", "handler", Name, "stores", renewed)
	}
	if err != nil {
		return err
	}
	dir, err := confine.Open(state, nil)
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Replace(filterName, []byte(wanted), confine.Caller())
}

// Refilter gives the stores whose owners have not changed their first Sieve script the one that a new store would have now,
// and returns their number. Only stores in a spool have such a script.
func (h *Handler) Refilter(ctx context.Context, view *registry.View) (int, error) {
	if name, err := BackendName(h.cfg.Root, view); err != nil || name == Cyrus {
		return 0, err
	}
	spool, err := maildir.Open(SpoolConfig(h.cfg.Root, view, h.cfg.Logger))
	if err != nil {
		return 0, err
	}
	return h.filters.Refresh(ctx, view, spool)
}
