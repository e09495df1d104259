package harness_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mailreg/mailreg/tests/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// TestReleases proves that a host runs on the servers of either release, whichever one the test runs on: mailreg renders
// for them, checks with their programs and talks to them.
func TestReleases(t *testing.T) {
	t.Parallel()
	for release, begin := range map[string]string{"bookworm": "# ", "trixie": "# Dovecot wants to read"} {
		t.Run(release, func(t *testing.T) {
			t.Parallel()
			h := harness.NewHost(t, harness.HostConfig{Tree: release})
			config, err := os.ReadFile(filepath.Join(h.Root(), "etc/dovecot/dovecot.conf"))
			if err != nil || !strings.HasPrefix(string(config), begin) || strings.Contains(string(config), "2.4") != (release == "trixie") {
				t.Errorf("dovecot.conf is not for %s: %v\n%.200s", release, err, config)
			}
			h.Slapd.AddDomain(harness.MailDomain)
			h.Slapd.AddPerson(harness.Person{UID: "anna", Mail: "anna@example.test"})
			h.Wait()
			if err := h.Postfix.Send("sender@client.test", "anna@example.test", "hello"); err != nil {
				t.Error(err)
			}
			h.Dovecot.Await("anna@example.test", harness.Password, "hello")
			h.Must("set", "mail/messagesizelimit=20971520")
			if size := h.Postfix.Setting("message_size_limit"); size != "20971520" {
				t.Errorf("message_size_limit = %s", size)
			}
			// Its process is the server itself.
			h.Dovecot.Kill()
			h.Dovecot.Start()
		})
	}
}
