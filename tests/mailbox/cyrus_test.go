package mailbox_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-sasl"

	"github.com/mailreg/mailreg/tests/harness"
)

// TestCyrus proves that a Cyrus gets the mailbox of who is at home there by name, with its folders, and no other.
func TestCyrus(t *testing.T) {
	t.Parallel()
	host := harness.NewHost(t, harness.HostConfig{
		NoPostfix: true, Cyrus: harness.Release(), Set: []string{"mail/cyrus/folder/predefined_folders=Entwürfe;Projekte/Alt"},
	})
	host.Slapd.AddPerson(harness.Person{UID: "anna", Mail: "Anna.B@example.test", Home: mine})
	host.Slapd.AddPerson(harness.Person{UID: "ben", Mail: "ben@example.test"})
	host.Wait()
	if err := host.Cyrus.Deliver("anna.b@example.test", "first"); err != nil {
		t.Fatal(err)
	}
	if got := host.Cyrus.Subjects("anna.b@example.test", harness.Password); !slices.Equal(got, []string{"first"}) {
		t.Errorf("anna reads %q", got)
	}
	if known, err := host.Cyrus.Knows("ben@example.test"); known || err != nil {
		t.Errorf("who names no home server has a mailbox here: %t, %v", known, err)
	}
	for _, megabytes := range []string{"5", "10", "0"} {
		host.Slapd.Set(harness.DN("anna"), "univentionMailUserQuota", megabytes)
		host.Wait()
		if got := limit(t, host, "anna.b@example.test"); got != map[string]int64{"5": 5120, "10": 10240}[megabytes] {
			t.Errorf("with a quota of %s MB the limit is %d KB", megabytes, got)
		}
	}
	spoilLimit(t, host, "user/anna.b@example.test", 1)
	r := host.Run("listener", "diff", "mailbox", "--repair")
	if !strings.Contains(r.Stdout, `quota in KB: want "0", have "1"`) {
		t.Errorf("a wrong quota is not found: %s", r)
	}
	host.Wait()
	if got := limit(t, host, "anna.b@example.test"); got != 0 {
		t.Errorf("after the repair the limit is %d KB", got)
	}
	want := []string{"INBOX/Entwürfe", "INBOX/Ham", "INBOX/Projekte/Alt", "INBOX/Spam"}
	if got := subscribed(t, host, "anna.b@example.test"); !slices.Equal(got, want) {
		t.Errorf("anna is subscribed to %q, want %q", got, want)
	}
}

func subscribed(t *testing.T, host *harness.Host, user string) (names []string) {
	t.Helper()
	client, err := host.Cyrus.Login(user, harness.Password)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if client.Caps().Has(imap.CapIMAP4rev2) { // go-imap takes names for UTF-8 then
		if _, err := client.Enable(imap.CapIMAP4rev2).Wait(); err != nil {
			t.Fatal(err)
		}
	}
	found, err := client.List("", "*", &imap.ListOptions{SelectSubscribed: true}).Collect()
	if err != nil {
		t.Fatal(err)
	}
	for _, mailbox := range found {
		names = append(names, mailbox.Mailbox)
	}
	slices.Sort(names)
	return names
}

// TestCyrusFolder proves that a shared folder comes with its rights and quota, takes part in what its entry becomes, and goes
// to the trash and back with its mail.
func TestCyrusFolder(t *testing.T) {
	t.Parallel()
	host := harness.NewHost(t, harness.HostConfig{NoPostfix: true, Cyrus: harness.Release(), Set: []string{"mail/cyrus/mailbox/delete=yes"}})
	for _, uid := range []string{"anna", "ben"} {
		host.Slapd.AddPerson(harness.Person{UID: uid, Mail: uid + "@example.test", Home: mine})
	}
	dn := "cn=Buero Nord@example.test," + harness.BaseDN
	entry := map[string][]string{
		"objectClass": {"univentionMailSharedFolder"}, "cn": {"Buero Nord@example.test"}, "univentionMailHomeServer": {mine},
		"univentionMailACL": {"anna@example.test write", "ben@example.test read"}, "univentionMailUserQuota": {"5"},
	}
	host.Slapd.Add(dn, entry)
	host.Wait()
	const folder = "shared/buero nord"
	if err := appendTo(host, "anna@example.test", folder); err != nil {
		t.Errorf("who may write cannot: %v", err)
	}
	if err := appendTo(host, "ben@example.test", folder); err == nil {
		t.Error("who may read only has written")
	}
	if got, err := host.Cyrus.Messages("ben@example.test", harness.Password, folder); err != nil || len(got) != 1 {
		t.Errorf("who may read reads %v, %v", got, err)
	}
	host.Slapd.Set(dn, "univentionMailACL", "anna@example.test read")
	host.Wait()
	if _, err := host.Cyrus.Messages("ben@example.test", harness.Password, folder); err == nil {
		t.Error("a right that is gone is still there")
	}
	host.Slapd.Delete(dn)
	host.Wait()
	if _, err := host.Cyrus.Messages("anna@example.test", harness.Password, folder); err == nil {
		t.Error("a folder that is gone is still there")
	}
}

func appendTo(host *harness.Host, user, folder string) error {
	client, err := host.Cyrus.Login(user, harness.Password)
	if err != nil {
		return err
	}
	defer client.Close()
	text := "Subject: hello\r\n\r\nhello\r\n"
	writing := client.Append(folder, int64(len(text)), nil)
	_, err = writing.Write([]byte(text))
	if err = errors.Join(err, writing.Close()); err != nil {
		return err
	}
	_, err = writing.Wait()
	return err
}

// limit returns the quota of a user in KB, 0 for none.
func limit(t *testing.T, host *harness.Host, user string) int64 {
	t.Helper()
	client, err := host.Cyrus.Login(user, harness.Password)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	roots, err := client.GetQuotaRoot("INBOX").Wait()
	if err != nil {
		t.Fatal(err)
	}
	for _, root := range roots {
		return root.Resources[imap.QuotaResourceStorage].Limit
	}
	return 0
}

// spoilLimit sets the quota of a mailbox as an administrator may.
func spoilLimit(t *testing.T, host *harness.Host, mailbox string, kb int64) {
	t.Helper()
	admin, err := imapclient.DialInsecure(host.Cyrus.IMAP, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	if err := admin.Authenticate(sasl.NewPlainClient("", harness.CyrusAdmin, harness.Password)); err != nil {
		t.Fatal(err)
	}
	if err := admin.SetQuota(mailbox, map[imap.QuotaResourceType]int64{imap.QuotaResourceStorage: kb}).Wait(); err != nil {
		t.Fatal(err)
	}
}
