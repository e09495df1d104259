package sieve_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mailreg/mailreg/tests/harness"
)

// TestWelcome proves that the owner of a new mailbox is welcomed once, in the languages that are set: not again by a resync, a
// new address or a restart, not where a mailbox was before, and later when Dovecot does not run.
func TestWelcome(t *testing.T) {
	t.Parallel()
	h := harness.NewHost(t, harness.HostConfig{NoPostfix: true, NoListener: true, Set: []string{
		"mail/mailbox/welcome/languages=de en", "mail/mailbox/welcome/subject=Grüße", "mail/mailbox/welcome/text/de=Für $ADDRESS, \"$(id)\".",
	}})
	early := h.Slapd.AddPerson(harness.Person{UID: "early", Mail: "early@example.test"})
	maildir := filepath.Join(h.Spool.Dir, harness.HomeByID(early), "Maildir")
	for _, dir := range []string{"cur", "new", "tmp"} {
		if err := os.MkdirAll(filepath.Join(maildir, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	h.Listener = harness.NewListener(t, h.Sandbox)
	anna := harness.DN("anna")
	h.Slapd.AddPerson(harness.Person{UID: "anna", Mail: "anna@example.test"})
	h.Wait()
	welcomed := func(address string, want ...string) {
		t.Helper()
		if got := h.Dovecot.Subjects(address, harness.Password); !slices.Equal(got, want) {
			t.Errorf("%s reads %q, want %q", address, got, want)
		}
	}
	welcomed("anna@example.test", "Grüße")
	text := h.Dovecot.Text(t, "anna@example.test", "Grüße")
	for _, part := range []string{`Für anna@example.test, "$(id)".`, "Your mailbox anna@example.test is ready."} {
		if !strings.Contains(text, part) {
			t.Errorf("no %q in %q", part, text)
		}
	}
	h.Must("listener", "resync", "mailbox")
	h.Slapd.SetMail(anna, "maria@example.test")
	h.Wait()
	h.Listener.Kill()
	h.Listener.Start()
	h.Must("listener", "resync", "mailbox")
	h.Wait()
	welcomed("maria@example.test", "Grüße")
	if _, err := os.Stat(filepath.Join(filepath.Dir(maildir), ".mailreg-welcome")); err == nil {
		t.Error("an old mailbox waits for a welcome")
	}

	h.Dovecot.Stop()
	h.Slapd.AddPerson(harness.Person{UID: "ben", Mail: "ben@example.test"})
	h.Wait()
	h.Dovecot.Start()
	h.Must("listener", "resync", "mailbox")
	h.Wait()
	welcomed("ben@example.test", "Grüße")
}
