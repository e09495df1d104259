package settings_test

import (
	"strings"
	"testing"

	"github.com/mailreg/mailreg/tests/harness"
)

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
