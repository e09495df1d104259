package mailbox

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/handlers/backend/dovecot"
	"github.com/mailreg/mailreg/handlers/backend/maildir"
	"github.com/mailreg/mailreg/registry"
)

// settings reads what a plan depends on. It is read for each change, so that a new value counts from the next one on.
func settings(root string, view *registry.View) (s Settings, err error) {
	if s.Homes, err = HomesOf(root, view); err != nil {
		return Settings{}, err
	}
	s.Transfer = view.Bool("mail/homeserver/transfer")
	if s.Named {
		s.Rename, s.Delete = view.Bool("mail/cyrus/mailbox/rename"), view.Bool("mail/cyrus/mailbox/delete")
		s.Layout = backend.ByAddress
		return s, nil
	}
	s.Rename, s.Delete = view.Bool("mail/dovecot/mailbox/rename"), view.Bool("mail/dovecot/mailbox/delete")
	s.Layout = layout(view)
	return s, nil
}

// HomesOf returns which mailboxes are at home on the host of a root.
func HomesOf(root string, view *registry.View) (Homes, error) {
	host, err := view.FQDN()
	if err != nil {
		return Homes{}, err
	}
	name, err := BackendName(root, view)
	return Homes{Host: host, Named: name == Cyrus}, err
}

// settings leaves out what nobody is there for: stores that no server serves are not moved between hosts.
func (h *Handler) settings(view *registry.View) (Settings, error) {
	s, err := settings(h.cfg.Root, view)
	if name, _ := BackendName(h.cfg.Root, view); h.cfg.Transfer == nil || name != Dovecot && name != Cyrus {
		s.Transfer = false
	}
	return s, err
}

func layout(view *registry.View) backend.Layout {
	return cmp.Or(backend.Layout(view.String("mail/dovecot/location/key")), backend.ByUUID)
}

// SpoolConfig returns how the settings describe the spool of a root.
func SpoolConfig(root string, view *registry.View, logger *slog.Logger) maildir.Config {
	index := ""
	if view.Bool("mail/dovecot/location/separate_index") {
		index = filepath.Join(root, "/var/lib/dovecot/index")
	}
	return maildir.Config{
		Index:  index,
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
	if name, err := BackendName(root, view); err != nil || name == Cyrus {
		return err
	}
	spool, err := maildir.Open(SpoolConfig(root, view, nil))
	if err != nil {
		return err
	}
	return spool.Check()
}

// The names of the backends (mail/mailbox/backend).
const (
	Maildir = "maildir"
	Dovecot = "dovecot"
	Cyrus   = "cyrus"
)

// BackendName resolves mail/mailbox/backend: auto is the server that is installed and configured for the root. The packages
// of Cyrus's and of Dovecot's IMAP server exclude each other, but Dovecot may be there to check passwords.
func BackendName(root string, view *registry.View) (string, error) {
	switch name := view.String("mail/mailbox/backend"); name {
	case Maildir, Dovecot, Cyrus:
		return name, nil
	case "", "auto":
		switch {
		case exists("/usr/lib/cyrus/bin/imapd") && exists(filepath.Join("/", root, "/etc/imapd.conf")):
			return Cyrus, nil
		case dovecot.Installed() && dovecot.Configured(root):
			return Dovecot, nil
		}
		return Maildir, nil
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
	name, err := BackendName(h.cfg.Root, view)
	if err != nil {
		return nil, err
	}
	if name == Cyrus {
		return h.cyrus(view)
	}
	cfg := SpoolConfig(h.cfg.Root, view, h.cfg.Logger)
	cfg.Queue = &h.queue
	cfg.Now, cfg.Skeleton = h.cfg.Now, h.skeleton(view, name == Dovecot && welcomes(view))
	if name == Dovecot {
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
func (h *Handler) skeleton(view *registry.View, welcome bool) func(string) []maildir.File {
	return func(home string) []maildir.File {
		files, err := h.filters.Files(view, home)
		if err != nil {
			h.cfg.Logger.Warn("new mailboxes get no Sieve script", "handler", Name, "err", err)
		}
		if welcome {
			files = append([]maildir.File{maildir.WelcomeFile()}, files...)
		}
		return files
	}
}

func (h *Handler) cyrus(view *registry.View) (CyrusBackend, error) {
	if h.cfg.Cyrus == nil {
		return nil, errors.New("mail/mailbox/backend is cyrus, to which this program does not speak")
	}
	return h.cfg.Cyrus(view), nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
