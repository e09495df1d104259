package mailbox_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/mailreg/mailreg/tests/harness"
)

// TestCyrusTrash proves that the commands about stores tell the same of a Cyrus as of a spool, put back what was deleted, and to
// nobody by accident, and that they say so when the daemon, which they need for that, is away.
func TestCyrusTrash(t *testing.T) {
	for _, release := range []string{"bookworm", "trixie"} {
		t.Run(release, func(t *testing.T) {
			t.Parallel()
			host := harness.NewHost(t, harness.HostConfig{NoPostfix: true, Cyrus: release, Set: []string{"mail/cyrus/mailbox/delete=yes"}})
			anna := host.Slapd.AddPerson(harness.Person{UID: "anna", Mail: "anna@example.test", Home: mine})
			host.Slapd.AddPerson(harness.Person{UID: "ben", Mail: "ben@example.test", Home: mine})
			host.Slapd.Set(harness.DN("anna"), "univentionMailUserQuota", "5")
			host.Wait()
			give(t, host, "anna@example.test", "old mail of anna")
			var listed []struct {
				UUID, Address, State string
				Usage                struct {
					Messages, Bytes, Quota int
					LastMail               string `json:"last_mail"`
				}
			}
			host.JSON(&listed, "mailbox", "list", "--usage")
			if len(listed) != 2 || listed[0].UUID != anna || listed[0].State != "live" || listed[0].Usage.Messages != 1 ||
				listed[0].Usage.Bytes == 0 || listed[0].Usage.Quota != 5<<20 || listed[0].Usage.LastMail == "" {
				t.Errorf("mailbox list: %+v", listed)
			}
			host.Slapd.Delete(harness.DN("anna"))
			host.Wait()
			list := trashList(host)
			if len(list) != 1 || list[0].Kind != "deleted" || list[0].UUID != anna || list[0].Address != "anna@example.test" {
				t.Fatalf("trash: %+v, want the deleted store of anna", list)
			}
			host.Slapd.AddPerson(harness.Person{UID: "anna", Mail: "anna@example.test", Home: mine})
			host.Wait()
			give(t, host, "anna@example.test", "new mail of anna")
			if r := host.Run("mailbox", "trash", "restore", list[0].ID); r.Code != 1 || !strings.Contains(r.Stderr, "--as") {
				t.Errorf("restore to another owner: %s, want exit 1 and a word of --as", r)
			}
			host.Must("mailbox", "trash", "restore", "anna@example.test", "--as", "anna@example.test")
			got := host.Cyrus.Subjects("anna@example.test", harness.Password)
			if slices.Sort(got); !slices.Equal(got, []string{"new mail of anna", "old mail of anna"}) {
				t.Errorf("anna reads %q", got)
			}
			purged(t, host)
			host.Listener.Stop()
			if r := host.Run("mailbox", "list"); r.Code != 1 || !strings.HasPrefix(r.Stderr, "mailreg: stores on Cyrus: the daemon does not answer") {
				t.Errorf("without the daemon: %s", r)
			}
		})
	}
}

// purged removes a store of the trash for good, and no other.
func purged(t *testing.T, host *harness.Host) {
	t.Helper()
	host.Slapd.Delete(harness.DN("ben"))
	host.Wait()
	list := trashList(host)
	if len(list) != 1 {
		t.Fatalf("trash: %+v, want the store of ben", list)
	}
	if r := host.Must("mailbox", "trash", "purge"); strings.Contains(r, list[0].ID) {
		t.Errorf("what is to be kept is purged: %s", r)
	}
	if r := host.Run("mailbox", "trash", "purge", "unknown", list[0].ID); r.Code != 1 {
		t.Errorf("an unknown id is purged: %s", r)
	}
	if r := host.Must("mailbox", "trash", "purge", list[0].ID); !strings.Contains(r, list[0].ID) {
		t.Errorf("purge: %s", r)
	}
	if list := trashList(host); len(list) != 0 {
		t.Errorf("trash after the purge: %+v", list)
	}
}

func give(t *testing.T, host *harness.Host, address, subject string) {
	t.Helper()
	if err := host.Cyrus.Deliver(address, subject); err != nil {
		t.Fatal(err)
	}
}
