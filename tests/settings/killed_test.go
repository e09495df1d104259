package settings_test

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mailreg/mailreg/tests/harness"
)

// TestKilled proves that a set which is killed by SIGKILL at any of the steps that change the file system is either not
// begun or finished by the next command: at each rename and each removal, of journal, files and layers alike.
func TestKilled(t *testing.T) {
	t.Parallel()
	host := newHost(t)
	names := slices.Sorted(maps.Keys(fingerprint(t, host.Root())))
	survived := 0
	const limit = 100
	for at := 1; at <= limit; at++ {
		value := fmt.Sprint(1000000 + at)
		finished := setKilledAt(t, host, at, "mail/messagesizelimit="+value)
		survived = at
		checkWhole(t, host, at, value, finished)
		if diff := cmp.Diff(names, slices.Sorted(maps.Keys(fingerprint(t, host.Root())))); diff != "" {
			t.Errorf("killed at step %d: names below the root, -before +after:\n%s", at, diff)
		}
		if finished {
			break
		}
	}
	// Journal, main.cf and layer file are three renames, and the end of the journal one removal.
	if survived <= 4 || survived == limit {
		t.Errorf("set finished at step %d: it was not killed at the four points of a commit", survived)
	}
}

// setKilledAt runs set under strace, which kills it at the given step. It reports whether set came to its end.
func setKilledAt(t *testing.T, host *harness.Host, at int, assignment string) bool {
	t.Helper()
	cmd := host.Command("set", assignment)
	const calls = "rename,renameat,renameat2,unlink,unlinkat"
	argv := []string{
		"strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=" + calls,
		"-e", fmt.Sprintf("inject=%s:signal=SIGKILL:when=%d", calls, at),
	}
	cmd.Path, cmd.Args = harness.Program(t, "strace"), append(argv, cmd.Args...)
	r := host.RunCommand("", cmd)
	if r.Code > 0 {
		t.Fatalf("set under strace: %s", r)
	}
	return r.Code == 0
}

// checkWhole demands that the next command finishes what was begun, and that setting and file say the same.
func checkWhole(t *testing.T, host *harness.Host, at int, value string, finished bool) {
	t.Helper()
	host.Must("commit")
	got := strings.TrimSpace(host.Must("get", "mail/messagesizelimit"))
	if finished && got != value {
		t.Errorf("set came to its end at step %d, but the value is %s, want %s", at, got, value)
	}
	out, err := exec.Command(harness.Program(t, "postconf"), "-c", filepath.Join(host.Root(), "etc/postfix"), "-h", "message_size_limit").Output()
	if err != nil {
		t.Fatalf("postconf: %v", err)
	}
	if inFile := strings.TrimSpace(string(out)); inFile != got {
		t.Errorf("killed at step %d: the setting is %s, the file says %s", at, got, inFile)
	}
}

// TestKilledAtFirstCommit proves the same for the commit that writes everything for the first time.
func TestKilledAtFirstCommit(t *testing.T) {
	t.Parallel()
	host := newHost(t)
	whole := fingerprint(t, host.Root())
	for _, at := range []int{1, 2, 5, 10} {
		for _, dir := range []string{"etc/postfix", "etc/dovecot"} {
			if err := os.RemoveAll(filepath.Join(host.Root(), dir)); err != nil {
				t.Fatal(err)
			}
		}
		setKilledAt(t, host, at, "mail/messagesizelimit=10240000")
		host.Must("commit")
		for path, was := range whole {
			if !strings.HasPrefix(path, "etc/") {
				continue
			}
			if _, err := os.Lstat(filepath.Join(host.Root(), path)); err != nil {
				t.Errorf("killed at step %d: %v (was %s)", at, err, was)
			}
		}
	}
	var empty []string
	err := filepath.WalkDir(filepath.Join(host.Root(), "etc"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.Contains(d.Name(), ".mailreg") {
			empty = append(empty, path)
		}
		return err
	})
	if err != nil || len(empty) > 0 {
		t.Errorf("left over: %q (%v)", empty, err)
	}
}
