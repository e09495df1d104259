package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mailreg/mailreg/listener/connect"
	"github.com/mailreg/mailreg/registry"
	"github.com/mailreg/mailreg/schema"
)

// viewOf returns a view of a root whose layer normal holds the given lines.
func viewOf(t *testing.T, root string, lines ...string) *registry.View {
	t.Helper()
	dir := filepath.Join(root, "etc/mailreg")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	text := "# mailreg layer file 1: base.conf\n" + strings.Join(lines, "\n") + "\n# end of base.conf\n"
	if err := os.WriteFile(filepath.Join(dir, "base.conf"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	view, err := registry.Open(root).View()
	if err != nil {
		t.Fatal(err)
	}
	return view
}

func TestReadSettings(t *testing.T) {
	host := []string{"hostname: Mail1", "domainname: example.test", "ldap/base: dc=example,dc=test"}
	cases := []struct {
		name     string
		lines    []string
		urls     []string
		startTLS connect.StartTLS
	}{
		{
			"name and addition",
			[]string{"ldap/server/name: l1.example.test", "ldap/server/addition: l2.example.test"},
			[]string{"ldap://l1.example.test:7389", "ldap://l2.example.test:7389"},
			connect.Auto,
		},
		{
			"uri beats name",
			[]string{"ldap/server/name: l1.example.test", "ldap/uri: ldaps://l2.example.test"},
			[]string{"ldaps://l2.example.test"},
			connect.Auto,
		},
		{
			"TLS is asked for",
			[]string{"ldap/uri: ldap://127.0.0.1:3890 ldapi:///", "ldap/starttls: require"},
			[]string{"ldap://127.0.0.1:3890", "ldapi:///"},
			connect.Require,
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s, err := readSettings(viewOf(t, t.TempDir(), append(host, c.lines...)...))
			if err != nil {
				t.Fatal(err)
			}
			if s.host != "mail1.example.test" || s.scope.Base != "dc=example,dc=test" || s.server.StartTLS != c.startTLS {
				t.Errorf("host %q, base %q, StartTLS %q", s.host, s.scope.Base, s.server.StartTLS)
			}
			if diff := cmp.Diff(c.urls, s.server.URLs); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMissingSettings(t *testing.T) {
	_, err := readSettings(viewOf(t, t.TempDir(), "hostname: mail1"))
	want := "not set: domainname, ldap/base, ldap/server/name (or ldap/uri); set them with mailreg set KEY=VALUE"
	if err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

func TestProfile(t *testing.T) {
	lines := []string{
		"hostname: mail1", "domainname: example.test", "ldap/base: dc=example,dc=test", "ldap/uri: ldapi:///",
		"ldap/profile: ad", "ldap/attribute/mailPrimaryAddress: userPrincipalName", "mail/dovecot/location/key: address",
		"ldap/source: dirsync", "ldap/interval: 2s",
	}
	s, err := readSettings(viewOf(t, t.TempDir(), lines...))
	if err != nil {
		t.Fatal(err)
	}
	if name := s.profile.Attribute("mailPrimaryAddress"); name != "userPrincipalName" || s.profile.Attribute("uid") != "sAMAccountName" {
		t.Errorf("the address is in %s", name)
	}
	if s.source != "dirsync" || s.interval != 2*time.Second || s.homes != "" {
		t.Errorf("source %s, interval %s, homes %q", s.source, s.interval, s.homes)
	}
	_, err = readSettings(viewOf(t, t.TempDir(), slices.DeleteFunc(slices.Clone(lines), func(l string) bool { return strings.HasPrefix(l, "mail/dovecot") })...))
	if err == nil || !strings.Contains(err.Error(), "no mail server can name homes by objectGUID") {
		t.Errorf("error %v", err)
	}
	_, err = readSettings(viewOf(t, t.TempDir(), append(lines, "ldap/attribute/entryUUID: uidNumber")...))
	if err == nil || !strings.Contains(err.Error(), "identifies no entries") {
		t.Errorf("error %v", err)
	}
}

func TestExitCodes(t *testing.T) {
	t.Setenv("MAILREG_ROOT", t.TempDir())
	cases := []struct {
		args []string
		code int
		text string
	}{
		{[]string{"-h"}, 0, "-root DIR"},
		{[]string{"--bogus"}, 2, "flag provided but not defined: -bogus"},
		{[]string{"extra"}, 2, `unknown argument "extra"`},
		{[]string{"--log", "xml"}, 2, `-log must be text or json, not "xml"`},
		{nil, 2, "not set: hostname, domainname, ldap/base, ldap/server/name (or ldap/uri)"},
	}
	for _, c := range cases {
		var stderr strings.Builder
		if code := command(t.Context(), c.args, &stderr); code != c.code || !strings.Contains(stderr.String(), c.text) {
			t.Errorf("%v: exit %d with %q, want %d with %q", c.args, code, stderr.String(), c.code, c.text)
		}
		if text := stderr.String(); c.code != 0 && strings.Count(text, "\n") != 1 {
			t.Errorf("%v: more than one line: %q", c.args, text)
		}
	}
}

// TestFingerprintHoldsTheMeaningOfNames tells settings apart that ask for the same attributes, and take them for different
// things.
func TestFingerprintHoldsTheMeaningOfNames(t *testing.T) {
	seen := map[string]bool{}
	for _, alternative := range []string{"mail", "", "mailLocalAddress"} {
		profile, err := schema.NewProfile("ucs", map[string]string{
			schema.AttrPrimaryAddress: "mail", schema.AttrAlternativeAddress: alternative,
		})
		if err != nil {
			t.Fatal(err)
		}
		seen[fingerprint(settings{scope: schema.Scope{Base: "dc=test"}, profile: profile})] = true
	}
	if len(seen) != 3 {
		t.Errorf("three settings have the fingerprints %v", seen)
	}
}
