package quota_test

import (
	"errors"
	"fmt"
	"net/textproto"
	"slices"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"

	"github.com/mailreg/mailreg/tests/harness"
)

// newHost makes a host whose Postfix asks Dovecot whether a store is full.
func newHost(t *testing.T, set ...string) *harness.Host {
	t.Helper()
	port := harness.Port(t)
	set = append(set, fmt.Sprintf("mail/dovecot/quota-status/port=%d", port), "mail/postfix/mynetworks=127.0.0.1/32")
	h := harness.NewHost(t, harness.HostConfig{Set: set})
	h.Slapd.AddDomain("example.test")
	return h
}

// add adds a person with a quota in megabytes.
func add(h *harness.Host, p harness.Person, megabytes string) {
	h.Slapd.AddPerson(p)
	h.Slapd.Set(harness.DN(p.UID), "univentionMailUserQuota", megabytes)
}

// letter returns a message of about so many bytes.
func letter(to, subject string, size int) string {
	line := strings.Repeat("x", 76) + "\r\n"
	return fmt.Sprintf("From: <x@client.test>\r\nTo: <%s>\r\nSubject: %s\r\n\r\n%s", to, subject, strings.Repeat(line, size/len(line)))
}

func deliver(t *testing.T, h *harness.Host, to string, size int) {
	t.Helper()
	if err := h.Dovecot.DeliverText(to, letter(to, "big", size)); err != nil {
		t.Fatalf("to %s: %v", to, err)
	}
}

func code(err error) int {
	if answer := (*textproto.Error)(nil); errors.As(err, &answer) {
		return answer.Code
	}
	return 0
}

// TestFullMailbox fills a mailbox. Who sends to it hears of it at RCPT, by whatever address and from wherever; its owner
// cannot store more by IMAP, but delete; and once the quota is raised there is room at once.
func TestFullMailbox(t *testing.T) {
	t.Parallel()
	h := newHost(t, "mail/dovecot/auth/cache_ttl=1 hour")
	add(h, harness.Person{UID: "anna", Mail: "anna@example.test", Aliases: []string{"a@example.test"}}, "1")
	add(h, harness.Person{UID: "ben", Mail: "ben@example.test"}, "0")
	h.Slapd.AddPerson(harness.Person{UID: "carl", Mail: "carl@example.test", Home: "mail2.example.test"})
	h.Wait()
	deliver(t, h, "anna@example.test", 700_000)
	if err := h.Postfix.Accepts("anna@example.test"); err != nil {
		t.Errorf("with room left: %v", err)
	}
	deliver(t, h, "anna@example.test", 400_000) // one more may come in, for there was room
	for _, to := range []string{"anna@example.test", "a@example.test", "ANNA@example.test"} {
		if err := h.Postfix.Accepts(to); code(err) != 552 {
			t.Errorf("to %s: %v, want 552", to, err)
		}
	}
	if err := h.Dovecot.DeliverText("anna@example.test", letter("anna@example.test", "late", 200_000)); code(err) != 552 {
		t.Errorf("by LMTP: %v, want 552", err)
	}
	if err := appendTo(h, "INBOX", 1000); err == nil || !strings.Contains(err.Error(), "OVERQUOTA") {
		t.Errorf("APPEND: %v", err)
	}
	if err := appendTo(h, "Trash", 1000); err != nil { // to delete is to move there
		t.Errorf("into the trash: %v", err)
	}
	for _, to := range []string{"ben@example.test", "carl@example.test"} {
		if err := h.Postfix.Accepts(to); err != nil {
			t.Errorf("to %s: %v", to, err)
		}
	}
	h.Slapd.Set(harness.DN("anna"), "univentionMailUserQuota", "2")
	h.Must("auth", "flush", "anna@example.test", "a@example.test")
	if err := h.Postfix.Accepts("a@example.test"); err != nil {
		t.Errorf("with a larger quota: %v", err)
	}
	if err := appendTo(h, "INBOX", 1000); err != nil {
		t.Errorf("with a larger quota: %v", err)
	}
}

func appendTo(h *harness.Host, folder string, size int) error {
	client, err := h.Dovecot.Login("anna@example.test", harness.Password)
	if err != nil {
		return err
	}
	defer client.Close()
	_ = client.Create(folder, nil).Wait() // it may be there
	text := letter("anna@example.test", "appended", size)
	upload := client.Append(folder, int64(len(text)), &imap.AppendOptions{})
	if _, err := upload.Write([]byte(text)); err != nil {
		return err
	}
	if err := upload.Close(); err != nil {
		return err
	}
	_, err = upload.Wait()
	return err
}

// TestStrangersGetNoHome proves that the question whether a store is full makes no store: Postfix asks it about those who are
// at home here only. And when nobody answers it, mail is taken all the same.
func TestStrangersGetNoHome(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	h.Slapd.AddPerson(harness.Person{UID: "anna", Mail: "anna@example.test"})
	h.Slapd.AddPerson(harness.Person{UID: "carl", Mail: "carl@example.test", Home: "mail2.example.test", Aliases: []string{"c@example.test"}})
	h.Wait()
	before := h.Spool.Homes()
	for _, to := range []string{"anna@example.test", "carl@example.test", "c@example.test", "nobody@example.test", "x@elsewhere.test", "postmaster"} {
		_ = h.Postfix.Accepts(to) // whatever it says
	}
	if after := h.Spool.Homes(); !slices.Equal(before, after) || len(after) != 1 {
		t.Errorf("homes before %q, after %q", before, after)
	}
	h.Dovecot.Stop()
	if err := h.Postfix.Accepts("anna@example.test"); err != nil {
		t.Errorf("without Dovecot: %v", err)
	}
}

// TestWarnings fills a mailbox step by step: at each percentage comes one mail in the languages that are set, the last one
// although there is no room for it.
func TestWarnings(t *testing.T) {
	t.Parallel()
	h := newHost(t, "mail/dovecot/quota/warning/languages=de en", "mail/dovecot/quota/warning/subject=Überfüllt; $(touch /tmp/x)",
		"mail/dovecot/quota/warning/translation/de/95=Übervoll: $PERCENT %; `id`")
	add(h, harness.Person{UID: "anna", Mail: "anna@example.test"}, "1")
	h.Wait()
	anna := "anna@example.test"
	warnings := func() int {
		n := 0
		for _, subject := range h.Dovecot.Subjects(anna, harness.Password) {
			if subject == "Überfüllt; $(touch /tmp/x)" {
				n++
			}
		}
		return n
	}
	deliver(t, h, anna, 700_000)
	if n := warnings(); n != 0 {
		t.Errorf("%d warnings at 70 %%", n)
	}
	deliver(t, h, anna, 200_000)
	harness.Await(t, "the warning at 80 %", func() bool { return warnings() == 1 })
	deliver(t, h, anna, 140_000)
	harness.Await(t, "the warning at 95 %", func() bool { return warnings() == 2 })
	text := h.Dovecot.Text(t, anna, "Überfüllt")
	for _, part := range []string{"zu 80 Prozent gefüllt", "filled to 80 percent", "Übervoll: 95 %; `id`", "filled to 95 percent"} {
		if !strings.Contains(text, part) {
			t.Errorf("no %q in the warnings:\n%s", part, text)
		}
	}
	for _, args := range [][]string{{"81", anna}, {"-80", anna}, {"80", "-o"}, {"80", "../x@example.test"}, {"80", "nobody@example.test"}} {
		if r := h.Run(append([]string{"quota-warning", "--"}, args...)...); r.Code != 1 {
			t.Errorf("%q: %s", args, r)
		}
	}
}
