package replica

import (
	"bufio"
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func parsed(t *testing.T, text string) *node {
	t.Helper()
	n, err := parser{bufio.NewReader(strings.NewReader(text + "\r\n"))}.parse(true)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return n
}

// TestLists reads what Cyrus says and prints it as imapd reads it.
func TestLists(t *testing.T) {
	for said, want := range map[string]string{
		"USER a@x.test": "USER a@x.test",
		`MAILBOX %(A 1 B "" C NIL D "NIL" E "a b")`:          `MAILBOX %(A 1 B "" C NIL D "NIL" E "a b")`,
		`RECORD (%(FLAGS (\Seen $x) UID 1) %(UID 2))`:        `RECORD (%(FLAGS (\Seen $x) UID 1) %(UID 2))`,
		"CONTENT {5}\r\na\r\nb)":                             "CONTENT {5+}\r\na\r\nb)",
		"MESSAGE (%{default abcd 4}\r\na)b\n %{p ef 0}\r\n)": "MESSAGE (%{default abcd 4}\r\na)b\n %{p ef 0}\r\n)",
		`ACL "a\"b\\c"`:         `ACL "a\"b\\c"`,
		"NAME {2+}\r\n\xc3\xbc": "NAME {2+}\r\n\xc3\xbc",
		"EMPTY ()":              "EMPTY ()",
	} {
		var b bytes.Buffer
		n := parsed(t, said)
		n.print(&b, true)
		if b.String() != want {
			t.Errorf("%q is printed as %q, want %q", said, b.String(), want)
		}
		if diff := cmp.Diff(n, parsed(t, b.String()), cmp.AllowUnexported(node{})); diff != "" {
			t.Errorf("%q does not come back:\n%s", said, diff)
		}
	}
}

// TestNoLists refuses what has another form, and takes no announced length for granted.
func TestNoLists(t *testing.T) {
	for _, said := range []string{"", "A", "A (", "A %(B", "A %x", "A {99999999999}\r\n", "A %{a b}\r\n", "A {5}\r\nab", `A "b`, "A ) "} {
		if n, err := (parser{bufio.NewReader(strings.NewReader(said))}).parse(true); err == nil {
			t.Errorf("%q: %v", said, n)
		}
	}
}

// FuzzLists: whatever is read can be printed and read again as the same.
func FuzzLists(f *testing.F) {
	f.Add("MAILBOX %(A 1 B (c \"d\" {1}\r\ne) F NIL)\r\n")
	f.Fuzz(func(t *testing.T, said string) {
		n, err := parser{bufio.NewReader(strings.NewReader(said))}.parse(true)
		if err != nil {
			return
		}
		var b bytes.Buffer
		n.print(&b, true)
		b.WriteString("\r\n")
		again, err := parser{bufio.NewReader(&b)}.parse(true)
		if err != nil {
			t.Fatalf("%q: %v", said, err)
		}
		if diff := cmp.Diff(n, again, cmp.AllowUnexported(node{})); diff != "" {
			t.Error(diff)
		}
	})
}

// TestPermits lets nothing through but what belongs to the copy of the user.
func TestPermits(t *testing.T) {
	const inbox = "x.test!user.a^b"
	for command, good := range map[string]bool{
		"SYNCGET USER a.b@x.test":                                                 true,
		"SYNCGET USER c@x.test":                                                   false,
		"SYNCGET FULLMAILBOX " + inbox:                                            true,
		"SYNCGET FULLMAILBOX " + inbox + ".Spam":                                  true,
		"SYNCGET FULLMAILBOX " + inbox + "c":                                      false,
		"SYNCGET FETCH %(MBOXNAME " + inbox + " UID 1)":                           false,
		"SYNCGET META a.b@x.test":                                                 false,
		"SYNCAPPLY UNMAILBOX " + inbox + ".Spam":                                  true,
		"SYNCAPPLY UNMAILBOX x.test!user.c":                                       false,
		"SYNCAPPLY UNUSER a.b@x.test":                                             false,
		"SYNCAPPLY MAILBOX %(MBOXNAME " + inbox + " UIDVALIDITY 1)":               true,
		"SYNCAPPLY MAILBOX %(MBOXNAME x.test!user.c)":                             false,
		"SYNCAPPLY MAILBOX %(MBOXNAME " + inbox + " MBOXNAME x.test!user.c)":      false,
		"SYNCAPPLY MAILBOX %(MBOXNAME " + inbox + " mboxname x.test!user.c)":      false,
		"SYNCAPPLY MAILBOX %(MBOXNAME (" + inbox + "))":                           false,
		"SYNCAPPLY MAILBOX (MBOXNAME " + inbox + ")":                              false,
		"SYNCAPPLY LOCAL_MAILBOX %(MBOXNAME " + inbox + ")":                       false,
		"SYNCAPPLY RENAME %(OLDMBOXNAME " + inbox + " NEWMBOXNAME " + inbox + ")": false,
		"SYNCAPPLY ANNOTATION %(MBOXNAME \"\" ENTRY /x USERID \"\" VALUE y)":      false,
		"SYNCAPPLY MESSAGE (%{default ab 1}\r\nx)":                                true,
		"SYNCAPPLY MESSAGE (x)":                                                   false,
		"SYNCAPPLY SUB %(MBOXNAME x.test!shared.y USERID a.b@x.test)":             true,
		"SYNCAPPLY SUB %(MBOXNAME x.test!shared.y USERID c@x.test)":               false,
		"SYNCAPPLY SIEVE %(USERID a.b@x.test FILENAME s.script CONTENT x)":        true,
		"SYNCAPPLY SIEVE %(USERID a.b@x.test FILENAME ../s.script CONTENT x)":     false,
		"SYNCAPPLY QUOTA %(ROOT " + inbox + " LIMIT 1)":                           true,
		"SYNCAPPLY QUOTA %(ROOT x.test!user LIMIT 1)":                             false,
		"SYNCRESTORE MAILBOX %(MBOXNAME " + inbox + ")":                           false,
		"LOGOUT x y": false,
	} {
		verb, rest, _ := strings.Cut(command, " ")
		if err := permits(verb, parsed(t, rest), "a.b@x.test"); (err == nil) != good {
			t.Errorf("%s: %v", command, err)
		}
	}
}

func box(t *testing.T, validity, last string, records string) *node {
	return parsed(t, "MAILBOX %(UIDVALIDITY "+validity+" LAST_UID "+last+" HIGHESTMODSEQ 9 RECORD ("+records+"))")
}

// TestCompare finds the way from a copy to its source.
func TestCompare(t *testing.T) {
	const (
		one   = `%(UID 1 FLAGS () GUID a)`
		seen  = `%(UID 1 FLAGS (\Seen) GUID a)`
		gone  = `%(UID 1 FLAGS (\Expunged) GUID a)`
		other = `%(UID 1 FLAGS () GUID b)`
		two   = `%(UID 2 FLAGS () GUID c)`
	)
	uids := func(records []*node) (text string) {
		for _, r := range records {
			text += r.value("UID") + r.text
		}
		return text
	}
	for name, test := range map[string]struct {
		here, there          *node
		gone, fresh, changed string
		err                  error
	}{
		"new":        {box(t, "7", "2", one+two), nil, "", "12", "", nil},
		"the same":   {box(t, "7", "2", one+two), box(t, "7", "2", one+two), "", "", "", nil},
		"mail":       {box(t, "7", "2", one+two), box(t, "7", "1", one), "", "2", "", nil},
		"flags":      {box(t, "7", "2", seen+two), box(t, "7", "2", one+two), "", "", "1", nil},
		"deleted":    {box(t, "7", "2", two), box(t, "7", "2", one+two), "1", "", "", nil},
		"expunged":   {box(t, "7", "2", gone+two), box(t, "7", "2", one+two), "1", "", "", nil},
		"reserved":   {box(t, "7", "1", one), box(t, "1", "0", ""), "", "1", "", nil},
		"another":    {box(t, "7", "1", one), box(t, "7", "1", other), "", "", "", errAnew},
		"lost there": {box(t, "7", "2", one+two), box(t, "7", "2", two), "", "", "", errAnew},
		"later":      {box(t, "7", "1", one), box(t, "8", "0", ""), "", "", "", errAnew},
		"further":    {box(t, "7", "1", one), box(t, "7", "2", one+two), "", "", "", errAnew},
	} {
		d, err := compare(test.here, test.there)
		if !errors.Is(err, test.err) {
			t.Errorf("%s: %v", name, err)
		}
		if got := [3]string{uids(d.gone), uids(d.fresh), uids(d.changed)}; err == nil && got != [3]string{test.gone, test.fresh, test.changed} {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// TestLots cuts what is to be sent so that no command is large, whatever a message is.
func TestLots(t *testing.T) {
	var many []*node
	for range 3 * lotMessages {
		many = append(many, parsed(t, "R %(SIZE 10)"))
	}
	large := []*node{parsed(t, "R %(SIZE 99999999)"), parsed(t, "R %(SIZE 1)")}
	if n, m := len(firstLot(many)), len(firstLot(large)); n != lotMessages || m != 1 {
		t.Errorf("%d and %d messages at once", n, m)
	}
}

// TestInbox names mailboxes as Cyrus itself does.
func TestInbox(t *testing.T) {
	for user, want := range map[string]string{"a.b@x.test": "x.test!user.a^b", "cyrus": "user.cyrus", "a@b": "b!user.a"} {
		if got := inboxOf(user); got != want {
			t.Errorf("%s: %s, want %s", user, got, want)
		}
	}
}
