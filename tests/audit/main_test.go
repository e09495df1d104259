// Package audit_test proves on real servers that the listener finds out by itself when its replica, its handlers or the mail
// server are not what the directory says: renames of which the directory tells only half, connections that are silent,
// changes that never arrived, stores that somebody has moved.
package audit_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/schema"
	"github.com/mailreg/mailreg/tests/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// newHost makes a host with a listener on the maildir backend and without mail servers.
func newHost(t *testing.T, slapd func(*harness.SlapdConfig), set ...string) *harness.Host {
	t.Helper()
	return harness.NewHost(t, harness.HostConfig{
		NoDovecot: true, NoPostfix: true, Slapd: slapd,
		Set: append([]string{
			"mailreg/service/dovecot=no", "mailreg/service/postfix=no", "mail/mailbox/backend=maildir",
			"mail/dovecot/mailbox/delete=yes",
		}, set...),
	})
}

// client asks the daemon of a host.
func client(host *harness.Host) *control.Client {
	return control.NewClient(filepath.Join(host.Root(), "run/mailreg/control.sock"))
}

// checkReplica compares what the listener has stored with what the directory answers.
func checkReplica(t *testing.T, host *harness.Host) {
	t.Helper()
	entries, err := client(host).Entries(t.Context(), control.Selection{})
	if err != nil {
		t.Fatalf("reading the replica: %v", err)
	}
	replica, directory := map[string]*schema.Entry{}, map[string]*schema.Entry{}
	for _, e := range entries {
		replica[e.UUID.String()] = e.Schema()
	}
	scope := schema.Scope{Base: harness.BaseDN, Host: harness.ListenerDN}
	for _, e := range host.Slapd.Entries(scope.Filter(), schema.Attributes()...) {
		directory[e.UUID.String()] = e
	}
	if diff := cmp.Diff(directory, replica); diff != "" {
		t.Errorf("replica, -directory +replica:\n%s", diff)
	}
}

// addOU adds a container and returns its DN.
func addOU(host *harness.Host, name, above string) string {
	dn := "ou=" + name + "," + above
	host.Slapd.Add(dn, map[string][]string{"objectClass": {"organizationalUnit"}, "ou": {name}})
	return dn
}

// addPeople adds count mail users p00, p01 ... below a DN.
func addPeople(host *harness.Host, count int, above string) {
	for i := range count {
		uid := fmt.Sprintf("p%02d", i)
		host.Slapd.Add("uid="+uid+","+above, map[string][]string{
			"objectClass": {"inetOrgPerson", "univentionMail"}, "uid": {uid}, "cn": {uid}, "sn": {uid},
			"mailPrimaryAddress": {uid + "@" + harness.MailDomain},
		})
	}
}

// homes returns the homes that should be in place when the stores equal the directory.
func homes(host *harness.Host) []string {
	var list []string
	for uuid := range host.Slapd.Mailboxes() {
		list = append(list, harness.HomeByID(uuid))
	}
	slices.Sort(list)
	return list
}

func checkHomes(t *testing.T, host *harness.Host) {
	t.Helper()
	if diff := cmp.Diff(homes(host), slices.Sorted(slices.Values(host.Spool.Homes()))); diff != "" {
		t.Errorf("homes in place, -want +got:\n%s", diff)
	}
}
