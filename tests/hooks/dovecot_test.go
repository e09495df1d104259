package hooks_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mailreg/mailreg/tests/harness"
)

// newMailHost is a scene with a directory and a Dovecot on the stock templates, and without Postfix.
func newMailHost(t *testing.T, settings ...string) (*harness.Host, scene) {
	t.Helper()
	h := harness.NewHost(t, harness.HostConfig{NoPostfix: true, NoListener: true, Set: settings})
	s := scene{h.Sandbox, h.Mailreg, t}
	s.folders("5000", "/var/spool/dovecot/private/by-id") // nobody else makes it without a listener
	return h, s
}

// TestSieve proves that Dovecot uses the compiled script: it would compile it again for each mail, which it cannot save,
// if the script had been compiled for another place or were newer.
func TestSieve(t *testing.T) {
	t.Parallel()
	h, s := newMailHost(t)
	s.templates("dovecot", []template{{
		path: "/var/lib/dovecot-sieve/first.sieve", options: "Table = sieve",
		text: "require [\"fileinto\", \"mailbox\"];\nif header :contains \"subject\" \"{{get \"my/word\"}}\" { {{get \"my/action\"}} }\n",
	}})
	script := s.path("/var/lib/dovecot-sieve/first.sieve")
	local := "protocol lmtp {\n  mail_plugins = $mail_plugins sieve\n}\nplugin {\n  sieve_before = " + script + "\n}\n"
	if dovecotIs24(t) {
		local = "protocol lmtp {\n  mail_plugins {\n    sieve = yes\n  }\n}\nsieve_script first {\n  type = before\n  path = " + script + "\n}\n"
	}
	s.write("/etc/dovecot/local.conf", local)
	s.Must("set", "my/word=spam", `my/action=fileinto :create "Junk"; stop;`)
	s.Must("commit")
	if _, err := os.Stat(strings.TrimSuffix(script, ".sieve") + ".svbin"); err != nil {
		t.Fatal(err)
	}
	h.Slapd.Directory.AddPerson(harness.Person{UID: "alice", Mail: "alice@example.test"})
	h.Slapd.Directory.AddDomain("example.test")
	deliver := func(subject, folder string) {
		t.Helper()
		if err := h.Dovecot.Deliver("alice@example.test", subject); err != nil {
			t.Fatal(err)
		}
		messages, err := h.Dovecot.Messages("alice@example.test", harness.Password, folder)
		if err != nil || len(messages) == 0 || messages[len(messages)-1].Subject != subject {
			t.Errorf("%s has %v, %v, want %s", folder, messages, err, subject)
		}
	}
	deliver("this is spam", "Junk")
	deliver("this is ham", "INBOX")
	s.Must("set", "my/word=ham")
	deliver("ham again", "Junk")
	s.Refused("/var/lib/dovecot-sieve/first.sieve: line 2: error: unknown command 'fly'", "set", "my/action=fly;")
	deliver("still ham", "Junk")
	log, err := os.ReadFile(s.path("/var/log/dovecot.log"))
	if err != nil || strings.Contains(string(log), "svbin") {
		t.Errorf("Dovecot has compiled the script: %v\n%s", err, log)
	}
}

func dovecotIs24(t *testing.T) bool {
	t.Helper()
	version, err := exec.Command(harness.Program(t, "dovecot"), "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	return !strings.HasPrefix(string(version), "2.3")
}

// TestDovecotThatWouldFail shows what doveconf says nothing about.
func TestDovecotThatWouldFail(t *testing.T) {
	t.Parallel()
	h, s := newMailHost(t)
	ca, other := s.CA(), harness.NewCA(t, filepath.Join(s.Dir, "other"))
	s.Refused("the key "+other.ServerKeyFile+" is not that of the certificate "+ca.ServerCertFile,
		"set", "mail/dovecot/ssl/certificate="+ca.ServerCertFile, "mail/dovecot/ssl/key="+other.ServerKeyFile)
	s.Refused("holds no certificate in PEM form",
		"set", "mail/dovecot/ssl/certificate="+other.ServerKeyFile, "mail/dovecot/ssl/key="+other.ServerKeyFile)
	s.Refused("the key "+other.ServerKeyFile+" is not that of the certificate "+ca.ServerCertFile,
		"set", "mail/postfix/ssl/certificate="+ca.ServerCertFile, "mail/postfix/ssl/key="+other.ServerKeyFile)
	variable := map[bool]string{true: "mail_home = /x/%d/%n", false: "mail_home = /x/%{user | domain}"}[dovecotIs24(t)]
	s.write("/etc/dovecot/local.conf", variable+"\n")
	s.Refused("/etc/dovecot/dovecot.conf: mail_home: %", "set", "mail/dovecot/auth/cache_ttl=1m")
	if err := os.Remove(s.path("/etc/dovecot/local.conf")); err != nil {
		t.Fatal(err)
	}
	former := s.Must("get", "mail/dovecot/lmtp/socket/path")
	s.Refused("the LMTP socket /nonexistent/folder/lmtp: stat /nonexistent/folder: no such file", "set", "mail/dovecot/lmtp/socket/path=/nonexistent/folder/lmtp")
	// A folder stands in the place of the socket: 2.3 goes on without it, the master of 2.4 dies. Both come back, by a master
	// that the harness has not started.
	t.Cleanup(func() { s.kill("/run/dovecot/master.pid") })
	s.Expect(1, "", "dovecot.service does not work with the new settings: ", "set", "mail/dovecot/lmtp/socket/path="+s.path("/run/dovecot"))
	if now := s.Must("get", "mail/dovecot/lmtp/socket/path"); now != former {
		t.Errorf("the path is %s, was %s", now, former)
	}
	h.Slapd.Directory.AddDomain("example.test")
	h.Slapd.Directory.AddPerson(harness.Person{UID: "alice", Mail: "alice@example.test"})
	if err := h.Dovecot.Deliver("alice@example.test", "all is well"); err != nil {
		t.Error(err)
	}
}
