package main

import (
	"slices"
	"strings"

	"github.com/mailreg/mailreg/registry"
)

// taken are the values of the settings that count from the start of the daemon to its end, by their keys.
type taken map[string]string

// takenAtStart returns what readSettings goes by.
func takenAtStart(view *registry.View) taken {
	values := taken{}
	for _, key := range []string{
		"hostname", "domainname", "ldap/base", "ldap/cafile", "ldap/certfile", "ldap/compare", "ldap/hostdn", "ldap/interval",
		"ldap/keyfile", "ldap/profile", "ldap/secret", "ldap/server/addition", "ldap/server/name", "ldap/server/port",
		"ldap/source", "ldap/starttls", "ldap/uri", "mailreg/metrics/listen", "mailreg/mode",
		"mailreg/service/fetchmail",
	} {
		values[key] = view.String(key)
	}
	for _, pair := range view.Prefix("ldap/attribute/") {
		values[pair.Key] = pair.Value
	}
	return values
}

// notes names the settings that are others by now: whoever has mended one of them waits for nothing else.
func (t taken) notes(reg *registry.Registry) []string {
	view, err := reg.View()
	if err != nil {
		return nil // the watcher of edits tells
	}
	now := takenAtStart(view)
	var changed []string
	for key, value := range now {
		if had, known := t[key]; !known || had != value {
			changed = append(changed, key)
		}
	}
	for key := range t {
		if _, still := now[key]; !still {
			changed = append(changed, key)
		}
	}
	if len(changed) == 0 {
		return nil
	}
	slices.Sort(changed)
	return []string{"changed since the start: " + strings.Join(changed, ", ") + "; systemctl restart mailreg-listener brings it into force"}
}
