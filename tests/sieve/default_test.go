package sieve_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/emersion/go-imap/v2"

	"github.com/mailreg/mailreg/tests/harness"
)

// spam returns a message with a score, one star for each point.
func spam(to, subject string, stars int) string {
	return fmt.Sprintf("From: <x@client.test>\r\nTo: <%s>\r\nSubject: %s\r\nX-Spam-Level: %s\r\n\r\n%s\r\n", to, subject, strings.Repeat("*", stars), subject)
}

func deliver(t *testing.T, h *harness.Host, to, subject string, stars int) {
	t.Helper()
	if err := h.Dovecot.DeliverText(to, spam(to, subject, stars)); err != nil {
		t.Fatalf("%s to %s: %v", subject, to, err)
	}
}

// want demands these subjects in a folder, in any order.
func want(t *testing.T, h *harness.Host, user, folder string, subjects ...string) {
	t.Helper()
	messages, err := h.Dovecot.Messages(user, harness.Password, folder)
	if err != nil {
		t.Errorf("%s of %s: %v", folder, user, err)
		return
	}
	var got []string
	for _, m := range messages {
		got = append(got, m.Subject)
	}
	slices.Sort(got)
	slices.Sort(subjects)
	if !slices.Equal(got, subjects) {
		t.Errorf("%s of %s holds %q, want %q", folder, user, got, subjects)
	}
}

// TestDefaultScript is the life of the script that a mailbox begins with: it files spam by the score that is set, from the
// first mail on, and is its owner's from the first change on.
func TestDefaultScript(t *testing.T) {
	t.Parallel()
	h := harness.NewHost(t, harness.HostConfig{NoPostfix: true, Set: []string{"mail/dovecot/folder/spam=Unerwünscht 'und' \\ mehr", "mail/antispam/requiredhits=2.5"}})
	port := h.Port()
	h.Must("set", fmt.Sprintf("mail/dovecot/sieve/port=%d", port))
	folder := `Unerwünscht 'und' \ mehr`
	anna := h.Slapd.AddPerson(harness.Person{UID: "anna", Mail: "anna@example.test"})
	h.Wait()
	home := filepath.Join(h.Spool.Dir, harness.HomeByID(anna))
	before := state(t, home)
	deliver(t, h, "anna@example.test", "ham", 2)
	deliver(t, h, "anna@example.test", "spam", 3)
	want(t, h, "anna@example.test", "INBOX", "ham")
	want(t, h, "anna@example.test", folder, "spam")
	if after := state(t, home); before != after {
		t.Errorf("Dovecot did not take what sievec had made: %s, then %s", before, after)
	}

	// A new score is for all whose script is still that, whether the daemon runs when it is set or not.
	carl := h.Slapd.AddPerson(harness.Person{UID: "carl", Mail: "carl@example.test"})
	h.Wait()
	s := logIn(t, port, "carl@example.test")
	s.put("default", "keep; # carl's")
	h.Listener.Stop()
	h.Must("set", "mail/antispam/requiredhits=7")
	h.Listener.Start()
	h.Slapd.AddPerson(harness.Person{UID: "ben", Mail: "ben@example.test"})
	h.Wait()
	harness.Await(t, "the new score", func() bool { return strings.Contains(script(t, home), "*******\"") })
	for _, uid := range []string{"anna", "ben", "carl"} {
		deliver(t, h, uid+"@example.test", "five stars", 5)
		deliver(t, h, uid+"@example.test", "seven stars", 7)
	}
	want(t, h, "anna@example.test", "INBOX", "ham", "five stars")
	want(t, h, "anna@example.test", folder, "spam", "seven stars")
	want(t, h, "ben@example.test", "INBOX", "five stars")
	want(t, h, "carl@example.test", "INBOX", "five stars", "seven stars")
	carls := script(t, filepath.Join(h.Spool.Dir, harness.HomeByID(carl)))
	if !strings.Contains(carls, "# carl's") {
		t.Errorf("the script of carl became %q", carls)
	}

	// What a person makes of it stays, the script of the same name included.
	s = logIn(t, port, "anna@example.test")
	if list := s.ask("LISTSCRIPTS"); !slices.Equal(list, []string{`"default" ACTIVE`}) {
		t.Errorf("scripts: %q", list)
	}
	s.put("default", "keep;")
	s.put("own", "require \"fileinto\"; if header :contains \"Subject\" \"news\" { fileinto \"Trash\"; }")
	s.ask(`SETACTIVE "own"`)
	h.Must("listener", "resync", "mailbox")
	h.Slapd.SetHome(harness.DN("anna"), "mail1.example.test") // no other host than before
	h.Slapd.SetMail(harness.DN("anna"), "maria@example.test")
	h.Wait()
	s = logIn(t, port, "maria@example.test")
	if list := s.ask("LISTSCRIPTS"); !slices.Contains(list, `"own" ACTIVE`) {
		t.Errorf("after a resync: %q", list)
	}
	if got := s.ask(`GETSCRIPT "default"`); !slices.Contains(got, "keep;") {
		t.Errorf("the script default became %q", got)
	}
}

