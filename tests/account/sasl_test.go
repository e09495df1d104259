package account_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/mailreg/mailreg/tests/harness"
)

// TestSaslauthd proves that a saslauthd which remembers passwords, for Postfix and Cyrus, forgets them when an account
// changes, and that one which runs for nobody is not started.
func TestSaslauthd(t *testing.T) {
	t.Parallel()
	host := newHost(t, "mail/saslauthd/mechanisms=ldap", "mail/saslauthd/threads=2")
	addPerson(host, "anna")
	addPerson(host, "ben")
	host.Wait()
	dir := filepath.Join(host.Root(), "var/run/saslauthd")
	if _, err := os.Stat(filepath.Join(dir, "mux")); err == nil {
		t.Error("it has been started")
	}
	serveSASL(t, host, dir)
	check := func(user, password string, want bool) {
		t.Helper()
		cmd := exec.Command(harness.Program(t, "testsaslauthd"), "-u", user, "-p", password, "-f", filepath.Join(dir, "mux"))
		if out, err := cmd.CombinedOutput(); (err == nil) != want {
			t.Errorf("%s by %q: %v: %s", user, password, err, out)
		}
	}
	check("anna", harness.Password, true)
	check("anna@example.test", harness.Password, true)
	check("ben", harness.Password, true)
	host.Listener.Stop()
	host.Slapd.Set(harness.DN("anna"), "userPassword", "another")
	check("anna", harness.Password, true) // so that what follows proves something
	host.Listener.Start()
	host.Wait()
	check("anna", harness.Password, false)
	check("anna@example.test", harness.Password, false)
	check("anna", "another", true)
	check("ben", harness.Password, true)
}

// serveSASL starts a saslauthd on the files that were rendered. The one that takes its place later has another number.
func serveSASL(t *testing.T, host *harness.Host, dir string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(host.Root(), "etc/default/saslauthd"))
	if err != nil {
		t.Fatal(err)
	}
	_, options, _ := strings.Cut(string(data), "\nOPTIONS=\"")
	options, _, _ = strings.Cut(options, "\"")
	if err := os.MkdirAll(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	args := append([]string{"-a", "ldap", "-n", "2"}, strings.Fields(options)...)
	if out, err := exec.Command(harness.Program(t, "saslauthd"), args...).CombinedOutput(); err != nil {
		t.Fatalf("saslauthd %q: %v: %s", args, err, out)
	}
	pidFile := filepath.Join(dir, "saslauthd.pid")
	t.Cleanup(func() {
		host.Listener.Stop()
		if data, err := os.ReadFile(pidFile); err == nil {
			if pid, err := strconv.Atoi(strings.TrimSpace(string(data))); err == nil && pid > 1 {
				_ = syscall.Kill(pid, syscall.SIGTERM)
			}
		}
	})
	harness.Await(t, "saslauthd", func() bool {
		_, err := os.Stat(filepath.Join(dir, "mux"))
		return err == nil
	})
}
