package mailbox_test

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2"

	"github.com/mailreg/mailreg/tests/harness"
)

// TestCyrusSieve proves that a new mailbox files spam, that a script of the user's is left alone, also when the store goes and
// comes back, and that scripts follow their store.
func TestCyrusSieve(t *testing.T) {
	for _, release := range []string{"bookworm", "trixie"} {
		t.Run(release, func(t *testing.T) {
			t.Parallel()
			host := harness.NewHost(t, harness.HostConfig{NoPostfix: true, Cyrus: release, Set: []string{
				"mail/cyrus/folder/spam=Müll mehr", "mail/antispam/requiredhits=3.5", "mail/cyrus/mailbox/delete=yes", "mail/cyrus/mailbox/rename=yes",
			}})
			host.Slapd.AddPerson(harness.Person{UID: "anna", Mail: "anna.b@example.test", Home: mine})
			host.Wait()
			spam := func(stars int, subject string) {
				t.Helper()
				give(t, host, "anna.b@example.test", subject)
				err := host.Cyrus.DeliverText("anna.b@example.test", fmt.Sprintf(
					"From: s@client.test\r\nX-Spam-Level: %s\r\nMessage-Id: <%s>\r\nSubject: %s with stars\r\n\r\nhello\r\n", strings.Repeat("*", stars), subject, subject))
				if err != nil {
					t.Fatal(err)
				}
			}
			want := func(user string, inbox, filed int) {
				t.Helper()
				for folder, number := range map[string]int{"INBOX": inbox, "INBOX/Müll mehr": filed} {
					if got := count(t, host, user, folder); got != number {
						t.Errorf("%s has %d messages in %s, want %d", user, got, folder, number)
					}
				}
			}
			spam(3, "first")
			want("anna.b@example.test", 2, 0)
			spam(4, "second")
			want("anna.b@example.test", 3, 1)

			own := "require \"fileinto\";\r\nfileinto \"INBOX/Ham\";\r\n"
			scripts := manage(t, host, "anna.b@example.test", fmt.Sprintf("PUTSCRIPT \"mine\" {%d+}\r\n%s", len(own), own), `SETACTIVE "mine"`, "LISTSCRIPTS")
			if !strings.Contains(scripts, `"default"`) || !strings.Contains(scripts, `"mine" ACTIVE`) {
				t.Errorf("scripts: %q", scripts)
			}
			host.Slapd.SetMail(harness.DN("anna"), "anna@example.test")
			host.Wait()
			host.Slapd.SetHome(harness.DN("anna"), other)
			host.Wait()
			host.Slapd.SetHome(harness.DN("anna"), mine)
			host.Wait()
			if got := manage(t, host, "anna@example.test", "LISTSCRIPTS"); got != scripts {
				t.Errorf("scripts afterwards: %q, want %q", got, scripts)
			}
			give(t, host, "anna@example.test", "third")
			want("anna@example.test", 3, 1)
			if got := count(t, host, "anna@example.test", "INBOX/Ham"); got != 1 {
				t.Errorf("the user's own script has filed %d messages", got)
			}
		})
	}
}

// count returns the number of messages in a folder.
func count(t *testing.T, host *harness.Host, user, folder string) int {
	t.Helper()
	client, err := host.Cyrus.Login(user, harness.Password)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if client.Caps().Has(imap.CapIMAP4rev2) { // go-imap takes names for UTF-8 then
		if _, err := client.Enable(imap.CapIMAP4rev2).Wait(); err != nil {
			t.Fatal(err)
		}
	}
	selected, err := client.Select(folder, &imap.SelectOptions{ReadOnly: true}).Wait()
	if err != nil {
		t.Fatal(err)
	}
	return int(selected.NumMessages)
}

// manage gives ManageSieve commands as a user, and returns what it answered to them.
func manage(t *testing.T, host *harness.Host, user string, commands ...string) string {
	t.Helper()
	conn, err := net.Dial("unix", host.Root()+"/run/cyrus/socket/sieve")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	from := bufio.NewReader(conn)
	answer := func() (all string) {
		for {
			line, err := from.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(line, "OK") {
				return all
			}
			if strings.HasPrefix(line, "NO") || strings.HasPrefix(line, "BYE") {
				t.Fatalf("ManageSieve: %s", line)
			}
			all += line
		}
	}
	answer()
	login := base64.StdEncoding.EncodeToString([]byte("\x00" + user + "\x00" + harness.Password))
	all := ""
	for _, command := range append([]string{`AUTHENTICATE "PLAIN" "` + login + `"`}, commands...) {
		if _, err := fmt.Fprintf(conn, "%s\r\n", command); err != nil {
			t.Fatal(err)
		}
		all += answer()
	}
	return all
}
