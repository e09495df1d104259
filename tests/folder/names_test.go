package folder_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"github.com/mailreg/mailreg/tests/harness"
)

// TestRenamedReaders: rights follow who is renamed, those of the directory and those that users have given each other; whoever
// gets the address or the name next has nothing.
func TestRenamedReaders(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.group("sales", harness.DN("c"))
	w.add("Team", mail("team"), mail("b")+" read", "sales write")
	w.Wait()
	shared := "shared/" + mail("team")
	own := "shared/" + mail("a") + "/Work"
	w.as("a", func(c *imapclient.Client) {
		w.ok("create", c.Create("Work", nil).Wait())
		w.ok("share", c.SetACL("Work", imap.RightsIdentifier(mail("b")), imap.RightModificationReplace, imap.RightSet("lr")).Wait())
	})
	w.wantList("b", shared, own)

	// b is renamed, and somebody else gets the address; the group as well.
	w.Slapd.SetMail(harness.DN("b"), mail("bb"))
	w.Slapd.Rename(dn("sales"), "cn=trade", "")
	w.Wait()
	w.Slapd.AddPerson(harness.Person{UID: "new", Mail: mail("b")})
	w.group("sales", harness.DN("new"))
	w.Wait()
	w.wantRights("bb", shared, read)
	w.wantRights("bb", own, "lr")
	w.wantList("bb", shared, own)
	w.soonRights("c", shared, write)
	w.wantRights("b", shared, "")
	w.wantRights("b", own, "")
	w.wantList("b")

	// The owner is renamed: what was shared is seen under the new address.
	w.Slapd.SetMail(harness.DN("a"), mail("aa"))
	w.Wait()
	w.wantList("bb", shared, "shared/"+mail("aa")+"/Work")

	// Whoever is gone leaves nothing behind.
	w.Slapd.Delete(harness.DN("b"))
	w.Wait()
	for _, name := range []string{"acl", "shared/boxes", "groups"} {
		data, err := os.ReadFile(filepath.Join(w.Root(), "var/lib/mailreg/dovecot", name))
		if err != nil || strings.Contains(string(data), mail("bb")) {
			t.Errorf("%s: %v\n%s", name, err, data)
		}
	}

	// The right is given anew: now it is for who has the address.
	w.Slapd.Set(dn("Team@"+domain), "univentionMailACL", mail("b")+" write")
	w.Wait()
	w.wantRights("b", shared, write)
}

// TestSubscriptions: who loses a folder is not subscribed to it any more, and who knows it by another name to that.
func TestSubscriptions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.add("Team", mail("team"), mail("a")+" all", mail("b")+" read")
	w.Wait()
	shared, public := "shared/"+mail("team"), "Team@"+domain+"/INBOX"
	for _, uid := range []string{"a", "b"} {
		w.as(uid, func(c *imapclient.Client) { w.ok("subscribe", c.Subscribe(shared).Wait()) })
	}
	w.Slapd.Set(dn("Team@"+domain), "univentionMailACL", mail("a")+" all")
	w.Wait()
	w.wantSubscribed("a", shared)
	w.wantSubscribed("b")
	w.Slapd.SetMail(dn("Team@"+domain), "")
	w.Wait()
	w.wantSubscribed("a", public)
	w.Slapd.Delete(dn("Team@" + domain))
	w.Wait()
	w.wantSubscribed("a")
}

func (w *world) wantSubscribed(uid string, want ...string) {
	w.t.Helper()
	var got []string
	w.as(uid, func(c *imapclient.Client) {
		list, err := c.List("", "*", &imap.ListOptions{SelectSubscribed: true}).Collect()
		if err != nil {
			w.t.Fatal(err)
		}
		for _, data := range list {
			if strings.Contains(data.Mailbox, "/") && !slices.Contains(got, data.Mailbox) {
				got = append(got, data.Mailbox)
			}
		}
	})
	if !slices.Equal(got, want) {
		w.t.Errorf("%s is subscribed to %q, want %q", uid, got, want)
	}
}
