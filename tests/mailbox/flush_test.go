package mailbox_test

import (
	"slices"
	"testing"

	"github.com/mailreg/mailreg/tests/harness"
)

// TestFlush proves that a change is effective at once although Dovecot caches what it has asked the directory: a new
// address works although it was refused a moment ago, an old one is refused although it worked, and a person who leaves
// this host cannot log in any more.
func TestFlush(t *testing.T) {
	t.Parallel()
	host := harness.NewHost(t, harness.HostConfig{
		NoPostfix: true,
		Set:       []string{"mail/dovecot/auth/cache_ttl=1 hour", "mail/dovecot/auth/cache_negative_ttl=1 hour"},
	})
	anna := harness.DN("anna")
	host.Slapd.AddPerson(harness.Person{UID: "anna", Mail: "anna@example.test"})
	host.Wait()
	deliver(t, host, "anna@example.test", "first")
	// Both answers go into the cache.
	reads(t, host, "anna@example.test", "first")
	refused(t, host, "maria@example.test")

	host.Slapd.SetMail(anna, "maria@example.test")
	host.Wait()
	reads(t, host, "maria@example.test", "first")
	refused(t, host, "anna@example.test")

	host.Slapd.SetHome(anna, other)
	host.Wait()
	refused(t, host, "maria@example.test")

	host.Slapd.SetHome(anna, mine)
	host.Wait()
	reads(t, host, "maria@example.test", "first")

	host.Slapd.Delete(anna)
	host.Wait()
	refused(t, host, "maria@example.test")
}

// TestFlushCommand proves that `auth flush` makes a change effective that the listener does not look at: a password.
func TestFlushCommand(t *testing.T) {
	t.Parallel()
	host := harness.NewHost(t, harness.HostConfig{NoPostfix: true, Set: []string{"mail/dovecot/auth/cache_ttl=1 hour"}})
	for _, uid := range []string{"anna", "ben"} {
		host.Slapd.AddPerson(harness.Person{UID: uid, Mail: uid + "@example.test"})
	}
	host.Wait()
	reads(t, host, "anna@example.test")
	host.Slapd.Set(harness.DN("anna"), "userPassword", "new")
	if _, err := host.Dovecot.Messages("anna@example.test", harness.Password, "INBOX"); err != nil {
		t.Errorf("the cache does not work, so the test proves nothing: %v", err)
	}
	host.Must("auth", "flush", "anna@example.test")
	refused(t, host, "anna@example.test")
	// All at once; and without a server there is nothing to flush, which is no failure.
	host.Must("auth", "flush")
	reads(t, host, "ben@example.test")
	host.Dovecot.Stop()
	host.Must("auth", "flush")
}

func deliver(t *testing.T, host *harness.Host, address, subject string) {
	t.Helper()
	if err := host.Dovecot.Deliver(address, subject); err != nil {
		t.Fatalf("delivering to %s: %v", address, err)
	}
}

// reads demands that a person sees these messages in the inbox, in any order.
func reads(t *testing.T, host *harness.Host, address string, want ...string) {
	t.Helper()
	got := host.Dovecot.Subjects(address, harness.Password)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s reads %q, want %q", address, got, want)
	}
}

// refused demands that nobody can log in with an address, and that no mail is taken for it.
func refused(t *testing.T, host *harness.Host, address string) {
	t.Helper()
	if messages, err := host.Dovecot.Messages(address, harness.Password, "INBOX"); err == nil {
		t.Errorf("%s can still log in and reads %+v", address, messages)
	}
}
