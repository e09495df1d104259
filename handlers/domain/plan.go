package domain

import (
	"maps"
	"slices"
	"strings"

	"github.com/mailreg/mailreg/schema"
)

// Plan returns which domains a change puts into the list (true) or out of it (false). An old entry whose name is no
// domain never was in it.
func Plan(c schema.Change) (map[string]bool, error) {
	changes := map[string]bool{}
	if schema.IsDomain(c.Old) {
		if old, err := schema.ParseDomain(c.Old); err == nil {
			changes[old.Name] = false
		}
	}
	if schema.IsDomain(c.New) {
		new, err := schema.ParseDomain(c.New)
		if err != nil {
			return nil, err
		}
		changes[new.Name] = true
	}
	return changes, nil
}

// Edit returns the list with the changes, sorted and without duplicates.
func Edit(list []string, changes map[string]bool) []string {
	set := map[string]bool{}
	for _, name := range list {
		set[name] = true
	}
	for name, in := range changes {
		if in {
			set[name] = true
		} else {
			delete(set, name)
		}
	}
	return slices.Sorted(maps.Keys(set))
}

// Join prints a list as the value of mail/hosteddomains.
func Join(list []string) string { return strings.Join(list, " ") }
