package cyrus

import (
	"cmp"
	"log/slog"
	"path/filepath"
	"strings"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/handlers/backend/sieve"
	"github.com/mailreg/mailreg/registry"
)

// FromSettings returns how the settings describe the Cyrus of a root.
func FromSettings(root string, view *registry.View, logger *slog.Logger) Config {
	below := func(path string) string { return filepath.Join("/", root, path) }
	script, err := script(view)
	if err != nil && logger != nil {
		logger.Warn("new mailboxes get no Sieve script", "err", err)
	}
	return Config{
		Script:  script,
		Sieve:   below("/run/cyrus/socket/sieve"),
		Address: cmp.Or(view.String("mail/cyrus/admin/address"), below("/run/cyrus/socket/imap")),
		User:    view.String("mail/cyrus/admin/user"),
		Secret:  view.String("mail/cyrus/admin/secret"),
		Proc:    below("/run/cyrus/proc"),
		Conf:    below("/etc/imapd.conf"),
		Folders: folders(view),
		Reuse:   backend.Reuse(view.String("mail/mailbox/reuse")),
		Keep:    view.Duration("mail/mailbox/trash/keep"),
		Logger:  logger,
	}
}

// script returns what files spam in a new mailbox, nil when that is not wanted.
func script(view *registry.View) ([]byte, error) {
	folder := strings.Trim(strings.TrimSpace(view.String("mail/cyrus/folder/spam")), "/")
	if !view.Bool("mail/cyrus/sieve/spam") || folder == "" || folder == "none" {
		return nil, nil
	}
	return sieve.Script("INBOX/"+folder, view.String("mail/antispam/requiredhits"))
}

// folders returns what is made with each mailbox, each name once.
func folders(view *registry.View) (names []string) {
	seen := map[string]bool{"": true, "none": true, "INBOX": true}
	all := append([]string{view.String("mail/cyrus/folder/spam"), view.String("mail/cyrus/folder/ham")},
		view.List("mail/cyrus/folder/predefined_folders")...)
	for _, name := range all {
		name = strings.Trim(strings.TrimSpace(name), "/")
		if !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	return names
}
