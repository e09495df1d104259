package ds389

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mailreg/mailreg/tests/harness"
)

// newHost returns the settings of a mail host with nothing but the listener, following a 389-ds; its directory's own words are
// those of inetOrgPerson.
func newHost(t *testing.T, s *harness.DS389, sandbox *harness.Sandbox, settings ...string) *harness.Mailreg {
	t.Helper()
	secret := filepath.Join(sandbox.Dir, "ldap.secret")
	if err := os.WriteFile(secret, []byte(harness.ListenerPassword+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	m := harness.NewMailreg(t, sandbox)
	m.Must(append([]string{
		"set", "--no-reload", "hostname=mail1", "domainname=example.test", "ldap/uri=" + s.URL(), "ldap/base=" + harness.BaseDN,
		"ldap/hostdn=" + harness.ListenerDN, "ldap/secret=" + secret, "ldap/starttls=no",
		"mailreg/service/dovecot=no", "mailreg/service/postfix=no", "mail/mailbox/backend=maildir",
		"mail/dovecot/location/uid=5000", "mail/dovecot/location/gid=5000", "mail/dovecot/mailbox/delete=yes",
	}, settings...)...)
	return m
}

// inet adds a person without any class of ours.
func inet(s *harness.DS389, uid, mail string) {
	s.Add(harness.DN(uid), map[string][]string{
		"objectClass": {"inetOrgPerson", "mailRecipient"}, "uid": {uid}, "cn": {uid}, "sn": {uid}, "mail": {mail},
		"mailAlternateAddress": {uid + ".alias@example.test"},
	})
}

func TestWholeDaemon(t *testing.T) {
	for _, source := range []string{"auto", "psearch"} {
		t.Run(source, func(t *testing.T) {
			sandbox := harness.NewSandbox(t)
			s := harness.NewDS389In(t, sandbox, harness.DS389Config{NoSync: source != "auto"})
			m := newHost(t, s, sandbox, "ldap/profile=freeipa", "mail/dovecot/location/key=address")
			spool := harness.NewSpool(t, sandbox.Root())
			homes := func(addresses ...string) {
				t.Helper()
				m.Wait()
				want := []string{}
				for _, address := range addresses {
					want = append(want, harness.HomeByAddress(address))
				}
				slices.Sort(want)
				if diff := cmp.Diff(want, slices.Sorted(slices.Values(spool.Homes()))); diff != "" {
					t.Errorf("homes in place, -want +got:\n%s", diff)
				}
			}
			inet(s, "anna", "anna@example.test")
			daemon := harness.NewListener(t, sandbox)
			homes("anna@example.test")
			spool.Deliver(harness.HomeByAddress("anna@example.test"), "kept")
			inet(s, "ben", "ben@example.test")
			homes("anna@example.test", "ben@example.test")
			s.Set(harness.DN("anna"), "mail", "a@example.test")
			homes("a@example.test", "ben@example.test")
			daemon.Stop()
			s.Delete(harness.DN("ben"))
			inet(s, "carl", "carl@example.test")
			daemon.Start()
			homes("a@example.test", "carl@example.test")
			if at := spool.Messages()["kept"]; len(at) != 1 {
				t.Errorf("the message is at %v", at)
			}
			want := map[string]string{"auto": "syncrepl", "psearch": "psearch"}[source]
			var status struct {
				Ready  bool
				Source struct{ Kind, Phase string }
			}
			m.JSON(&status, "listener", "status")
			if !status.Ready || status.Source.Kind != want || status.Source.Phase != "persist" {
				t.Errorf("status %+v, want %s", status, want)
			}
		})
	}
}

func TestLayoutByUUIDIsRefused(t *testing.T) {
	sandbox := harness.NewSandbox(t)
	s := harness.NewDS389In(t, sandbox, harness.DS389Config{})
	inet(s, "anna", "anna@example.test")
	m := newHost(t, s, sandbox) // profile and layout as they are by default
	harness.NewListener(t, sandbox)
	reason := ""
	harness.Await(t, "a reason in the status", func() bool {
		var status struct{ Reasons []string }
		m.JSON(&status, "listener", "status")
		reason = strings.Join(status.Reasons, "\n")
		return strings.Contains(reason, "identified by nsUniqueId")
	})
	if !strings.Contains(reason, "set mail/dovecot/location/key to address") {
		t.Errorf("reason %s", reason)
	}
}
