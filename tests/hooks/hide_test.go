package hooks_test

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/mailreg/mailreg/tests/harness"
)

// hide makes a command that sees a machine without some programs: in a mount namespace of its own they are no files.
func hide(t *testing.T, cmd *exec.Cmd, programs ...string) *exec.Cmd {
	t.Helper()
	var script strings.Builder
	for _, program := range programs {
		fmt.Fprintf(&script, "mount --bind /dev/null %s; ", harness.Program(t, program))
	}
	script.WriteString(`exec "$@"`)
	args := append([]string{"-m", "sh", "-ec", script.String(), "sh"}, cmd.Args...)
	hidden := exec.Command(harness.Program(t, "unshare"), args...)
	hidden.Env = cmd.Env
	return hidden
}
