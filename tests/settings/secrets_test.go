package settings_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mailreg/mailreg/tests/harness"
)

// TestSecrets makes a host whose secrets nobody has chosen: the first commit makes them up, Dovecot takes them, and no
// command, no log and no list of processes tells them.
func TestSecrets(t *testing.T) {
	t.Parallel()
	host := harness.NewHost(t, harness.HostConfig{NoPostfix: true, NoListener: true})
	host.Slapd.AddPerson(harness.Person{UID: "alice", Mail: "alice@example.test"})
	doveadm := host.Port()
	host.Must("set", fmt.Sprintf("mail/dovecot/doveadm/port=%d", doveadm))
	var secrets []string
	for _, key := range []string{"mail/dovecot/auth/master/password", "mail/dovecot/doveadm/password"} {
		secret := strings.TrimSpace(host.Must("get", key))
		if len(secret) != 32 {
			t.Fatalf("%s is %q", key, secret)
		}
		secrets = append(secrets, secret)
	}
	masterLogsIn(t, host, secrets[0])

	// Whatever else is asked, and whatever is changed by hand or renewed, tells nothing.
	told := observe(t, host)
	told["log"] = host.Must("log")
	for _, command := range [][]string{
		{"info", "mail/dovecot/auth/master/password"},
		{"info", "--json", "mail/dovecot/auth/master/password"},
		{"search", "--all", "."},
		{"search", "--json", "."},
		{"status"},
		{"log", "--json"},
		{"commit", "--dry-run"},
	} {
		told[strings.Join(command, " ")] = host.Must(command...)
	}
	users := filepath.Join(host.Root(), "etc/dovecot/master-users")
	if err := os.WriteFile(users, []byte("dovecotadmin:{PLAIN}"+secrets[0]+"x\n"), 0o640); err != nil {
		t.Fatal(err)
	}
	if r := host.Run("diff"); r.Code != 1 || !strings.Contains(r.Stdout, "dovecotadmin: (secret)") {
		t.Errorf("diff: %s", r)
	} else {
		told["diff"] = r.String()
	}
	told["refused"] = host.Run("set", "--file", "-", "mail/dovecot/auth/master/password").String()
	for _, name := range []string{"transactions.log", "state.json"} {
		data, err := os.ReadFile(filepath.Join(host.Root(), "var/lib/mailreg", name))
		if err != nil {
			t.Fatal(err)
		}
		told[name] = string(data)
	}
	for what, text := range told {
		for i, secret := range secrets {
			if strings.Contains(text, secret) {
				t.Errorf("%s tells secret %d:\n%s", what, i, text)
			}
		}
	}
	info, err := os.Stat(filepath.Join(host.Root(), "etc/mailreg/secrets.conf"))
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("secrets.conf: %v, %v", info, err)
	}

	host.Must("unset", "mail/dovecot/auth/master/password")
	renewed := strings.TrimSpace(host.Must("get", "mail/dovecot/auth/master/password"))
	if len(renewed) != 32 || renewed == secrets[0] {
		t.Errorf("renewed: %q", renewed)
	}
	masterLogsIn(t, host, renewed)
}

// observe has a commit that replaces a file of secrets tell all programs that it starts, with their arguments.
func observe(t *testing.T, host *harness.Host) map[string]string {
	t.Helper()
	trace := filepath.Join(t.TempDir(), "trace")
	cmd := host.Command("set", "mail/dovecot/auth/master/user=other")
	cmd.Path = harness.Program(t, "strace")
	cmd.Args = append([]string{"strace", "-f", "-qq", "-s", "100000", "-o", trace, "-e", "trace=execve"}, cmd.Args...)
	r := host.RunCommand("", cmd)
	if r.Code != 0 || !strings.Contains(r.Stdout, "File: /etc/dovecot/master-users") {
		t.Errorf("set under strace: %s", r)
	}
	started, err := os.ReadFile(trace)
	if err != nil || strings.Count(string(started), "execve(") < 2 {
		t.Fatalf("started programs: %v\n%s", err, started)
	}
	host.Must("set", "mail/dovecot/auth/master/user=dovecotadmin")
	return map[string]string{"set": r.String(), "list of processes": string(started)}
}

// masterLogsIn demands that the master user gets in with a password, and with no other.
func masterLogsIn(t *testing.T, host *harness.Host, password string) {
	t.Helper()
	for word, want := range map[string]bool{password: true, password + "x": false} {
		config := filepath.Join(host.Root(), "etc/dovecot/dovecot.conf")
		cmd := exec.Command(harness.Program(t, "doveadm"), "-c", config, "auth", "test", "-M", "dovecotadmin", "alice@example.test", word)
		out, err := cmd.CombinedOutput()
		if got := err == nil; got != want {
			t.Errorf("the master user, let in %v, want %v: %s", got, want, out)
		}
	}
}