// script returns the script that a home began with, as it is now.
func script(t *testing.T, home string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(home, "sieve/default.sieve"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// state tells which file the compiled script of a home is.
func state(t *testing.T, home string) string {
	t.Helper()
	var st syscall.Stat_t
	if err := syscall.Stat(filepath.Join(home, ".dovecot.svbin"), &st); err != nil {
		return err.Error()
	}
	return fmt.Sprint(st.Ino, st.Size)
}

// TestNoScript proves that there is none where none is wanted, and that a store which was there before gets none.
func TestNoScript(t *testing.T) {
	t.Parallel()
	h := harness.NewHost(t, harness.HostConfig{NoPostfix: true, NoListener: true, Set: []string{"mail/dovecot/sieve/spam=no"}})
	folder := func(id string) string { return filepath.Join(h.Spool.Dir, harness.HomeByID(id)) }
	early := h.Slapd.AddPerson(harness.Person{UID: "early", Mail: "early@example.test"})
	if err := os.MkdirAll(filepath.Join(folder(early), "Maildir/cur"), 0o700); err != nil {
		t.Fatal(err)
	}
	h.Listener = harness.NewListener(t, h.Sandbox)
	anna := h.Slapd.AddPerson(harness.Person{UID: "anna", Mail: "anna@example.test"})
	h.Wait()
	h.Must("set", "mail/dovecot/sieve/spam=yes", "mail/dovecot/folder/spam=none")
	ben := h.Slapd.AddPerson(harness.Person{UID: "ben", Mail: "ben@example.test"})
	h.Wait()
	h.Must("set", "mail/dovecot/folder/spam=Spam")
	h.Must("listener", "resync", "mailbox")
	h.Wait()
	for _, id := range []string{early, anna, ben} {
		if scripts, _ := filepath.Glob(folder(id) + "/{sieve,.dovecot*}"); len(scripts) > 0 {
			t.Errorf("%s has %q", id, scripts)
		}
		if _, err := os.Lstat(folder(id) + "/.dovecot.sieve"); err == nil {
			t.Errorf("%s has an active script", id)
		}
	}
	carl := h.Slapd.AddPerson(harness.Person{UID: "carl", Mail: "carl@example.test"})
	h.Wait()
	if target, err := os.Readlink(folder(carl) + "/.dovecot.sieve"); err != nil || target != "sieve/default.sieve" {
		t.Errorf("a new store: %q, %v", target, err)
	}
}

// TestFolders proves that a new person sees the special folders, subscribed, with their use.
func TestFolders(t *testing.T) {
	t.Parallel()
	h := harness.NewHost(t, harness.HostConfig{NoPostfix: true, Set: []string{"mail/dovecot/mailboxes/auto/Trash=subscribe"}})
	h.Slapd.AddPerson(harness.Person{UID: "anna", Mail: "anna@example.test"})
	h.Wait()
	client, err := h.Dovecot.Login("anna@example.test", harness.Password)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	list, err := client.List("", "*", &imap.ListOptions{ReturnSpecialUse: true, ReturnSubscribed: true}).Collect()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, folder := range list {
		for _, attr := range folder.Attrs {
			if !strings.Contains(string(attr), "Children") {
				found[folder.Mailbox] += string(attr)
			}
		}
	}
	for name, attrs := range map[string]string{"Spam": `\Junk`, "Trash": `\Trash`, "Ham": ""} {
		if !strings.Contains(found[name], `\Subscribed`) || !strings.Contains(found[name], attrs) {
			t.Errorf("%s is %q, want %s and subscribed", name, found[name], attrs)
		}
	}
}
