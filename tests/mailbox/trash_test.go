package mailbox_test

import (
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"

	"github.com/mailreg/mailreg/tests/harness"
)

// trashed is a line of `mailbox trash list --json`.
type trashed struct {
	ID      string `json:"id"`
	Kind    string `json:"kind"`
	UUID    string `json:"uuid"`
	Address string `json:"address"`
}

func trashList(host *harness.Host) (all []trashed) {
	host.JSON(&all, "mailbox", "trash", "list")
	return all
}

// TestTrash proves that deleted mail can be brought back, that it goes to nobody by accident, and that nothing of a
// mailbox in use is overwritten.
func TestTrash(t *testing.T) {
	t.Parallel()
	host := harness.NewHost(t, harness.HostConfig{NoPostfix: true, Set: []string{"mail/dovecot/mailbox/delete=yes"}})
	uuids := map[string]string{}
	for _, uid := range []string{"anna", "ben"} {
		uuids[uid] = host.Slapd.AddPerson(harness.Person{UID: uid, Mail: uid + "@example.test"})
	}
	host.Wait()
	deliver(t, host, "anna@example.test", "old mail of anna")
	flagAndCopy(t, host, "anna@example.test", "Work")
	deliver(t, host, "ben@example.test", "mail of ben")

	host.Slapd.Delete(harness.DN("anna"))
	host.Wait()
	list := trashList(host)
	if len(list) != 1 || list[0].Kind != "deleted" || list[0].UUID != uuids["anna"] || list[0].Address != "anna@example.test" {
		t.Fatalf("trash: %+v, want the deleted store of anna", list)
	}

	// A new person with the same address sees nothing of it, and does not get it without being named.
	host.Slapd.AddPerson(harness.Person{UID: "anna", Mail: "anna@example.test"})
	host.Wait()
	reads(t, host, "anna@example.test")
	deliver(t, host, "anna@example.test", "new mail of anna")
	if r := host.Run("mailbox", "trash", "restore", list[0].ID); r.Code != 1 || !strings.Contains(r.Stderr, "--as") {
		t.Errorf("restore to another owner: %s, want exit 1 and a word of --as", r)
	}
	reads(t, host, "anna@example.test", "new mail of anna")

	host.Must("mailbox", "trash", "restore", list[0].ID, "--as", "anna@example.test")
	reads(t, host, "anna@example.test", "new mail of anna", "old mail of anna")
	work, err := host.Dovecot.Messages("anna@example.test", harness.Password, "Work")
	if err != nil || len(work) != 1 || strings.Join(work[0].Flags, " ") != `\Flagged \Seen` {
		t.Errorf("folder Work: %+v (%v), want one message with its flags", work, err)
	}
	if list := trashList(host); len(list) != 0 {
		t.Errorf("trash after the restore: %+v", list)
	}
	reads(t, host, "ben@example.test", "mail of ben")
}

// flagAndCopy marks the only message of an inbox and copies it into a new folder.
func flagAndCopy(t *testing.T, host *harness.Host, address, folder string) {
	t.Helper()
	client, err := host.Dovecot.Login(address, harness.Password)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := client.Select("INBOX", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	flags := &imap.StoreFlags{Op: imap.StoreFlagsSet, Flags: []imap.Flag{imap.FlagSeen, imap.FlagFlagged}, Silent: true}
	first := imap.SeqSetNum(1)
	if err := client.Store(first, flags, nil).Close(); err != nil {
		t.Fatal(err)
	}
	if err := client.Create(folder, nil).Wait(); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Copy(first, folder).Wait(); err != nil {
		t.Fatal(err)
	}
	if err := client.Logout().Wait(); err != nil {
		t.Fatal(err)
	}
}

// TestTrashByAddress proves that an address finds its stores, and that several are listed instead of guessed at.
func TestTrashByAddress(t *testing.T) {
	t.Parallel()
	host := harness.NewHost(t, harness.HostConfig{NoPostfix: true, Set: []string{"mail/dovecot/mailbox/delete=yes"}})
	for range 2 {
		host.Slapd.AddPerson(harness.Person{UID: "anna", Mail: "anna@example.test"})
		host.Wait()
		deliver(t, host, "anna@example.test", "mail")
		host.Slapd.Delete(harness.DN("anna"))
		host.Wait()
	}
	host.Slapd.AddPerson(harness.Person{UID: "ben", Mail: "ben@example.test"})
	host.Wait()
	list := trashList(host)
	if len(list) != 2 {
		t.Fatalf("trash: %+v, want two stores", list)
	}
	r := host.Run("mailbox", "trash", "restore", "anna@example.test", "--as", "ben@example.test")
	if r.Code != 1 || !strings.Contains(r.Stdout, list[0].ID) || !strings.Contains(r.Stdout, list[1].ID) {
		t.Errorf("two matches: %s, want exit 1 and both listed", r)
	}
	for _, item := range list {
		host.Must("mailbox", "trash", "restore", item.ID, "--as", "ben@example.test")
	}
	reads(t, host, "ben@example.test", "mail", "mail")
}

// TestShow proves that mailbox show tells whose store an address is, as JSON.
func TestShow(t *testing.T) {
	t.Parallel()
	host := harness.NewHost(t, harness.HostConfig{NoPostfix: true})
	uuid := host.Slapd.AddPerson(harness.Person{UID: "anna", Mail: "anna@example.test"})
	host.Wait()
	deliver(t, host, "anna@example.test", "mail")
	var shown struct {
		Path, UUID, DN, Address, State string
		Messages, Bytes                int
	}
	host.JSON(&shown, "mailbox", "show", "anna@example.test")
	if shown.UUID != uuid || shown.DN != harness.DN("anna") || shown.Address != "anna@example.test" || shown.Messages != 1 || shown.Bytes == 0 {
		t.Errorf("mailbox show: %+v", shown)
	}
	if want := "/var/spool/dovecot/" + harness.HomeByID(uuid); shown.Path != want {
		t.Errorf("path %s, want %s", shown.Path, want)
	}
}
