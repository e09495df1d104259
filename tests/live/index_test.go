package live

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/mailreg/mailreg/tests/harness"
)

// TestSeparateIndex: Dovecot keeps its indexes apart in both layouts, and they follow a new address.
func TestSeparateIndex(t *testing.T) {
	t.Parallel()
	for _, layout := range []string{"uuid", "address"} {
		t.Run(layout, func(t *testing.T) {
			host := newHost(t, "mail/dovecot/location/key="+layout, "mail/dovecot/location/separate_index=yes")
			from, to := address("anna"), address("maria")
			host.Slapd.AddPerson(harness.Person{UID: "anna", Mail: from})
			host.Wait()
			uuid := host.Slapd.UUID(harness.DN("anna"))
			places := map[string][2]string{
				"uuid":    {"by-id/" + uuid, "by-id/" + uuid},
				"address": {harness.MailDomain + "/anna", harness.MailDomain + "/maria"},
			}[layout]
			if err := host.Dovecot.Deliver(from, "m1"); err != nil {
				t.Fatal(err)
			}
			login(t, host, from)
			indexed(t, host, places[0], true)
			host.Slapd.SetMail(harness.DN("anna"), to)
			host.Wait()
			indexed(t, host, places[1], true)
			if layout == "address" {
				indexed(t, host, places[0], false)
			}
			if got := host.Dovecot.Subjects(to, harness.Password); len(got) != 1 || got[0] != "m1" {
				t.Errorf("%s reads %q", to, got)
			}
			inHome, err := filepath.Glob(filepath.Join(host.Spool.Dir, "private/*/*/Maildir/dovecot.index*"))
			if err != nil || len(inHome) > 0 {
				t.Errorf("indexes in the home: %q", inHome)
			}
		})
	}
}

func indexed(t *testing.T, host *harness.Host, place string, want bool) {
	t.Helper()
	_, err := os.Stat(filepath.Join(host.Root(), "var/lib/dovecot/index", place, ".INBOX/dovecot.index.log"))
	if (err == nil) != want {
		t.Errorf("index of %s: %v", place, err)
	}
}
