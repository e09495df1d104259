package mailbox

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/handlers/backend/dovecot"
	"github.com/mailreg/mailreg/handlers/backend/maildir"
	"github.com/mailreg/mailreg/registry"
)

// settings reads what a plan depends on. It is read for each change, so that a new value counts from the next one on.
func settings(view *registry.View) (Settings, error) {
	host, err := view.FQDN()
	if err != nil {
		return Settings{}, err
	}
	return Settings{
		Host:     host,
		Transfer: view.Bool("mail/homeserver/transfer"),
		Rename:   view.Bool("mail/dovecot/mailbox/rename"),
		Delete:   view.Bool("mail/dovecot/mailbox/delete"),
		Layout:   layout(view),
	}, nil
}

// settings leaves out what nobody is there for: stores of a server other than Dovecot are not moved between hosts.
func (h *Handler) settings(view *registry.View) (Settings, error) {
	s, err := settings(view)
	if name, _ := backendName(h.cfg.Root, view); h.cfg.Transfer == nil || name != "dovecot" {
		s.Transfer = false
	}
	return s, err
}

func layout(view *registry.View) backend.Layout {
	return cmp.Or(backend.Layout(view.String("mail/dovecot/location/key")), backend.ByUUID)
}

// SpoolConfig returns how the settings describe the spool of a root.
func SpoolConfig(root string, view *registry.View, logger *slog.Logger) maildir.Config {
	return maildir.Config{
		Root:   root,
		Layout: layout(view),
		Home:   view.String("mail/dovecot/location/home"),
		UID:    view.String("mail/dovecot/location/uid"),
		GID:    view.String("mail/dovecot/location/gid"),
		Reuse:  backend.Reuse(view.String("mail/mailbox/reuse")),
		Keep:   view.Duration("mail/mailbox/trash/keep"),
		Logger: logger,
	}
}

// Check says whether the settings fit the spool of a root. A *maildir.LayoutError keeps the daemon from starting.
func Check(root string, view *registry.View) error {
	if _, err := backendName(root, view); err != nil {
		return err
	}
	spool, err := maildir.Open(SpoolConfig(root, view, nil))
	if err != nil {
		return err
	}
	return spool.Check()
}

// backendName resolves mail/mailbox/backend: auto is dovecot where one is installed and configured for the root.
func backendName(root string, view *registry.View) (string, error) {
	switch name := view.String("mail/mailbox/backend"); name {
	case "maildir", "dovecot":
		return name, nil
	case "", "auto":
		if dovecot.Installed() && dovecot.Configured(root) {
			return "dovecot", nil
		}
		return "maildir", nil
	case "cyrus":
		return "", errors.New("mail/mailbox/backend: cyrus is not supported yet")
	default:
		return "", fmt.Errorf("mail/mailbox/backend: unknown backend %q", name)
	}
}

// Keeper opens the backend that the settings name, for others who keep stores in it.
func (h *Handler) Keeper(view *registry.View) (Backend, error) {
	if h.cfg.Backend != nil {
		return h.cfg.Backend, nil
	}
	return h.backend(view)
}

// backend opens the backend that the settings name. Each call has one of its own: nothing stays open between two changes,
// and a Dovecot that is installed meanwhile is found.
func (h *Handler) backend(view *registry.View) (Backend, error) {
	name, err := backendName(h.cfg.Root, view)
	if err != nil {
		return nil, err
	}
	cfg := SpoolConfig(h.cfg.Root, view, h.cfg.Logger)
	cfg.Now, cfg.Skeleton = h.cfg.Now, h.skeleton(view)
	if name == "dovecot" {
		return dovecot.Open(cfg)
	}
	cfg.Refuse = dovecot.NewClient(h.cfg.Root).RefuseServed
	spool, err := maildir.Open(cfg)
	if err != nil {
		return nil, err
	}
	return maildir.Backend{Spool: spool}, nil
}

// skeleton is what new stores begin with. Settings that make no script keep nobody from having a mailbox.
func (h *Handler) skeleton(view *registry.View) func(string) []maildir.File {
	return func(home string) []maildir.File {
		files, err := h.filters.Files(view, home)
		if err != nil {
			h.cfg.Logger.Warn("new mailboxes get no Sieve script", "handler", Name, "err", err)
		}
		return files
	}
}
