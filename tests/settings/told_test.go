package settings_test

import (
	"strings"
	"testing"

	"github.com/mailreg/mailreg/tests/harness"
)

// TestTold has status, doctor and explain tell of a running host on which all is well but for one user, whose domain nobody
// hosts; undo brings Postfix back to what it was.
func TestTold(t *testing.T) {
	t.Parallel()
	host := harness.NewHost(t, harness.HostConfig{})
	host.Slapd.AddDomain("example.test")
	host.Slapd.AddPerson(harness.Person{UID: "anna", Mail: "anna@example.test"})
	ben := host.Slapd.AddPerson(harness.Person{UID: "ben", Mail: "ben@beta.test"})
	host.Wait()
	if out := host.Must("status"); !strings.HasPrefix(out, "In force: yes\n") || !strings.Contains(out, "\nDaemon: running, in step with the directory\n") {
		t.Errorf("status of a host on which all is well:\n%s", out)
	}
	told(t, host, []string{"ok       services: ", "ok       commit: ", "ok       daemon: ", "ok       spool: ", "warning  addresses: 1 users have addresses in beta.test"})
	for ref, want := range map[string]string{
		"anna@example.test": "\nWanted: a mailbox of anna@example.test on this host: ",
		ben:                 " beta.test is not in mail/hosteddomains: Postfix takes no mail for it\n",
	} {
		if out := host.Must("explain", ref); !strings.Contains(out, want) || !strings.Contains(out, "\nHandler mailbox: done; last done 20") || !strings.Contains(out, "\nStore: live, ") {
			t.Errorf("explain %s:\n%s", ref, out)
		}
	}

	if out := host.Must("set", "mail/messagesizelimit=4711"); !strings.Contains(out, "\nReload: postfix.service\n") {
		t.Errorf("set:\n%s", out)
	}
	if out := host.Must("undo"); !strings.Contains(out, "Unsetting mail/messagesizelimit\nFile: /etc/postfix/main.cf\nReload: postfix.service\n") {
		t.Errorf("undo:\n%s", out)
	}
	if out := host.Must("log", "--limit", "1"); !strings.Contains(out, "mail/messagesizelimit: 4711 -> <unset>\n") {
		t.Errorf("log:\n%s", out)
	}
	told(t, host, []string{"ok       files: ", "ok       local-files: "})
}

// told demands lines of doctor, by how they begin.
func told(t *testing.T, host *harness.Host, lines []string) {
	t.Helper()
	out := host.Run("doctor").Stdout
	for _, line := range lines {
		if !strings.Contains("\n"+out, "\n"+line) {
			t.Errorf("doctor does not say %q:\n%s", line, out)
		}
	}
}
