package doctor

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/registry"
	"github.com/mailreg/mailreg/schema"
)

var now = time.Date(2026, 11, 24, 6, 0, 0, 0, time.UTC)

// healthy is the snapshot of a host on which nothing is wrong, with the settings of base and layer ldap.
func healthy(t *testing.T, base, ldap string) *Snapshot {
	t.Helper()
	root := t.TempDir()
	dir := filepath.Join(root, "etc/mailreg")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	base = "hostname: mail1\ndomainname: example.test\nldap/base: dc=x\nldap/uri: ldap://ldap.example.test\n" + base
	for name, text := range map[string]string{"base.conf": base, "base-ldap.conf": ldap} {
		whole := "# mailreg layer file 1: " + name + "\n" + text + "# end of " + name + "\n"
		if err := os.WriteFile(filepath.Join(dir, name), []byte(whole), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	view, err := registry.Open(root).View()
	if err != nil {
		t.Fatal(err)
	}
	return &Snapshot{
		Root: "/", Now: now, View: view, Files: map[string]File{},
		Spool: Spool{Path: "/var/spool/dovecot/private", Exists: true, Recorded: true},
		Status: registry.Status{Spool: true, Services: []registry.ServiceStatus{
			{Name: "postfix", Unit: "postfix.service", Enabled: true, Installed: true, Running: true, Files: 1},
		}},
		Running: map[string]uint64{"postfix": 1024},
	}
}

func cert(from, to time.Duration, name string) *x509.Certificate {
	return &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now.Add(from), NotAfter: now.Add(to), DNSNames: []string{name}}
}

func user(n int, address string, aliases ...string) schema.Mailbox {
	a, _ := schema.ParseAddress(address) // a fixed one
	return schema.Mailbox{DN: fmt.Sprintf("uid=%d", n), Primary: a, Aliases: aliases}
}

const days = 24 * time.Hour

// cases are hosts with one thing wrong, and the findings that are not ok.
var cases = []struct {
	name       string
	base, ldap string
	spoil      func(*Snapshot)
	want       []string
}{
	{"healthy", "", "", nil, nil},
	{"broken layer", "", "", func(s *Snapshot) {
		s.View, s.Status.Broken = nil, []error{errors.New("base.conf is gone")}
	}, []string{"problem layers: base.conf is gone"}},
	{"not root", "", "", func(s *Snapshot) { s.Status.Unseen = []error{errors.New("no right")} }, []string{"warning layers: not looked at: no right"}},
	{"type", "mail/dovecot/mailbox/delete: ten\n", "", nil, []string{"problem values: mail/dovecot/mailbox/delete in layer normal must be"}},
	{"conflict", "mail/messagesizelimit: 1000\nmail/localmailboxsizelimit: 10\n", "", nil, []string{"problem conflicts: "}},
	{
		"typo", "mail/messagesizelimt: 1\nmial/alias/root: x\nmy/own: 1\n", "mail/messagesizelimt: 2\n", nil,
		[]string{"warning names: mail/messagesizelimt is set in layer normal, but not declared; did you mean mail/messagesizelimit?", "warning names: mial/alias/root is set in layer normal, but not declared; did you mean mail/alias/root?"},
	},
	{"local key by policy", "", "mailreg/mode: staging\n", nil, []string{"warning ldap-layer: mailreg/mode is local to this host"}},
	{"open settings", "", "", func(s *Snapshot) {
		s.Files["/etc/mailreg/base.conf"] = File{Mode: 0o666}
		s.Files["/etc/mailreg/secrets.conf"] = File{Mode: 0o640}
		s.Files["/etc/mailreg"] = File{Mode: fs.ModeDir | 0o755, UID: 7}
		s.Files["/etc/other"] = File{Mode: 0o666}
	}, []string{
		"problem permissions: /etc/mailreg belongs to uid 7", "problem permissions: /etc/mailreg/base.conf can be changed by others (mode 0666)",
		"problem permissions: /etc/mailreg/secrets.conf can be read by others (mode 0640)",
	}},
	{"no password", "ldap/hostdn: cn=mail1\nldap/secret: /etc/secret\n", "", func(s *Snapshot) {
		s.Files["/etc/secret"] = File{Err: fs.ErrNotExist}
	}, []string{"problem directory-password: /etc/secret (ldap/secret) is missing"}},
	{"open password", "ldap/hostdn: cn=mail1\nldap/secret: /etc/secret\n", "", func(s *Snapshot) {
		s.Files["/etc/secret"] = File{Mode: 0o644}
	}, []string{"problem directory-password: /etc/secret (ldap/secret) can be read by others (mode 0644)"}},
	{"certificates", "", "", func(s *Snapshot) {
		const host = "mail1.example.test"
		s.Files["/k"] = File{Mode: 0o604}
		s.Pairs = []Pair{
			{Variable: "a"},
			{Variable: "b", Path: "/b", Err: errors.New("the key does not fit")},
			{Variable: "c", Path: "/c", Cert: cert(days, 2*days, host)},
			{Variable: "d", Path: "/d", Cert: cert(-2*days, -days, host)},
			{Variable: "e", Path: "/e", Cert: cert(-days, days, host)},
			{Variable: "f", Path: "/f", Cert: cert(-days, 90*days, "other.test")},
			{Variable: "g", Path: "/g", Key: "/k", Cert: cert(-days, 90*days, host)},
		}
	}, []string{
		"warning certificates: a is not set: no TLS is offered", "problem certificates: /b (b): the key does not fit",
		"problem certificates: /c (c) is valid from 2026-11-25 on", "problem certificates: /d (d) has expired on 2026-11-23",
		"warning certificates: /e (e) expires on 2026-11-25", "warning certificates: /f (f) is not for mail1.example.test",
		"problem certificates: the key /k can be read by others (mode 0604)",
	}},
	{"CA file", "ldap/cafile: /ca\nmail/postfix/ssl/cafile: /ca2\nmail/dovecot/ssl/cafile: /not/served\n", "", func(s *Snapshot) {
		s.Files["/ca"], s.Files["/ca2"] = File{Err: fs.ErrNotExist}, File{}
	}, []string{"problem ca-files: /ca (ldap/cafile): file does not exist", "problem ca-files: /ca2 (mail/postfix/ssl/cafile) holds no certificate"}},
	{"waiting", "", "", func(s *Snapshot) {
		s.Status.Interrupted = now
		s.Status.Pending = []registry.PendingAction{{Service: "dovecot", Action: "reload", Error: "it hangs"}}
	}, []string{"problem commit: a transaction of 2026-11-24T06:00:00Z was interrupted", "problem commit: dovecot still needs a reload: it hangs"}},
	{"files", "", "", func(s *Snapshot) {
		s.Status.Edited, s.Status.Gone, s.Status.Stale = []string{"/a"}, []string{"/b"}, strings.Fields("/1 /2 /3 /4 /5 /6 /7")
		s.Status.Unrendered = errors.New("no name")
	}, []string{
		"problem files: files cannot be rendered: no name", "warning files: /a was edited by hand", "problem files: /b is gone",
		"warning files: /1 ", "warning files: /2 ", "warning files: /3 ", "warning files: /4 ", "warning files: /5 ", "warning files: 2 more files are not up to date",
	}},
	{"parameter twice", "", "", func(s *Snapshot) {
		s.MainCF = "# a = 1\na = 1\n  b = 2\nb = 1\na=2\n"
	}, []string{"warning local-files: main.cf sets a 2 times"}},
	{"another config", "", "", func(s *Snapshot) {
		s.Status.Services = []registry.ServiceStatus{
			{Name: "postfix", Enabled: true, Installed: true, Files: 1},
			{Name: "dovecot", Enabled: true, Installed: true, Files: 1},
			{Name: "off", Installed: true, Files: 1},
			{Name: "unused", Enabled: true, Installed: true},
		}
	}, []string{"problem services: a postfix runs on this host, but not with the files", "warning services: dovecot does not run"}},
	{"descriptors", "mail/dovecot/limits/default_client_limit: 400\nmail/dovecot/limits/auth/client_limit: 2000\n", "", func(s *Snapshot) {
		s.Running["dovecot"] = 1024
	}, []string{"warning descriptors: Dovecot may open 1024 files, and mail/dovecot/limits/auth/client_limit is 2000"}},
	{"spool not mounted", "", "", func(s *Snapshot) {
		s.Spool.Empty, s.Spool.Recorded = true, false
	}, []string{"problem spool: the spool /var/spool/dovecot/private is empty, but there were stores"}},
	{"spool gone", "", "", func(s *Snapshot) { s.Spool = Spool{Path: "/p"} }, []string{"problem spool: the spool /p is gone"}},
	{"record lost", "", "", func(s *Snapshot) { s.Spool.Recorded = false }, []string{"warning spool: the spool /var/spool/dovecot/private has lost its layout record"}},
	{"new host", "", "", func(s *Snapshot) { s.Spool, s.Status.Spool = Spool{Path: "/p"}, false }, nil},
	{"trash apart", "", "", func(s *Snapshot) {
		s.Spool.Apart, s.Spool.Err = []string{"/t"}, errors.New("another layout")
	}, []string{"problem spool: another layout", "problem spool: /t lies on another file system than"}},
	{"layout address", "mail/dovecot/location/key: address\n", "", nil, []string{"warning layout: stores are named by address"}},
	{"served", "", "", func(s *Snapshot) { s.Spool.Served = errors.New("a Dovecot runs") }, []string{"problem backend: the backend of mailboxes is maildir, but: a Dovecot runs"}},
	{"disks", "", "", func(s *Snapshot) {
		s.Disks = []Disk{
			{Path: "/full", Free: 1 << 20, Total: 1 << 40},
			{Path: "/low", Free: 500 << 20, Total: 100 << 30},
			{Path: "/small", Free: 500 << 20, Total: 1 << 30},
			{Path: "/nofiles", Free: 1 << 40, Total: 1 << 41, FreeFiles: 10, Files: 1000},
		}
	}, []string{"problem disk: /full is full: 1 MiB", "warning disk: /low is nearly full: 500 MiB", "problem disk: /nofiles is full"}},
	{"network file systems", "", "", func(s *Snapshot) {
		s.Status.Services = append(s.Status.Services, registry.ServiceStatus{Name: "dovecot", Enabled: true}, registry.ServiceStatus{Name: "cyrus", Enabled: true})
		for _, path := range []string{"/var/spool/dovecot", "/var/spool/cyrus", "/var/spool/postfix"} {
			s.Disks = append(s.Disks, Disk{Path: path, Free: 1 << 40, Total: 1 << 41, Network: true})
		}
	}, []string{"warning network-disk: /var/spool/dovecot lies on a network", "problem network-disk: Cyrus's spool /var/spool/cyrus lies on"}},
	{"index apart from the network", "mail/dovecot/location/separate_index: yes\n", "", func(s *Snapshot) {
		s.Status.Services = append(s.Status.Services, registry.ServiceStatus{Name: "dovecot", Enabled: true})
		s.Disks = []Disk{{Path: "/var/spool/dovecot", Free: 1 << 40, Total: 1 << 41, Network: true}}
	}, nil},
	{"daemon down", "", "", func(s *Snapshot) { s.Daemon.Err = errors.New("it does not answer") }, []string{"warning daemon: it does not answer"}},
	{"daemon", "", "", func(s *Snapshot) {
		s.Daemon.Status = control.Status{Reasons: []string{"source: down"}, Notes: []string{"handler bad is left out"}, Held: 3, Handlers: []control.HandlerStatus{{Name: "mailbox", Parked: 2}, {Name: "domain"}}}
	}, []string{"problem daemon: source: down", "warning daemon: handler bad is left out", "warning daemon: handler mailbox has parked 2 entries", "warning daemon: the brake holds 3 changes"}},
	{"addresses", "mail/hosteddomains: Example.test\n", "", func(s *Snapshot) {
		s.Daemon.Mailboxes = []schema.Mailbox{
			user(1, "a@example.test", "x@example.test", "a@example.test"), user(2, "b@other.test"), user(3, "c@other.test", "x@example.test"),
		}
	}, []string{"warning addresses: 2 users have addresses in other.test, which is no hosted domain", "problem addresses: x@example.test belongs to uid=1 and uid=3"}},
}

func TestChecks(t *testing.T) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := healthy(t, c.base, c.ldap)
			if c.spoil != nil {
				c.spoil(s)
			}
			all := Examine(s)
			var got []string
			for _, f := range all {
				if f.Level == OK {
					continue
				}
				if f.Do == "" {
					t.Errorf("%s: nothing is said about what to do", f.Message)
				}
				text := string(f.Level) + " " + f.Check + ": " + f.Message
				if i := len(got); i < len(c.want) && strings.HasPrefix(text, c.want[i]) {
					text = c.want[i]
				}
				got = append(got, text)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if len(c.want) > 0 && strings.HasPrefix(c.want[0], string(Problem)) && Worst(all) != Problem {
				t.Errorf("the worst is %s", Worst(all))
			}
		})
	}
}

