package mailbox_test

import (
	"slices"
	"testing"

	"github.com/emersion/go-imap/v2"

	"github.com/mailreg/mailreg/tests/harness"
)

// TestCyrus proves that a Cyrus of either release gets the mailbox of who is at home there by name, with its folders, and
// no other.
func TestCyrus(t *testing.T) {
	for _, release := range []string{"bookworm", "trixie"} {
		t.Run(release, func(t *testing.T) {
			t.Parallel()
			host := harness.NewHost(t, harness.HostConfig{
				NoPostfix: true, Cyrus: release, Set: []string{"mail/cyrus/folder/predefined_folders=Entwürfe;Projekte/Alt"},
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
			want := []string{"INBOX/Entwürfe", "INBOX/Ham", "INBOX/Projekte/Alt", "INBOX/Spam"}
			if got := subscribed(t, host, "anna.b@example.test"); !slices.Equal(got, want) {
				t.Errorf("anna is subscribed to %q, want %q", got, want)
			}
		})
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
