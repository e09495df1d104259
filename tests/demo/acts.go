package main

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/mailreg/mailreg/tests/harness"
)

// mailreg runs a command, shows it with its output, and demands that it succeeds.
func (s *story) mailreg(args ...string) string {
	r := s.host.Run(args...)
	s.show(r, args...)
	s.expect(r.Code == 0, "exit %d", r.Code)
	return r.Stdout
}

// show prints a command line with what it printed and its exit code unless that is 0.
func (s *story) show(r harness.Result, args ...string) {
	for i, arg := range args {
		if strings.Contains(arg, " ") {
			args[i] = "'" + arg + "'"
		}
	}
	s.say("$ mailreg %s", strings.Join(args, " "))
	s.say("%s", r.Stdout+r.Stderr)
	if r.Code != 0 {
		s.say("(exit %d)", r.Code)
	}
}

// wait waits for the listener and tells how long it took.
func (s *story) wait() {
	begin := time.Now()
	r := s.host.Run("listener", "wait", "--timeout", "30s")
	s.expect(r.Code == 0, "listener wait: %s", r)
	s.say("$ mailreg listener wait      (done after %s)", since(begin))
	if r.Stdout != "" {
		s.Fatalf("something waits for a person: %s", r.Stdout)
	}
}

// setMail gives a person another address.
func (s *story) setMail(uid, local string) {
	address := local + "@" + harness.MailDomain
	s.host.Slapd.SetMail(harness.DN(uid), address)
	s.say("~ uid=%s, mailPrimaryAddress: %s", uid, address)
}

// reads logs in over IMAP and demands these subjects in the inbox.
func (s *story) reads(local string, want ...string) {
	address := local + "@" + harness.MailDomain
	got := s.host.Dovecot.Subjects(address, harness.Password)
	s.say("IMAP %s reads %q", address, got)
	s.expect(slices.Equal(got, want), "want %q", want)
}

// refused demands that nobody can log in with an address.
func (s *story) refused(local string) {
	address := local + "@" + harness.MailDomain
	_, err := s.host.Dovecot.Messages(address, harness.Password, "INBOX")
	s.expect(err != nil, "%s can still log in", address)
	s.say("IMAP %s: refused", address)
}

// fingerprint returns path, mode and hash of each file below the root but logs and mail.
func (s *story) fingerprint() []string {
	var all []string
	err := filepath.WalkDir(filepath.Join(s.host.Root(), "etc"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		all = append(all, fmt.Sprintf("%s %x", path, sha256.Sum256(data)))
		return err
	})
	if err != nil {
		s.Fatalf("reading the root: %v", err)
	}
	return all
}

// connect tells how to reach what is kept running.
func (s *story) connect() {
	mailreg := harness.Built(s, "mailreg")
	fmt.Fprintf(s.out, `
It keeps running until you interrupt it (Ctrl-C). To look around:

  export MAILREG_ROOT=%s
  %s mailbox list
  %s listener status
  ldapsearch -x -H %s -D %s -w %s -b %s mailPrimaryAddress
  curl -u ben@%s:%s imap://%s/INBOX
  SMTP on %s
`, s.host.Root(), mailreg, mailreg, s.host.Slapd.URL(), harness.AdminDN, harness.AdminPassword, harness.BaseDN,
		harness.MailDomain, harness.Password, s.host.Dovecot.IMAP, s.host.Postfix.SMTP)
}
