package live

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"github.com/mailreg/mailreg/tests/harness"
)

var rounds = flag.Int("live.rounds", 3, "how often TestRenameUnderLoad renames")

// loginLimit is how long a login may take after a change that was acknowledged.
const loginLimit = 2 * time.Second

// newHost returns a host whose brake is off.
func newHost(t *testing.T, set ...string) *harness.Host {
	t.Helper()
	return harness.NewHost(t, harness.HostConfig{NoPostfix: true, Set: append([]string{"mailreg/guard/count=0"}, set...)})
}

// TestRenameUnderLoad renames a user with 10,000 messages again and again, while a client is logged in and mail arrives at
// the old and the new address every 5 ms: every message that was accepted is there once, nobody waits, and the new address is
// never refused once the change is acknowledged.
func TestRenameUnderLoad(t *testing.T) {
	t.Parallel()
	host := newHost(t, "mail/dovecot/location/key=address", "mail/dovecot/auth/cache_negative_ttl=1 hour", "mail/dovecot/auth/cache_ttl=1 hour")
	anna := harness.DN("anna")
	from, to := "anna@"+harness.MailDomain, "maria@"+harness.MailDomain
	host.Slapd.AddPerson(harness.Person{UID: "anna", Mail: from})
	host.Wait()
	all := fill(t, host, harness.HomeByAddress(from), 8000, 2000)
	duplicates := 0
	for round := range *rounds {
		before := time.Now()
		idle := idler(t, host, from)
		usual := time.Since(before)
		old, new := startSender(host.Dovecot, fmt.Sprintf("old%d", round), from), startSender(host.Dovecot, fmt.Sprintf("new%d", round), to)
		old.awaits(t, 0, 20)
		host.Slapd.SetMail(anna, to)
		host.Wait()
		new.enter(1)
		begun := time.Now()
		login(t, host, to)
		// On a machine that has much else to do a login takes long, anyway.
		if spent := time.Since(begun); spent > loginLimit+10*usual {
			t.Errorf("round %d: the login took %s, before the change %s", round, spent, usual)
		}
		ends(t, idle)
		new.awaits(t, 1, 20)
		old.end(t)
		new.end(t)
		if len(new.refused[1]) > 0 {
			t.Errorf("round %d: %d refused at the new address, such as %s", round, len(new.refused[1]), new.refused[1][0])
		}
		all.add(old.tally(), new.tally())
		n := arrives(t, host, to, all)
		duplicates += n
		t.Logf("round %d: %d accepted at the old address, %d at the new one; %d and %d deferred once",
			round, len(old.accepted), len(new.accepted), len(old.deferred), len(new.deferred))
		from, to = to, from
	}
	t.Logf("%d messages, %d of them twice after a 451", len(all.accepted), duplicates)
}

func (l *tally) add(more ...tally) {
	for _, m := range more {
		l.accepted = append(l.accepted, m.accepted...)
		for subject := range m.deferred {
			l.deferred[subject] = true
		}
	}
}

// fill writes messages into the inbox and another folder of a home, as if they had been there for long.
func fill(t *testing.T, host *harness.Host, home string, inbox, other int) tally {
	t.Helper()
	l := tally{deferred: map[string]bool{}}
	maildir := filepath.Join(host.Spool.Dir, home, "Maildir")
	for _, folder := range []struct {
		name  string
		count int
	}{{"", inbox}, {".Work", other}} {
		dir := filepath.Join(maildir, folder.name)
		for _, sub := range []string{"", "cur", "new", "tmp"} {
			name := filepath.Join(dir, sub)
			if err := os.MkdirAll(name, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.Chown(name, 5000, 5000); err != nil {
				t.Fatal(err)
			}
		}
		for n := range folder.count {
			subject := fmt.Sprintf("kept%s.%d", folder.name, n)
			text := "Subject: " + subject + "\r\n\r\nhello\r\n"
			name := filepath.Join(dir, "cur", fmt.Sprintf("%d.M%dP1.host,S=%d:2,S", 1700000000+n, n, len(text)))
			if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chown(name, 5000, 5000); err != nil {
				t.Fatal(err)
			}
			l.accepted = append(l.accepted, subject)
		}
	}
	return l
}

// idler returns a session that waits for mail (RFC 2177).
func idler(t *testing.T, host *harness.Host, address string) *imapclient.Client {
	t.Helper()
	client, err := host.Dovecot.Login(address, harness.Password)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Select("INBOX", nil).Wait(); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Idle(); err != nil {
		t.Fatal(err)
	}
	return client
}

// ends demands that a session is closed by the server.
func ends(t *testing.T, client *imapclient.Client) {
	t.Helper()
	defer client.Close()
	select {
	case <-client.Closed():
	case <-time.After(answerLimit):
		t.Errorf("the session of before the change is still open")
	}
}

func login(t *testing.T, host *harness.Host, address string) {
	t.Helper()
	client, err := host.Dovecot.Login(address, harness.Password)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := client.Select("INBOX", nil).Wait(); err != nil {
		t.Errorf("after the change: %v", err)
	}
}

// arrives waits until every message is in the folders of an address, which takes until the late sweeps, and returns how many
// are there twice.
func arrives(t *testing.T, host *harness.Host, address string, all tally) (duplicates int) {
	t.Helper()
	host.Listener.Await("all mail of "+address, func() (err error) {
		if n := counts(t, host, address); n < len(all.accepted) {
			return fmt.Errorf("%d messages of %d", n, len(all.accepted))
		}
		found := map[string]int{}
		for _, folder := range []string{"INBOX", "Work"} {
			messages, err := host.Dovecot.Messages(address, harness.Password, folder)
			if err != nil {
				return err
			}
			for _, m := range messages {
				found[m.Subject]++
			}
		}
		duplicates, err = all.compare(found)
		return err
	})
	return duplicates
}

// counts returns the number of messages of an address.
func counts(t *testing.T, host *harness.Host, address string) (n int) {
	t.Helper()
	client, err := host.Dovecot.Login(address, harness.Password)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for _, folder := range []string{"INBOX", "Work"} {
		status, err := client.Status(folder, &imap.StatusOptions{NumMessages: true}).Wait()
		if err != nil {
			t.Fatal(err)
		}
		n += int(*status.NumMessages)
	}
	return n
}
