package dirsync

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mailreg/mailreg/schema"
	"github.com/mailreg/mailreg/tests/harness"
)

// host is a mail host with nothing but the listener, following an Active Directory.
type host struct {
	*harness.Sandbox
	*harness.Mailreg
	samba *harness.Samba
	spool harness.Spool
	t     *testing.T
}

func newHost(t *testing.T, account string) host {
	t.Helper()
	sandbox := harness.NewSandbox(t)
	h := host{
		Sandbox: sandbox, Mailreg: harness.NewMailreg(t, sandbox), samba: harness.NewSamba(t, sandbox),
		spool: harness.NewSpool(t, sandbox.Root()), t: t,
	}
	secret := filepath.Join(sandbox.Dir, "ldap.secret")
	if err := os.WriteFile(secret, []byte(harness.SambaPassword+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	h.Must(
		"set", "--no-reload", "hostname=mail1", "domainname=example.test",
		"ldap/uri="+h.samba.URLI(), "ldap/base="+harness.BaseDN, "ldap/hostdn="+account, "ldap/secret="+secret,
		"ldap/profile=ad", "ldap/interval=50ms", "mailreg/service/dovecot=no", "mailreg/service/postfix=no",
		"mail/mailbox/backend=maildir", "mail/dovecot/location/key=address", "mail/dovecot/location/uid=5000", "mail/dovecot/location/gid=5000",
		"mail/dovecot/mailbox/delete=yes",
	)
	return h
}

// homes waits until nothing is left to do, and demands the mail homes of these addresses.
func (h host) homes(addresses ...string) {
	h.t.Helper()
	h.Wait()
	want := []string{}
	for _, address := range addresses {
		want = append(want, harness.HomeByAddress(address))
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, slices.Sorted(slices.Values(h.spool.Homes()))); diff != "" {
		h.t.Errorf("homes in place, -want +got:\n%s", diff)
	}
}

func TestWholeDaemon(t *testing.T) {
	for name, dn := range readers {
		t.Run(name, func(t *testing.T) { follows(t, newHost(t, dn)) })
	}
}

// follows has a daemon follow a directory through all that happens to mail users.
func follows(t *testing.T, h host) {
	h.samba.AddUser("anna", "anna@example.test")
	h.samba.AddUser("nomail", "")
	daemon := harness.NewListener(t, h.Sandbox)
	h.homes("anna@example.test")
	h.spool.Deliver(harness.HomeByAddress("anna@example.test"), "kept")

	h.samba.AddUser("bert", "bert@example.test")
	h.homes("anna@example.test", "bert@example.test")
	h.samba.Set(harness.SambaDN("anna"), "mail", "a@example.test")
	h.homes("a@example.test", "bert@example.test")

	daemon.Stop()
	h.samba.Delete(harness.SambaDN("bert"))
	h.samba.AddUser("carl", "carl@example.test")
	daemon.Start()
	h.homes("a@example.test", "carl@example.test")

	h.samba.Delete(harness.SambaDN("anna"))
	h.homes("carl@example.test")
	var trash []struct{ Address, Kind string }
	h.JSON(&trash, "mailbox", "trash", "list")
	var kept []string
	for _, item := range trash {
		kept = append(kept, item.Kind+" "+item.Address)
	}
	slices.Sort(kept)
	if diff := cmp.Diff([]string{"deleted a@example.test", "deleted bert@example.test"}, kept); diff != "" {
		t.Errorf("in the trash, -want +got:\n%s", diff)
	}
	if at := h.spool.Messages()["kept"]; len(at) != 1 {
		t.Errorf("the message is at %v", at)
	}
	var status struct {
		Ready  bool
		Source struct{ Kind, Phase string }
	}
	h.JSON(&status, "listener", "status")
	if !status.Ready || status.Source.Kind != "dirsync" || status.Source.Phase != "persist" {
		t.Errorf("status %+v", status)
	}
}

func TestExtendedSchema(t *testing.T) {
	h := newHost(t, harness.SambaReaderDN)
	h.samba.LDIF(strings.ReplaceAll(schema.ActiveDirectorySchema, "DC=X", harness.BaseDN))
	h.Must("set", "--no-reload", "ldap/attribute/mailPrimaryAddress=mailPrimaryAddress", "ldap/attribute/univentionMail=univentionMail",
		"ldap/attribute/mailAlternativeAddress=mailAlternativeAddress", "ldap/attribute/cn=cn",
		"ldap/attribute/univentionMailHomeServer=univentionMailHomeServer", "ldap/attribute/univentionMailDomainname=univentionMailDomainname")
	user := func(name, home string) {
		h.samba.Add(harness.SambaDN(name), map[string][]string{
			"objectClass": {"user", "univentionMail"}, "sAMAccountName": {name},
			"mail": {name + "@elsewhere.test"}, "mailPrimaryAddress": {name + "@example.test"}, "univentionMailHomeServer": {home},
		})
	}
	user("anna", harness.HostName)
	user("bert", "mail2.example.test")
	h.samba.AddUser("carl", "carl@example.test")
	h.samba.Add("CN=example.test,"+harness.StaffDN, map[string][]string{"objectClass": {"univentionMailDomainname"}})
	harness.NewListener(t, h.Sandbox)
	h.homes("anna@example.test")
	if got := strings.TrimSpace(h.Must("get", "mail/hosteddomains")); got != "example.test" {
		t.Errorf("hosted domains %q", got)
	}
}
