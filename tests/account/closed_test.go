package account_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mailreg/mailreg/tests/harness"
)

// TestClosed closes accounts in the ways of several directories while somebody is logged in: the session ends, no login
// works by any name, not even a master user's, mail is still taken, and it all ends when the account is open again.
func TestClosed(t *testing.T) {
	t.Parallel()
	host := newHost(t)
	ways := []struct{ uid, attribute, value string }{
		{"shadow", "shadowExpire", "1"},
		{"samba", "sambaAcctFlags", "[UD         ]"},
		{"kerberos", "krb5KDCFlags", "254"},
		{"date", "krb5ValidEnd", "20200101000000Z"},
		{"locked", "pwdAccountLockedTime", "000001010000Z"},
		{"guessed", "pwdAccountLockedTime", time.Now().UTC().Format("20060102150405Z")},
		{"ds389", "nsAccountLock", "TRUE"},
		{"ad", "userAccountControl", "514"},
	}
	for _, way := range ways {
		addPerson(host, way.uid)
	}
	addPerson(host, "other")
	host.Wait()
	bystander := idle(t, host, "other@example.test")
	for _, way := range ways {
		address := way.uid + "@example.test"
		admitted(t, host, way.uid, harness.Password)
		admitted(t, host, address+"*dovecotadmin", masterPassword)
		session := idle(t, host, address)
		host.Slapd.Set(harness.DN(way.uid), way.attribute, way.value)
		t.Logf("%s: the session has ended after %v", way.uid, ends(t, session))
		host.Wait()
		refused(t, host, address, harness.Password)
		refused(t, host, way.uid, harness.Password)
		refused(t, host, address+"*dovecotadmin", masterPassword)
		if err := host.Dovecot.Deliver(address, "for later"); err != nil {
			t.Errorf("%s: mail is not taken: %v", way.uid, err)
		}
		host.Slapd.Set(harness.DN(way.uid), way.attribute)
		host.Wait()
		if subjects := host.Dovecot.Subjects(address, harness.Password); len(subjects) != 1 || subjects[0] != "for later" {
			t.Errorf("%s, open again, reads %q", way.uid, subjects)
		}
		admitted(t, host, way.uid, harness.Password)
	}
	select {
	case <-bystander.Closed():
		t.Error("somebody else's session has ended")
	default:
	}
}

// TestExpiry lets accounts expire by their date: while the daemon runs, while it does not, and when it starts while the
// directory is down.
func TestExpiry(t *testing.T) {
	t.Parallel()
	host := newHost(t)
	for _, uid := range []string{"anna", "ben", "carl"} {
		addPerson(host, uid)
	}
	host.Wait()
	soon := func(uid string, in time.Duration) {
		host.Slapd.Set(harness.DN(uid), "krb5ValidEnd", time.Now().Add(in).UTC().Format("20060102150405Z"))
		host.Wait()
	}
	session := idle(t, host, "anna@example.test")
	soon("anna", 3*time.Second)
	admitted(t, host, "anna", harness.Password)
	ends(t, session)
	harness.Await(t, "refusal", func() bool { return !canLogin(host, "anna") })
	host.Wait()
	refused(t, host, "anna", harness.Password)

	soon("ben", 2*time.Second)
	host.Listener.Stop()
	harness.Await(t, "a date", pastDate(2*time.Second))
	host.Listener.Start()
	harness.Await(t, "refusal", func() bool { return !canLogin(host, "ben") })
	refused(t, host, "anna", harness.Password)

	session = idle(t, host, "carl@example.test")
	soon("carl", 3*time.Second)
	host.Listener.Stop()
	harness.Await(t, "a date", pastDate(3*time.Second))
	host.Slapd.Stop() // what the daemon knows is enough
	host.Listener.Start()
	ends(t, session)
	blocked, err := os.ReadFile(filepath.Join(host.Root(), "var/lib/mailreg/dovecot/blocked"))
	if err != nil || !strings.Contains(string(blocked), "carl@example.test:") {
		t.Errorf("who is blocked: %q, %v", blocked, err)
	}
	// A time that has moved is void.
	host.Slapd.Start()
	host.Slapd.Set(harness.DN("carl"), "krb5ValidEnd", "20991231000000Z")
	host.Wait()
	admitted(t, host, "carl", harness.Password)
}