// TestWhatIsHiddenIsNotFine: who may not see the state is not told that all is well with it.
func TestWhatIsHiddenIsNotFine(t *testing.T) {
	s := healthy(t, "", "")
	s.Status = registry.Status{Unseen: []error{errors.New("no right")}, Services: s.Status.Services}
	got := map[string]string{}
	for _, f := range Examine(s) {
		got[f.Check] = f.Message
	}
	for _, name := range []string{"commit", "files", "services"} {
		if want := "not looked at as a whole: see layers"; got[name] != want {
			t.Errorf("%s: %q, want %q", name, got[name], want)
		}
	}
}

func TestNecessary(t *testing.T) {
	view, err := registry.Open(t.TempDir()).View()
	if err != nil {
		t.Fatal(err)
	}
	if got := necessary(&Snapshot{View: view}); len(got) != 4 || got[3].Message != "neither ldap/server/name nor ldap/uri is set: the directory is not known" {
		t.Errorf("%+v", got)
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"abc", "abc", 0}, {"abc", "abd", 1}, {"abc", "acb", 1}, {"abc", "ab", 1}, {"mail", "mial", 1}, {"abcd", "badc", 2}, {"abc", "xyz", 3},
	} {
		if got := distance(c.a, c.b, 2); got != c.want {
			t.Errorf("%q to %q: %d, want %d", c.a, c.b, got, c.want)
		}
	}
}
