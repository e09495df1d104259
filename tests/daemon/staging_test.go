package daemon

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mailreg/mailreg/tests/harness"
)

// TestStaging proves that in staging the daemon follows and plans, that nothing but its own store is touched, and that all
// of it is done once the mode is run.
func TestStaging(t *testing.T) {
	host := newHost(t)
	host.Slapd.AddPerson(harness.Person{UID: "anna", Mail: "anna@example.test"})
	host.Must("set", "--no-reload", "mailreg/mode=staging")
	daemon := harness.NewListener(t, host.Sandbox)
	before := host.Must("dump")
	host.Wait()
	if got := host.Must("listener", "planned"); !strings.Contains(got, "Planned: mailbox add") || !strings.Contains(got, "  ensure anna@example.test") {
		t.Errorf("planned:\n%s", got)
	}
	if got := host.Must("listener", "status"); !strings.Contains(got, "Ready: yes") || !strings.Contains(got, "Note: staging: nothing is done") {
		t.Errorf("status:\n%s", got)
	}
	if _, err := os.Lstat(filepath.Join(host.Root(), "var/spool/dovecot/private")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the spool was touched: %v", err)
	}
	if after := host.Must("dump"); after != before {
		t.Error("the registry was touched")
	}
	daemon.Stop()
	host.Must("set", "--no-reload", "mailreg/mode=run")
	harness.NewListener(t, host.Sandbox)
	host.Wait()
	if got := host.Must("mailbox", "list"); !strings.Contains(got, "anna@example.test") {
		t.Errorf("mailboxes:\n%s", got)
	}
}
