package audit_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/tests/harness"
)

// diff runs the comparison and returns what differs; the exit code must say the same.
func diff(t *testing.T, host *harness.Host, args ...string) (d control.DiffResult) {
	t.Helper()
	r := host.Run(append([]string{"listener", "diff", "--json"}, args...)...)
	if err := json.Unmarshal([]byte(r.Stdout), &d); err != nil {
		t.Fatalf("diff: %v\n%s", err, r)
	}
	if want := min(len(d.Entries), 1); r.Code != want {
		t.Errorf("diff: exit %d, want %d", r.Code, want)
	}
	return d
}

// TestDiffAndResync has somebody take a store away behind our back: diff tells, resync of that entry makes it again.
func TestDiffAndResync(t *testing.T) {
	t.Parallel()
	host := newHost(t, nil)
	inner := addOU(host, "inner", harness.PeopleDN)
	addPeople(host, 4, inner)
	host.Slapd.AddDomain("other.test")
	host.Wait()
	if d := diff(t, host); len(d.Entries) != 0 || d.Checked < 5 {
		t.Errorf("in step: %+v", d)
	}
	dn := "uid=p02," + inner
	home := harness.HomeByID(host.Slapd.UUID(dn))
	if err := os.RemoveAll(filepath.Join(host.Root(), "var/spool/dovecot", home)); err != nil {
		t.Fatal(err)
	}
	layer := filepath.Join(host.Root(), "etc/mailreg/base.conf")
	text, err := os.ReadFile(layer)
	if err != nil {
		t.Fatal(err)
	}
	text = []byte(strings.Replace(string(text), "mail/hosteddomains: other.test", "mail/hosteddomains: wrong.test", 1))
	if err := os.WriteFile(layer, text, 0o644); err != nil {
		t.Fatal(err)
	}
	d := diff(t, host)
	if len(d.Entries) != 2 || !strings.HasPrefix(d.Entries[1].DN, "uid=p02") || len(d.Entries[1].Server) != 1 || d.Entries[0].Handler != "domain" {
		t.Errorf("diff: %+v", d)
	}
	if d := diff(t, host, "mailbox", "--dn", strings.ToUpper(dn)); len(d.Entries) != 1 || d.Checked != 2 { // quotas are part of mailboxes, by a handler of their own
		t.Errorf("diff of one: %+v", d)
	}
	if out := host.Must("listener", "resync", "mailbox", "--below", inner, "--dry-run"); strings.Count(out, "(mailbox: again)") != 4 {
		t.Errorf("dry run: %s", out)
	}
	host.Must("listener", "resync", "--all", "--below", inner, "--reload")
	host.Must("listener", "resync", "domain")
	host.Wait()
	if d := diff(t, host); len(d.Entries) != 0 {
		t.Errorf("after resync: %+v", d)
	}
	checkHomes(t, host)
}
