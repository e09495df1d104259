package faults_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mailreg/mailreg/tests/harness"
)

// TestRestoreOnAnotherHost: all is lost, the mail as well. A new machine, whose state lies on a disk of its own, takes over
// from the backup, however often restore is killed on the way; it has whom the old one had.
func TestRestoreOnAnotherHost(t *testing.T) {
	t.Parallel()
	old := newHost(t)
	addPeople(old, 5)
	old.Wait()
	own := "etc/mailreg/templates/own.txt"
	write(t, filepath.Join(old.Root(), own), "of my own\n")
	old.Must("set", "clamav/proxy/username=me", "clamav/proxy/password=very secret")
	old.Must("set", "--force", "mail/postfix/mynetworks=127.0.0.0/8")
	old.Must("backup", "/b.tar.gz")
	settings := old.Must("dump", "--json")
	if err := os.Remove(filepath.Join(old.Root(), storePath)); err != nil {
		t.Fatal(err)
	}
	// A daemon whose store was removed runs all the same.
	if got := old.Run("restore", "/b.tar.gz"); got.Code != 1 {
		t.Errorf("restore beside the daemon: %s", got)
	}
	old.Listener.Kill()

	sandbox := harness.NewSandbox(t)
	root := sandbox.Root()
	cli := harness.NewMailreg(t, sandbox)
	dir := smallDisk(t, root, "64m")
	copyFile(t, filepath.Join(old.Root(), "b.tar.gz"), filepath.Join(root, "b.tar.gz"))
	write(t, filepath.Join(root, own), "of the new machine\n")
	killed := 0
	for at := 1; at < 12; at += 2 {
		cmd := cli.Command("restore", "/b.tar.gz")
		const calls = "rename,renameat,renameat2,fsync,write"
		cmd.Path, cmd.Args = harness.Program(t, "strace"), append([]string{
			"strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=" + calls, "-e", fmt.Sprintf("inject=%s:signal=SIGKILL:when=%d", calls, at),
		}, cmd.Args...)
		if r := cli.RunCommand("", cmd); r.Code < 0 || r.Code > 128 {
			killed++
		}
	}
	if killed < 3 {
		t.Errorf("restore was killed %d times", killed)
	}
	cli.Must("restore", "/b.tar.gz")
	if got := strings.ReplaceAll(cli.Must("dump", "--json"), root, old.Root()); got != settings {
		t.Errorf("settings after the restore:\n%s\nbefore:\n%s", got, settings)
	}
	if got, err := os.ReadFile(filepath.Join(root, own)); err != nil || string(got) != "of my own\n" {
		t.Errorf("the template holds %q (%v)", got, err)
	}
	if kept, _ := filepath.Glob(filepath.Join(dir, "replaced/*", own)); len(kept) == 0 {
		t.Error("what the new machine had is not kept")
	}
	for _, path := range []string{"etc/mailreg/secrets.conf", storePath + ".restored"} {
		if info, err := os.Stat(filepath.Join(root, path)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", path, info, err)
		}
	}
	for _, pattern := range []string{"etc/mailreg/.*", "etc/mailreg/templates/.*", "var/lib/mailreg/*.draft"} {
		if left, _ := filepath.Glob(filepath.Join(root, pattern)); len(left) > 0 {
			t.Errorf("left behind: %q", left)
		}
	}

	harness.NewListener(t, sandbox)
	cli.Wait()
	host := &harness.Host{Sandbox: sandbox, Mailreg: cli, Slapd: old.Slapd, Spool: harness.NewSpool(t, root)}
	checkReplica(t, host)
	checkHomes(t, host, homesOf(host, "address"))
	if left := held(host); len(left) > 0 {
		t.Errorf("held %+v", left)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
