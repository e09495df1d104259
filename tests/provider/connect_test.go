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

// TestRotatedCA proves that a new authority in the same file counts from the next connection on, without a restart, and that
// the old one is not believed any more.
func TestRotatedCA(t *testing.T) {
	s := harness.NewSlapd(t)
	old := filepath.Join(t.TempDir(), "old.pem")
	data, err := os.ReadFile(s.CA.CertFile)
	if err == nil {
		err = os.WriteFile(old, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	with := func(file string) *syncrepl.Source {
		return newSource(t, s, func(c *syncrepl.Config) { c.Server.URLs, c.Server.CAFile = []string{s.URLS()}, file })
	}
	source := with(s.CA.CertFile)
	_, _, cookie := sync(t, source, nil)
	harness.NewCA(t, filepath.Dir(s.CA.CertFile))
	s.Restart()
	sync(t, source, cookie)
	_, err = follow(t, with(old), nil).err()
	if unknown := (x509.UnknownAuthorityError{}); !errors.As(err, &unknown) {
		t.Errorf("with the old authority: %v", err)
	}
}

// TestOwnCertificateIsTheLogin proves that a host that has a certificate needs no password.
func TestOwnCertificateIsTheLogin(t *testing.T) {
	s := harness.NewSlapd(t, func(c *harness.SlapdConfig) {
		c.Global = []string{"TLSVerifyClient demand", `authz-regexp "cn=localhost" "` + harness.ListenerDN + `"`}
	})
	s.AddPerson(harness.Person{UID: "anna", Mail: "anna@example.test"})
	for _, tls := range []connect.StartTLS{connect.Require, connect.No} {
		source := newSource(t, s, func(c *syncrepl.Config) {
			c.Server = connect.Server{
				URLs: []string{s.URL()}, StartTLS: tls, CAFile: s.CA.CertFile, CertFile: s.CA.ServerCertFile, KeyFile: s.CA.ServerKeyFile,
			}
		})
		if tls == connect.No {
			if _, err := follow(t, source, nil).err(); err == nil {
				t.Error("without TLS there is no certificate, and nobody may read")
			}
			continue
		}
		if events, _, _ := sync(t, source, nil); len(events) != 1 {
			t.Errorf("%d entries", len(events))
		}
	}
}

// TestFailover proves that servers which do not serve us are passed over, each with its reason.
func TestFailover(t *testing.T) {
	sandbox := harness.NewSandbox(t)
	good := harness.NewSlapdIn(t, sandbox)
	good.AddPerson(harness.Person{UID: "anna", Mail: "anna@example.test"})
	hides := harness.NewSlapdIn(t, sandbox, func(c *harness.SlapdConfig) { c.Name = "hides" },
		acl("to dn.subtree="+harness.BaseDN+" by anonymous auth by * none"))
	locked := harness.NewSlapdIn(t, sandbox, func(c *harness.SlapdConfig) { c.Name = "locked" }, acl("to * by * none"))
	memory := connect.NewMemory()
	source := newSource(t, good, func(c *syncrepl.Config) {
		c.Server.URLs = []string{"ldap://127.0.0.1:1", locked.URL(), hides.URL(), good.URL()}
		c.Server.Memory = memory
	})
	if _, err := follow(t, source, nil).err(); !strings.Contains(err.Error(), hides.URL()) {
		t.Errorf("the first that lets us bind: %v", err)
	}
	if events, _, _ := sync(t, source, nil); len(events) != 1 || source.URL() != good.URL() {
		t.Errorf("%d entries from %s", len(events), source.URL())
	}
	notes := strings.Join(memory.Notes(), "\n")
	for _, want := range []string{
		"ldap://127.0.0.1:1 is not used: dial", locked.URL() + " is not used: binding as " + harness.ListenerDN + ": result 49",
		hides.URL() + " is not used: following", "see ldap/base",
	} {
		if !strings.Contains(notes, want) {
			t.Errorf("notes\n%s\nlack %q", notes, want)
		}
	}
	// The refused password is not offered again at once.
	if _, err := connect.Open(t.Context(), connect.Server{
		URLs: []string{locked.URL()}, BindDN: harness.ListenerDN, Memory: memory,
		Password: func() (string, error) { return harness.ListenerPassword, nil },
	}); err == nil || !strings.Contains(err.Error(), "the same password is not offered again for") {
		t.Errorf("error %v", err)
	}
}
