package provider

import (
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mailreg/mailreg/listener/connect"
	"github.com/mailreg/mailreg/listener/syncrepl"
	"github.com/mailreg/mailreg/listener/wire"
	"github.com/mailreg/mailreg/tests/harness"
)

func TestEveryWayToConnect(t *testing.T) {
	// TLS is demanded of whoever comes over TCP, to prove that it is there.
	s := harness.NewSlapd(t, func(c *harness.SlapdConfig) {
		c.ACL = []string{
			"to * by tls_ssf=128 dn.exact=" + harness.ListenerDN + " read by * break",
			"to attrs=userPassword by anonymous auth",
		}
	})
	s.AddPerson(harness.Person{UID: "anna", Mail: "anna@example.test"})
	other := harness.NewCA(t, t.TempDir())
	tests := map[string]struct {
		change func(*connect.Server)
		err    string // a part of the error; "" when the one entry is to be seen
	}{
		"in the clear": {change: func(*connect.Server) {}, err: "result 32"},
		"StartTLS": {change: func(c *connect.Server) {
			c.StartTLS, c.CAFile = connect.Require, s.CA.CertFile
		}},
		"StartTLS tried": {change: func(c *connect.Server) {
			c.StartTLS, c.CAFile = connect.Try, s.CA.CertFile
		}},
		"ldaps": {change: func(c *connect.Server) {
			c.URLs, c.CAFile = []string{s.URLS()}, s.CA.CertFile
		}},
		"ldaps by name": {change: func(c *connect.Server) {
			c.URLs, c.CAFile = []string{strings.Replace(s.URLS(), "127.0.0.1", "localhost", 1)}, s.CA.CertFile
		}},
		"second address": {change: func(c *connect.Server) {
			c.URLs, c.CAFile = []string{"ldap://127.0.0.1:1", s.URLS()}, s.CA.CertFile
		}},
		"StartTLS, wrong CA": {change: func(c *connect.Server) {
			c.StartTLS, c.CAFile = connect.Require, other.CertFile
		}, err: "TLS handshake"},
		"StartTLS tried, wrong CA": {change: func(c *connect.Server) {
			c.StartTLS, c.CAFile = connect.Try, other.CertFile
		}, err: "TLS handshake"},
		"ldaps, wrong CA": {change: func(c *connect.Server) {
			c.URLs, c.CAFile = []string{s.URLS()}, other.CertFile
		}, err: "TLS handshake"},
		"ldaps, the system's CAs": {change: func(c *connect.Server) {
			c.URLs = []string{s.URLS()}
		}, err: "TLS handshake"},
		"wrong password": {change: func(c *connect.Server) {
			c.Password = func() (string, error) { return "wrong", nil }
		}, err: "result 49"},
		"ldapi as root": {change: func(c *connect.Server) {
			c.URLs, c.BindDN = []string{s.URLI()}, ""
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			source := newSource(t, s, func(c *syncrepl.Config) { tt.change(&c.Server) })
			if tt.err != "" {
				_, err := follow(t, source, nil).err()
				if !strings.Contains(err.Error(), tt.err) {
					t.Errorf("error %v does not speak of %q", err, tt.err)
				}
				return
			}
			events, _, _ := sync(t, source, nil)
			if len(events) != 1 {
				t.Errorf("%d entries", len(events))
			}
		})
	}
}

func TestFilesAreReadAtEachConnection(t *testing.T) {
	s := harness.NewSlapd(t)
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	read := func(path string) string {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	source := newSource(t, s, func(c *syncrepl.Config) {
		c.Server.StartTLS = connect.Require
		c.Server.Password = connect.PasswordFile(write("secret", "wrong\n"))
		c.Server.CAFile = write("ca.pem", read(harness.NewCA(t, t.TempDir()).CertFile))
	})
	_, err := follow(t, source, nil).err()
	if unknown := (x509.UnknownAuthorityError{}); !errors.As(err, &unknown) {
		t.Errorf("with another CA: %v", err)
	}
	write("ca.pem", read(s.CA.CertFile))
	_, err = follow(t, source, nil).err()
	if result := (*wire.Result)(nil); !errors.As(err, &result) || result.Code != 49 {
		t.Errorf("with a wrong password: %v", err)
	}
	write("secret", harness.ListenerPassword+"\n")
	sync(t, source, nil)
}

func TestConnectTellsTheAddressBeforeTheCookie(t *testing.T) {
	s := harness.NewSlapd(t)
	source := newSource(t, s, func(c *syncrepl.Config) {
		c.Server.URLs = []string{"ldap://127.0.0.1:1", s.URL()}
	})
	url, err := source.Connect(t.Context())
	if err != nil || url != s.URL() || source.URL() != url {
		t.Fatalf("connected to %q (%q), %v", url, source.URL(), err)
	}
	sync(t, source, nil)
	source = newSource(t, s, func(c *syncrepl.Config) {
		c.Server.URLs = []string{"ldap://127.0.0.1:1", "ldaps://127.0.0.1:2"}
	})
	_, err = source.Connect(t.Context())
	for _, url := range []string{"ldap://127.0.0.1:1", "ldaps://127.0.0.1:2"} {
		if err == nil || !strings.Contains(err.Error(), url) {
			t.Errorf("error %v does not name %s", err, url)
		}
	}
}