func canLogin(host *harness.Host, user string) bool {
	client, err := host.Dovecot.Login(user, harness.Password)
	if err == nil {
		_ = client.Close()
	}
	return err == nil
}

// pastDate returns a condition that holds after a time.
func pastDate(d time.Duration) func() bool {
	at := time.Now().Add(d)
	return func() bool { return time.Now().After(at) }
}

// TestBlockSurvives proves that what is blocked stays so while the daemon is down, also when Dovecot starts anew, and that
// the daemon mends the table when it is gone.
func TestBlockSurvives(t *testing.T) {
	t.Parallel()
	host := newHost(t)
	addPerson(host, "anna")
	addPerson(host, "ben")
	host.Slapd.Set(harness.DN("anna"), "shadowExpire", "1")
	host.Wait()
	host.Listener.Stop()
	host.Dovecot.Stop()
	host.Dovecot.Start()
	refused(t, host, "anna", harness.Password)
	admitted(t, host, "ben", harness.Password)
	host.Dovecot.Stop()
	if err := os.RemoveAll(filepath.Join(host.Root(), "var/lib/mailreg/dovecot")); err != nil {
		t.Fatal(err)
	}
	host.Dovecot.Start()
	admitted(t, host, "ben", harness.Password) // without the table nobody is kept out, and nobody is locked out
	host.Listener.Start()
	host.Wait()
	refused(t, host, "anna", harness.Password)
	admitted(t, host, "ben", harness.Password)
}

// TestManyClosed proves that the brake keeps a slip of a filter from locking everybody out.
func TestManyClosed(t *testing.T) {
	t.Parallel()
	host := newHost(t, "mailreg/guard/count=2")
	uids := []string{"anna", "ben", "carl", "dora"}
	for _, uid := range uids {
		addPerson(host, uid)
	}
	host.Wait()
	for _, uid := range uids {
		host.Slapd.Set(harness.DN(uid), "shadowExpire", "1")
	}
	host.Wait()
	if open := openOf(host, uids); open != 2 {
		t.Errorf("%d of 4 accounts are open, want 2: the others are held", open)
	}
	var held []struct{ ID, Handler string }
	host.JSON(&held, "listener", "held")
	if len(held) != 1 {
		t.Fatalf("held: %+v", held)
	}
	// A start looks at all accounts: what is held stays so.
	host.Listener.Stop()
	host.Listener.Start()
	host.Wait()
	if n := openOf(host, uids); n != 2 {
		t.Errorf("after a start %d of 4 accounts are open, want 2", n)
	}
	host.Must("listener", "approve", held[0].ID)
	host.Wait()
	for _, uid := range uids {
		refused(t, host, uid, harness.Password)
	}

	// What was rejected stays open until the account changes again.
	for _, uid := range uids {
		host.Slapd.Set(harness.DN(uid), "shadowExpire")
		host.Wait()
		admitted(t, host, uid, harness.Password)
	}
	for _, uid := range uids {
		host.Slapd.Set(harness.DN(uid), "shadowExpire", "1")
	}
	host.Wait()
	before := openOf(host, uids)
	host.JSON(&held, "listener", "held")
	if before == 0 || len(held) != 1 {
		t.Fatalf("%d open, held: %+v", before, held)
	}
	host.Must("listener", "reject", held[0].ID)
	host.Listener.Stop()
	host.Listener.Start()
	host.Wait()
	if n := openOf(host, uids); n != before {
		t.Errorf("%d accounts are open, before the start %d", n, before)
	}
	for _, uid := range uids {
		host.Slapd.Set(harness.DN(uid), "shadowExpire")
		host.Wait()
		admitted(t, host, uid, harness.Password)
	}
}

// openOf counts who can log in.
func openOf(host *harness.Host, uids []string) (open int) {
	for _, uid := range uids {
		if canLogin(host, uid) {
			open++
		}
	}
	return open
}
