package live

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mailreg/mailreg/tests/harness"
)

// TestAsideUnderLoad moves stores into the trash and the quarantine while mail arrives every 5 ms: each message that was
// accepted is there once, in the store that has left or in the new one, and none lies where nobody looks.
func TestAsideUnderLoad(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		layout, rename, remove string
		gone                   bool
	}{
		{"uuid", "yes", "yes", true},
		{"address", "yes", "yes", true},
		{"uuid", "no", "yes", false},
		{"address", "no", "yes", false},
		{"uuid", "no", "no", false},
		{"address", "no", "no", false},
	} {
		t.Run(fmt.Sprintf("%s,rename=%s,delete=%s,gone=%t", tt.layout, tt.rename, tt.remove, tt.gone), func(t *testing.T) {
			host := newHost(t, "mail/dovecot/location/key="+tt.layout, "mail/dovecot/mailbox/rename="+tt.rename,
				"mail/dovecot/mailbox/delete="+tt.remove, "mail/mailbox/trash/keep=7d")
			from, to := "anna@"+harness.MailDomain, "maria@"+harness.MailDomain
			host.Slapd.AddPerson(harness.Person{UID: "anna", Mail: from})
			host.Wait()
			home := harness.HomeByAddress(from)
			if tt.layout == "uuid" {
				home = harness.HomeByID(host.Slapd.UUID(harness.DN("anna")))
			}
			all := fill(t, host, home, 100, 20)
			idle := idler(t, host, from)
			old, new := startSender(host.Dovecot, "old", from), startSender(host.Dovecot, "new", to)
			old.awaits(t, 0, 20)
			if tt.gone {
				host.Slapd.Delete(harness.DN("anna"))
			} else {
				host.Slapd.SetMail(harness.DN("anna"), to)
			}
			host.Wait()
			old.enter(1)
			new.enter(1)
			ends(t, idle)
			if !tt.gone {
				new.awaits(t, 1, 20)
			}
			old.end(t)
			new.end(t)
			if len(new.refused[1]) > 0 && !tt.gone {
				t.Errorf("refused at the new address: %s", new.refused[1][0])
			}
			for _, subject := range old.accepted {
				if strings.HasPrefix(subject, "old.1.") {
					t.Errorf("accepted at the old address: %s", subject)
				}
			}
			all.add(old.tally(), new.tally())
			stored(t, host, all)
		})
	}
}

// stored waits until all messages are somewhere in the spool where stores are, be they in place or aside.
func stored(t *testing.T, host *harness.Host, all tally) {
	t.Helper()
	host.Listener.Await("all mail in the spool", func() error {
		found := map[string]int{}
		for subject, places := range host.Spool.Messages() {
			for _, place := range places {
				if strings.HasPrefix(place, ".quarantine/.swept/") {
					return fmt.Errorf("%s is on its way", place)
				}
				if unmarked(host, place) {
					return fmt.Errorf("%s is in nobody's store", place)
				}
				found[subject]++
			}
		}
		_, err := all.compare(found)
		return err
	})
}

// unmarked reports whether a message lies in a home that has no owner.
func unmarked(host *harness.Host, place string) bool {
	home, _, _ := strings.Cut(place, "/Maildir/")
	_, err := os.Stat(filepath.Join(host.Spool.Dir, home, ".mailreg-owner"))
	return err != nil
}
