package settings_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/mailreg/mailreg/tests/harness"
)

// TestEqualValue sets what is set already: nothing below the root is written, made or taken away, nor a program started.
func TestEqualValue(t *testing.T) {
	t.Parallel()
	host := newHost(t)
	host.Must("set", "mail/messagesizelimit=20971520", "my/key=1")
	trace := filepath.Join(t.TempDir(), "trace")
	cmd := host.Command("set", "mail/messagesizelimit=20971520", "my/key=1")
	cmd.Path = harness.Program(t, "strace")
	cmd.Args = append([]string{"strace", "-f", "-qq", "-y", "-s", "0", "-o", trace, "-e", "trace=execve," + steps}, cmd.Args...)
	unchanged(t, host, func() {
		r := host.RunCommand("", cmd)
		if r.Code != 0 || r.Stdout != "Setting mail/messagesizelimit\nSetting my/key\n" {
			t.Errorf("set: %s", r)
		}
	})
	data, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	reads := regexp.MustCompile(`openat\(.*O_RDONLY`)
	for line := range strings.Lines(string(data)) {
		if strings.Contains(line, host.Root()+"/") && !reads.MatchString(line) && !strings.Contains(line, "execve(") {
			t.Errorf("set: %s", line)
		}
	}
	if n := strings.Count(string(data), "execve("); n != 1 {
		t.Errorf("%d programs were started", n)
	}
}
