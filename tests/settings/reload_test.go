package settings_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mailreg/mailreg/tests/harness"
)

// TestReload proves that a setting is in force as soon as set has returned: one reload, by itself, of the server that
// reads it, and none when nothing has changed.
func TestReload(t *testing.T) {
	t.Parallel()
	host := harness.NewHost(t, harness.HostConfig{NoDovecot: true, NoListener: true})
	before := host.Postfix.Reloads()
	steps := []struct {
		set, size string
		reloads   int
	}{
		{"mail/messagesizelimit=20971520", "20971520", 1},
		{"mail/messagesizelimit=20971520", "20971520", 1},
		{"mail/messagesizelimit=4711000", "4711000", 2},
	}
	for _, step := range steps {
		out := host.Must("set", step.set)
		size, err := host.Postfix.Size()
		if err != nil || size != step.size {
			t.Errorf("after %s EHLO says SIZE %s (%v), want %s\n%s", step.set, size, err, step.size, out)
		}
		if got := host.Postfix.Reloads() - before; got != step.reloads {
			t.Errorf("after %s %d reloads, want %d\n%s", step.set, got, step.reloads, out)
		}
	}
	out := host.Must("set", "mail/messagesizelimit=9000000")
	if !strings.Contains(out, "File: /etc/postfix/main.cf\n") || strings.Count(out, "Reload: ") != 1 {
		t.Errorf("set printed %q, want the file and one reload", out)
	}
	// Stopped, it is left alone.
	host.Postfix.Stop()
	if r := host.Run("set", "mail/messagesizelimit=9000001"); r.Code != 0 || !strings.Contains(r.Stdout+r.Stderr, "not running") {
		t.Errorf("with Postfix stopped: %s, want exit 0 and a word that it does not run", r)
	}
	host.Postfix.Start()
	if size, err := host.Postfix.Size(); err != nil || size != "9000001" {
		t.Errorf("after the start EHLO says SIZE %s (%v)", size, err)
	}
}

// TestFailedReload proves that a value which passes all checks of the staged files, and with which Postfix does not work
// all the same, is taken back: Postfix works as before, and every file is as before.
func TestFailedReload(t *testing.T) {
	t.Parallel()
	host := harness.NewHost(t, harness.HostConfig{NoDovecot: true, NoListener: true})
	host.Slapd.AddDomain("example.test")
	host.Slapd.AddPerson(harness.Person{UID: "anna", Mail: "anna@example.test"})
	before := fingerprint(t, filepath.Join(host.Root(), "etc"))
	r := host.Run("set", "mail/postfix/smtpd/restrictions/recipient/05=check_policy_service inet:127.0.0.1:1")
	if r.Code != 1 || !strings.Contains(r.Stderr, "4.3.5") {
		t.Errorf("%s, want exit 1 and what Postfix says", r)
	}
	if diff := cmp.Diff(before, fingerprint(t, filepath.Join(host.Root(), "etc"))); diff != "" {
		t.Errorf("files, -before +after:\n%s", diff)
	}
	if err := host.Postfix.Accepts("anna@example.test"); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// TestDomains proves that mail domains of the directory become hosted domains: sorted, in force in Postfix, and gone
// again with the entry. Mail to a new domain is delivered.
func TestDomains(t *testing.T) {
	t.Parallel()
	// Who asks below comes from another address than the one that may relay.
	host := harness.NewHost(t, harness.HostConfig{Set: []string{"mail/postfix/mynetworks=127.0.0.1/32"}})
	host.Slapd.AddDomain("example.test")
	host.Slapd.AddDomain("zoo.test")
	host.Wait()
	host.Slapd.AddDomain("Alpha.Test")
	host.Slapd.AddPerson(harness.Person{UID: "anna", Mail: "anna@alpha.test"})
	host.Slapd.AddPerson(harness.Person{UID: "ben", Mail: "ben@beta.test"})
	reloads := host.Postfix.Reloads()
	host.Wait()
	if got, want := strings.Fields(host.Must("get", "mail/hosteddomains")), "alpha.test example.test zoo.test"; strings.Join(got, " ") != want {
		t.Errorf("mail/hosteddomains is %q, want %s", got, want)
	}
	if got := host.Postfix.Reloads() - reloads; got > 1 {
		t.Errorf("%d reloads for one domain", got)
	}
	if err := host.Postfix.Accepts("anna@alpha.test"); err != nil {
		t.Errorf("mail to the new domain: %v", err)
	}
	if err := host.Postfix.Accepts("ben@beta.test"); err == nil {
		t.Error("mail to a domain that is not hosted is taken")
	}
	if err := host.Postfix.Accepts("nobody@alpha.test"); err == nil {
		t.Error("mail to nobody in a hosted domain is taken")
	}
	if err := host.Postfix.Send("sender@client.test", "anna@alpha.test", "to a new domain"); err != nil {
		t.Errorf("sending: %v", err)
	}
	host.Dovecot.Await("anna@alpha.test", harness.Password, "to a new domain")
	host.Slapd.Delete("cn=Alpha.Test," + harness.DomainsDN)
	host.Wait()
	if got := strings.Fields(host.Must("get", "mail/hosteddomains")); strings.Join(got, " ") != "example.test zoo.test" {
		t.Errorf("after the domain is gone mail/hosteddomains is %q", got)
	}
	if err := host.Postfix.Accepts("anna@alpha.test"); err == nil {
		t.Error("mail to a domain that is gone is taken")
	}
}
