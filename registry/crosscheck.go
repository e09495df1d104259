package registry

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"strconv"

	"github.com/mailreg/mailreg/registry/crosscheck"
)

// crossCheck refuses an edit after which variables do not fit each other, or this host, and did before. It warns of what
// the servers put up with, and of what the edit's IgnoreCheck lets pass.
func (r *Registry) crossCheck(before *View, done applied, ignore bool) (warnings []string, err error) {
	refused := []error{checkAccounts(before, done.view), r.checkLayout(before, done.view)}
	var edited []string
	for _, change := range done.changes() {
		edited = append(edited, change.key)
	}
	for _, c := range crosscheck.New(before, done.view, edited) {
		if c.Works || ignore {
			warnings = append(warnings, c.Text)
			continue
		}
		refused = append(refused, &Refusal{c.Keys[0], Conflict, errors.New(c.Text)})
	}
	return warnings, errors.Join(refused...)
}

// conflicts tells what does not fit in a view, for who commits settings that were edited by hand or let pass.
func conflicts(v *View) []string {
	var all []string
	for _, c := range crosscheck.All(v) {
		all = append(all, c.Text)
	}
	return all
}

// checkAccounts refuses owners of the mail homes that this host does not know: no mailbox could be opened.
func checkAccounts(before, after *View) error {
	for _, account := range []struct {
		key  string
		find func(name string) error
	}{
		{"mail/dovecot/location/uid", func(name string) error { _, err := user.Lookup(name); return err }},
		{"mail/dovecot/location/gid", func(name string) error { _, err := user.LookupGroup(name); return err }},
	} {
		name := after.String(account.key)
		if _, err := strconv.Atoi(name); err == nil || name == before.String(account.key) {
			continue // a number needs no account; what was there before is not this edit's fault
		}
		if err := account.find(name); err != nil {
			return &Refusal{account.key, Conflict, fmt.Errorf("%s: account %q does not exist on this host", account.key, name)}
		}
	}
	return nil
}

// checkLayout refuses settings that do not fit the layout of the mail homes which the spool records: stores would be out
// of reach.
func (r *Registry) checkLayout(before, after *View) error {
	const key, home = "mail/dovecot/location/key", "mail/dovecot/location/home"
	layout := after.String(key)
	is, _ := after.Source(home)
	if layout == "uuid" && before.String(home) != after.String(home) && is != Default {
		return &Refusal{home, Conflict, fmt.Errorf("%s: only layout address reads it, and %s is uuid", home, key)}
	}
	if before.String(key) == layout {
		return nil
	}
	recorded, err := os.ReadFile(r.path(layoutFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var record struct {
		Layout string `json:"layout"`
		// To is set while the spool is being converted.
		To string `json:"to"`
	}
	if err := json.Unmarshal(recorded, &record); err != nil {
		return fmt.Errorf("reading %s: %w", r.path(layoutFile), err)
	}
	if record.Layout != layout && record.To != layout {
		return &Refusal{key, Conflict, fmt.Errorf("%s: value %q must be %s, the layout of the stores in %s; mailreg mailbox convert changes it",
			key, layout, record.Layout, r.path(layoutFile))}
	}
	return nil
}
