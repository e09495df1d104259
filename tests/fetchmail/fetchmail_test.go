package fetchmail_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mailreg/mailreg/tests/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// elsewhere is what the passwords of the mailboxes elsewhere are: what breaks the peer's file, and what tests quoting.
const elsewhere = `p"a's;s\ 'is root here' #{x} $HOME %s \x41 ü`

// TestFetched: mail that lies in mailboxes elsewhere (here of the same Dovecot) comes to the users whose entries name them,
// follows them to another address, and stays there when they are gone. All is one command of the directory's.
func TestFetched(t *testing.T) {
	h := harness.NewHost(t, harness.HostConfig{Set: []string{"fetchmail/cleartext=yes", "fetchmail/interval=3600"}})
	h.Slapd.AddDomain(harness.MailDomain)
	for _, name := range []string{"far", "far2", "many", "anna", "bert", "carl"} {
		dn := harness.DN(name)
		h.Slapd.AddPerson(harness.Person{UID: name, Mail: name + "@example.test"})
		h.Slapd.Set(dn, "objectClass", "inetOrgPerson", "univentionMail", "univentionFetchmail")
		if strings.HasPrefix(name, "far") || name == "many" {
			h.Slapd.Set(dn, "userPassword", elsewhere)
		}
	}
	h.Wait()
	send := func(to, subject string) {
		t.Helper()
		if err := h.Postfix.Send("sender@elsewhere.test", to, subject); err != nil {
			t.Fatal(err)
		}
		h.Dovecot.Await(to, elsewhere, subject)
	}
	server := h.Dovecot.IMAP
	mailbox := func(user string) string {
		text, _ := json.Marshal([]string{server, "IMAP", user + "@example.test", elsewhere, "0", "0"})
		return string(text)
	}

	send("far@example.test", "one")
	h.Slapd.Set(harness.DN("anna"), "univentionFetchmailSingle", mailbox("far"))
	h.Wait()
	h.Dovecot.Await("anna@example.test", harness.Password, "one")

	t.Log("a wrong mailbox beside a right one is told, and keeps nothing else waiting")
	send("far2@example.test", "two")
	h.Slapd.Set(harness.DN("anna"), "univentionFetchmailSingle", mailbox("far2"), `["h","IMAP","a","geh\nheim","0","0"]`)
	h.Dovecot.Await("anna@example.test", harness.Password, "two")
	h.Wait()
	if parked := h.Must("listener", "parked"); !strings.Contains(parked, "the password has a control character") || strings.Contains(parked, "heim") {
		t.Errorf("parked: %s", parked)
	}

	t.Log("the attributes of old releases; the mail follows to another address")
	send("far@example.test", "three")
	h.Slapd.SetMail(harness.DN("bert"), "bertie@example.test")
	h.Slapd.Set(harness.DN("bert"), "univentionFetchmailProtocol", "IMAP")
	h.Slapd.Set(harness.DN("bert"), "univentionFetchmailAddress", "far@example.test")
	h.Slapd.Set(harness.DN("bert"), "univentionFetchmailServer", server)
	h.Wait()
	if parked := h.Must("listener", "parked"); !strings.Contains(parked, "there is no password for the server") {
		t.Errorf("parked: %s", parked)
	}
	h.Slapd.Set(harness.DN("bert"), "univentionFetchmailPasswd", elsewhere)
	h.Dovecot.Await("bertie@example.test", harness.Password, "three")

	t.Log("a mailbox for many: each gets what the header of the envelope says, whatever To has")
	for i, to := range []string{"anna", "carl", "nobody"} {
		deliver(t, h, "many@example.test", fmt.Sprintf("From: x@elsewhere.test\nTo: list@example.net\nX-Envelope-To: %s@example.test\nSubject: for %d\n\nx\n", to, i))
	}
	many, _ := json.Marshal([]string{server, "IMAP", "many@example.test", elsewhere, "", "", "X-Envelope-To", "0", "0"})
	h.Slapd.Set(harness.DN("carl"), "univentionFetchmailMulti", string(many))
	h.Dovecot.Await("carl@example.test", harness.Password, "for 1")
	h.Dovecot.Await("anna@example.test", harness.Password, "for 0")

	t.Log("by hand, while it does not go by itself")
	h.Must("set", "fetchmail/autostart=manually")
	send("far2@example.test", "four")
	if out := h.Run("fetchmail", "run", "bertie@example.test", "ANNA@example.test"); out.Code != 0 || !strings.Contains(out.Stdout, "fetched") {
		t.Errorf("fetchmail run: %s", out)
	}
	h.Dovecot.Await("anna@example.test", harness.Password, "four")
	h.Slapd.Set(harness.DN("far2"), "userPassword", "other")
	h.Must("auth", "flush", "far2@example.test")
	if out := h.Run("fetchmail", "run", "anna@example.test"); out.Code != 1 || !strings.Contains(out.Stdout, "the server does not take user and password") ||
		!strings.Contains(out.Stdout, server+" (imap)") {
		t.Errorf("fetchmail run with a wrong password: %s", out)
	}

	t.Log("no secret in what others may read, nothing changed in the directory, nothing left when users are gone")
	h.Wait()
	for _, args := range [][]string{{"explain", "anna@example.test"}, {"fetchmail", "list", "--json"}, {"fetchmail", "list"}, {"explain", "bertie@example.test", "--json"}, {"status"}, {"listener", "status", "--json"}} {
		if out := h.Run(args...); strings.Contains(out.Stdout+out.Stderr, "HOME") {
			t.Errorf("%v tells a password: %s", args, out)
		}
	}
	log, err := os.ReadFile(h.Listener.Log())
	if err != nil || strings.Contains(string(log), "HOME") {
		t.Errorf("the log tells a password (%v)", err)
	}
	if values := h.Slapd.Values(harness.DN("bert"), "univentionFetchmailPasswd"); !slices.Equal(values, []string{elsewhere}) {
		t.Errorf("the password in the directory is %q", values)
	}
	spool := filepath.Join(h.Root(), "var/lib/mailreg/fetchmail")
	before := list(t, spool)
	h.Must("listener", "resync", "fetchmail")
	h.Wait()
	if after := list(t, spool); len(before) != 9 || !slices.Equal(before, after) {
		t.Errorf("the spool has %q, after a resync %q", before, after)
	}
	h.Slapd.Delete(harness.DN("anna"))
	h.Slapd.Set(harness.DN("bert"), "univentionFetchmailServer")
	h.Slapd.SetHome(harness.DN("carl"), "mail2.example.test")
	h.Wait()
	if after := list(t, spool); len(after) > 0 {
		t.Errorf("left in the spool: %q", after)
	}
}

// list returns the names in a folder; all are for root only, but the folders of fetchmail.
func list(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v, %v", entry.Name(), info, err)
		}
		names = append(names, entry.Name())
	}
	return names
}

// deliver puts a message into a mailbox elsewhere as it stands.
func deliver(t *testing.T, h *harness.Host, user, message string) {
	t.Helper()
	client, err := h.Dovecot.Login(user, elsewhere)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	text := []byte(strings.ReplaceAll(message, "\n", "\r\n"))
	command := client.Append("INBOX", int64(len(text)), nil)
	if _, err := command.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := command.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := command.Wait(); err != nil {
		t.Fatal(err)
	}
}
