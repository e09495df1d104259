package account_test

import (
	"testing"

	"github.com/mailreg/mailreg/tests/harness"
)

// TestPassword proves that the old password is refused as soon as there is a new one, and that sessions end then where the
// directory tells that it was the password which has changed.
func TestPassword(t *testing.T) {
	t.Parallel()
	host := newHost(t)
	addPerson(host, "anna")
	addPerson(host, "ben")
	host.Wait()
	admitted(t, host, "anna@example.test", harness.Password)
	admitted(t, host, "anna", harness.Password)
	host.Slapd.Set(harness.DN("anna"), "userPassword", "another")
	host.Wait()
	refused(t, host, "anna@example.test", harness.Password)
	refused(t, host, "anna", harness.Password)
	admitted(t, host, "anna@example.test", "another")

	session := idle(t, host, "ben@example.test")
	host.Slapd.Set(harness.DN("ben"), "sambaPwdLastSet", "1795521600")
	ends(t, session)
	admitted(t, host, "ben", harness.Password)
}

// TestNames proves that a name works, or does not, as soon as the directory says so.
func TestNames(t *testing.T) {
	t.Parallel()
	host := newHost(t)
	addPerson(host, "anna", "a.one@example.test")
	addPerson(host, "ben")
	host.Wait()
	deliver(t, host, "a.one@example.test", true)
	deliver(t, host, "a.two@example.test", false)
	admitted(t, host, "anna", harness.Password)
	refused(t, host, "maria", harness.Password)

	host.Slapd.Rename(harness.DN("anna"), "uid=maria", "")
	maria := harness.DN("maria")
	host.Wait()
	refused(t, host, "anna", harness.Password)
	admitted(t, host, "maria", harness.Password)
	admitted(t, host, "anna@example.test", harness.Password)

	host.Slapd.Set(maria, "mailAlternativeAddress", "a.two@example.test")
	host.Wait()
	deliver(t, host, "a.one@example.test", false)
	deliver(t, host, "a.two@example.test", true)

	session := idle(t, host, "maria")
	host.Slapd.SetHome(maria, "mail2.example.test")
	ends(t, session)
	host.Wait()
	refused(t, host, "maria", harness.Password)
	host.Slapd.SetHome(maria, "")
	host.Wait()
	admitted(t, host, "maria", harness.Password)

	session = idle(t, host, "anna@example.test")
	host.Slapd.Delete(maria)
	ends(t, session)
	host.Wait()
	refused(t, host, "anna@example.test", harness.Password)
	// Somebody else gets the address, and nothing of the former owner's state.
	host.Slapd.SetMail(harness.DN("ben"), "anna@example.test")
	host.Wait()
	admitted(t, host, "anna@example.test", harness.Password)
	refused(t, host, "ben@example.test", harness.Password)
	admitted(t, host, "ben", harness.Password)
}

// TestClosedAndReused proves that who is blocked stays so under another name, and blocks nobody who gets the old one.
func TestClosedAndReused(t *testing.T) {
	t.Parallel()
	host := newHost(t)
	addPerson(host, "anna")
	addPerson(host, "ben")
	host.Slapd.Set(harness.DN("anna"), "shadowExpire", "1")
	host.Wait()
	host.Slapd.SetMail(harness.DN("anna"), "gone@example.test")
	host.Slapd.SetMail(harness.DN("ben"), "anna@example.test")
	host.Wait()
	refused(t, host, "anna", harness.Password)
	refused(t, host, "gone@example.test", harness.Password)
	admitted(t, host, "anna@example.test", harness.Password)
	host.Slapd.Delete(harness.DN("anna"))
	host.Wait()
	host.Slapd.SetMail(harness.DN("ben"), "gone@example.test")
	host.Wait()
	admitted(t, host, "gone@example.test", harness.Password)
}

func deliver(t *testing.T, host *harness.Host, address string, want bool) {
	t.Helper()
	if err := host.Dovecot.Deliver(address, "news"); (err == nil) != want {
		t.Errorf("mail for %s: %v", address, err)
	}
}
