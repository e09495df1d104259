package sieve_test

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
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

// TestWelcomeKilled kills the daemon at each point between the making of a mailbox and the end of the first mail. The owner has
// it once.
func TestWelcomeKilled(t *testing.T) {
	t.Parallel()
	h := harness.NewHost(t, harness.HostConfig{NoPostfix: true, Set: []string{"mail/mailbox/welcome/languages=en", "mail/mailbox/welcome/subject=Hello"}})
	h.Wait()
	welcomed := func(uid string) {
		t.Helper()
		harness.Await(t, "the first mail of "+uid, func() bool {
			return len(h.Dovecot.Subjects(uid+"@example.test", harness.Password)) > 0
		})
	}
	state := func(id string) string {
		text, _ := os.ReadFile(filepath.Join(h.Spool.Dir, harness.HomeByID(id), ".mailreg-welcome"))
		return string(text)
	}

	// Before the mail is begun, because Dovecot is down.
	h.Dovecot.Stop()
	anna := h.Slapd.AddPerson(harness.Person{UID: "anna", Mail: "anna@example.test"})
	h.Wait()
	if got := state(anna); got != "due\n" {
		t.Errorf("without Dovecot: %q", got)
	}
	h.Listener.Kill()
	h.Dovecot.Start()
	h.Listener.Start()
	welcomed("anna")

	// While it is handed over: Dovecot takes the connection and says nothing.
	pid, err := os.ReadFile(filepath.Join(h.Root(), "run/dovecot/master.pid"))
	must(t, err)
	master, err := strconv.Atoi(strings.TrimSpace(string(pid)))
	must(t, err)
	must(t, syscall.Kill(master, syscall.SIGSTOP))
	t.Cleanup(func() { _ = syscall.Kill(master, syscall.SIGCONT) })
	for _, lmtp := range processes(t, master, "lmtp") {
		must(t, syscall.Kill(lmtp, syscall.SIGKILL))
	}
	ben := h.Slapd.AddPerson(harness.Person{UID: "ben", Mail: "ben@example.test"})
	harness.Await(t, "the hand-over", func() bool { return state(ben) == "sending\n" })
	h.Listener.Kill()
	must(t, syscall.Kill(master, syscall.SIGCONT))
	h.Listener.Start()
	h.Wait()
	welcomed("ben")

	// After it was delivered, and before that was noted.
	h.Listener.Kill()
	for _, id := range []string{anna, ben} {
		must(t, os.WriteFile(filepath.Join(h.Spool.Dir, harness.HomeByID(id), ".mailreg-welcome"), []byte("sending\n"), 0o600))
	}
	h.Listener.Start()
	harness.Await(t, "the end of it", func() bool { return state(anna)+state(ben) == "" })
	for _, uid := range []string{"anna", "ben"} {
		if got := h.Dovecot.Subjects(uid+"@example.test", harness.Password); !slices.Equal(got, []string{"Hello"}) {
			t.Errorf("%s reads %q", uid, got)
		}
	}
}

// processes returns the children of a process that run a program.
func processes(t *testing.T, parent int, program string) (pids []int) {
	t.Helper()
	names, err := filepath.Glob("/proc/[0-9]*/stat")
	must(t, err)
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended
		}
		pid, rest, _ := strings.Cut(string(data), " (")
		called, rest, _ := strings.Cut(rest, ") ")
		fields := strings.Fields(rest)
		if n, err := strconv.Atoi(pid); err == nil && called == program && len(fields) > 1 && fields[1] == strconv.Itoa(parent) {
			pids = append(pids, n)
		}
	}
	return pids
}
