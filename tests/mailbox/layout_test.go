package mailbox_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mailreg/mailreg/tests/harness"
)

// TestLayoutIsFixed proves that the layout of a spool with stores cannot be changed by a setting: set refuses it, and a
// daemon that finds it changed by another way does not start, with exit code 2.
func TestLayoutIsFixed(t *testing.T) {
	t.Parallel()
	host := harness.NewHost(t, harness.HostConfig{NoPostfix: true, NoDovecot: true})
	host.Slapd.AddPerson(harness.Person{UID: "anna", Mail: "anna@example.test"})
	host.Wait()
	r := host.Run("set", "mail/dovecot/location/key=address")
	if r.Code != 1 || !strings.Contains(r.Stderr, "mail/dovecot/location/key") {
		t.Errorf("set: %s, want exit 1 and the key", r)
	}
	host.Listener.Stop()
	file := filepath.Join(host.Root(), "etc/mailreg/base.conf")
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(data), "hostname: mail1\n", "hostname: mail1\nmail/dovecot/location/key: address\n", 1)
	if changed == string(data) {
		t.Fatalf("%s is not as this test knows it:\n%s", file, data)
	}
	if err := os.WriteFile(file, []byte(changed), 0o644); err != nil {
		t.Fatal(err)
	}
	host.Listener.Spawn()
	if code := host.Listener.Exit(); code != 2 {
		t.Errorf("the daemon ended with %d, want 2", code)
	}
	log, err := os.ReadFile(host.Listener.Log())
	if err != nil || !strings.Contains(string(log), "mail/dovecot/location/key") {
		t.Errorf("the daemon's log does not name the key (%v):\n%s", err, log)
	}
}
