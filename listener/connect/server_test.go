package connect

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseURL(t *testing.T) {
	for text, want := range map[string]address{
		"ldap://ldap.example.test":       {"ldap", "tcp", "ldap.example.test:389", "ldap.example.test"},
		"ldap://ldap.example.test:7389/": {"ldap", "tcp", "ldap.example.test:7389", "ldap.example.test"},
		"ldaps://127.0.0.1":              {"ldaps", "tcp", "127.0.0.1:636", "127.0.0.1"},
		"ldap://[::1]:389":               {"ldap", "tcp", "[::1]:389", "::1"},
		"ldapi://%2Ftmp%2Fa%2Fldapi":     {"ldapi", "unix", "/tmp/a/ldapi", ""},
		"ldapi://%2Ftmp%2Fldapi/":        {"ldapi", "unix", "/tmp/ldapi", ""},
		"ldapi:///":                      {"ldapi", "unix", "/var/run/slapd/ldapi", ""},
		"ldapi://":                       {"ldapi", "unix", "/var/run/slapd/ldapi", ""},
	} {
		got, err := parseURL(text)
		if err != nil || got != want {
			t.Errorf("%s is %+v, %v; want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "ldap.example.test", "http://ldap.example.test", "ldap://", "ldap://:389", "ldap://a:b", "ldapi://%zz"} {
		if got, err := parseURL(text); err == nil {
			t.Errorf("%q is %+v", text, got)
		}
	}
}

func TestTLSIsAskedForByDefaultButOnLoopback(t *testing.T) {
	for host, want := range map[string]StartTLS{
		"ldap.example.test": Require, "192.0.2.1": Require, "localhost": No, "127.0.0.1": No, "127.1.2.3": No, "::1": No,
	} {
		if got := (Server{}).startTLS(address{host: host}); got != want {
			t.Errorf("%s: %q, want %q", host, got, want)
		}
		if got := (Server{StartTLS: Try}).startTLS(address{host: host}); got != Try {
			t.Errorf("%s, set to try: %q", host, got)
		}
	}
}

func TestPassword(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	server := Server{BindDN: "cn=a", Password: PasswordFile(path)}
	if _, err := server.password(); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("without the file: %v", err)
	}
	for text, want := range map[string]string{"geheim": "geheim", "geheim\n": "geheim", " a \n\n": " a \n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := server.password(); err != nil || got != want {
			t.Errorf("%q gives %q, %v", text, got, err)
		}
	}
	if err := os.WriteFile(path, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := server.password(); err == nil {
		t.Error("an empty password was taken: the server would bind us as nobody")
	}
	if _, err := (Server{BindDN: "cn=a"}).password(); err == nil {
		t.Error("no password was taken")
	}
}

func TestCAFileWithoutCertificatesIsAnError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ca.pem")
	if _, err := (Server{CAFile: path}).tlsConfig("a"); err == nil {
		t.Error("a missing CA file was taken")
	}
	if err := os.WriteFile(path, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := (Server{CAFile: path}).tlsConfig("a"); err == nil {
		t.Error("a CA file without certificates was taken")
	}
}

type settings map[string]string

func (s settings) String(key string) string { return s[key] }
func (s settings) List(key string) []string { return strings.Fields(s[key]) }

func TestFromSettings(t *testing.T) {
	s := settings{
		"ldap/server/name": "ldap1.test", "ldap/server/addition": "ldap2.test ldap3.test", "ldap/server/port": "7389",
		"ldap/hostdn": "cn=host", "ldap/cafile": "/ca.pem", "ldap/starttls": "require",
	}
	got := FromSettings(s, false)
	want := []string{"ldap://ldap1.test:7389", "ldap://ldap2.test:7389", "ldap://ldap3.test:7389"}
	if diff := cmp.Diff(want, got.URLs); diff != "" {
		t.Errorf("addresses (-want +got):\n%s", diff)
	}
	if got.BindDN != "cn=host" || got.CAFile != "/ca.pem" || got.StartTLS != Auto || got.Password != nil {
		t.Errorf("server %+v", got)
	}
	s["ldap/uri"] = "ldapi:/// ldaps://ldap4.test"
	got = FromSettings(s, true)
	if diff := cmp.Diff([]string{"ldapi:///", "ldaps://ldap4.test"}, got.URLs); diff != "" {
		t.Errorf("addresses (-want +got):\n%s", diff)
	}
	if got.StartTLS != Require {
		t.Errorf("StartTLS %q", got.StartTLS)
	}
}
