package mailbox_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mailreg/mailreg/tests/harness"
)

// TestArchive: the address of mail/archivefolder has a mailbox without an entry in the directory, which gets one copy of
// each mail, which nobody but the master user reads, and which no change of the setting ever empties.
func TestArchive(t *testing.T) {
	for _, layout := range []string{"uuid", "address"} {
		t.Run(layout, func(t *testing.T) {
			t.Parallel()
			a := archive{t: t, Host: harness.NewHost(t, harness.HostConfig{Set: []string{
				"mail/dovecot/location/key=" + layout, "mail/dovecot/auth/master/password=secret1", "mail/dovecot/mailbox/delete=yes",
			}})}
			a.tell()
		})
	}
}

type archive struct {
	*harness.Host
	t *testing.T
}

func (a *archive) tell() {
	a.Slapd.AddDomain(harness.MailDomain)
	a.Slapd.AddPerson(harness.Person{UID: "anna", Mail: "anna@example.test"})
	a.Wait()
	a.Must("set", "mail/archivefolder=Archive@example.test")
	a.has("archive@example.test")
	a.sent("one", "archive@example.test", "one")
	if err := a.Postfix.Accepts("archive@example.test"); err != nil {
		a.t.Errorf("mail to the archive itself: %v", err)
	}
	for _, password := range []string{"*", "secret1"} {
		if _, err := a.Dovecot.Messages("archive@example.test", password, "INBOX"); err == nil {
			a.t.Errorf("the archive is open to password %q", password)
		}
	}

	a.t.Log("another address: the mail comes along")
	a.Must("set", "mail/archivefolder=vault@example.test")
	a.has("vault@example.test")
	a.sent("two", "vault@example.test", "one", "two")

	a.t.Log("no address, and no repair, takes anything away")
	a.Must("unset", "mail/archivefolder")
	if out := a.Run("listener", "diff", "mailbox", "--repair"); strings.Contains(out.Stdout, "6d61696c-7265") {
		a.t.Errorf("repaired: %s", out)
	}
	a.Must("set", "mail/archivefolder=vault@example.test")
	a.sent("three", "vault@example.test", "one", "two", "three")

	a.t.Log("an address that a user has is that user's mailbox")
	a.Must("set", "mail/archivefolder=anna@example.test")
	if err := a.Postfix.Send("sender@client.test", "anna@example.test", "four"); err != nil {
		a.t.Fatal(err)
	}
	a.Dovecot.Await("anna@example.test", harness.Password, "four")
	if got := a.Must("mailbox", "list"); !strings.Contains(got, "vault@example.test") || strings.Contains(got, "unmarked") {
		a.t.Errorf("stores: %s", got)
	}
}

// has waits until the archive has its store under an address.
func (a *archive) has(address string) {
	a.t.Helper()
	a.Listener.Await("the archive "+address, func() error {
		var stores []struct{ UUID, Address, State string }
		a.JSON(&stores, "mailbox", "list")
		for _, s := range stores {
			if s.UUID == "6d61696c-7265-8720-a172-636869766500" && s.Address == address && s.State == "live" {
				return nil
			}
		}
		return fmt.Errorf("stores %v", stores)
	})
}

// sent sends a mail to a user and demands what the archive then has.
func (a *archive) sent(subject, address string, want ...string) {
	a.t.Helper()
	if err := a.Postfix.Send("sender@client.test", "anna@example.test", subject); err != nil {
		a.t.Fatal(err)
	}
	a.Dovecot.Await(address+"*dovecotadmin", "secret1", subject)
	a.Dovecot.Await("anna@example.test", harness.Password, subject)
	if got := a.Dovecot.Subjects(address+"*dovecotadmin", "secret1"); !slices.Equal(got, want) {
		a.t.Errorf("the archive has %q, want %q", got, want)
	}
}
