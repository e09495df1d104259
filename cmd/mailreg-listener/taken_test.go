package main

import (
	"slices"
	"testing"

	"github.com/mailreg/mailreg/registry"
)

func TestChangedSinceTheStart(t *testing.T) {
	root := t.TempDir()
	base := []string{"hostname: mail1", "ldap/base: dc=example,dc=test", "ldap/attribute/mail: mailaddress"}
	at := takenAtStart(viewOf(t, root, base...))
	for _, c := range []struct {
		name  string
		lines []string
		want  []string
	}{
		{"nothing", base, nil},
		{"what is read each time", append(slices.Clone(base), "mailreg/guard/count: 7"), nil},
		{
			"base, mode and a name",
			[]string{"hostname: mail1", "ldap/base: dc=example", "mailreg/mode: staging"},
			[]string{"changed since the start: ldap/attribute/mail, ldap/base, mailreg/mode; systemctl restart mailreg-listener brings it into force"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			viewOf(t, root, c.lines...)
			if got := at.notes(registry.Open(root)); !slices.Equal(got, c.want) {
				t.Errorf("notes %q, want %q", got, c.want)
			}
		})
	}
}
