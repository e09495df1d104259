package templates_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mailreg/mailreg/tests/harness"
)

// shellFiles are files of assignments with the value behind NAME=, in quotes of the template, and as the name of a variable.
var shellFiles = []struct {
	text, want string // "@" in want stands for the value
	harmless   []string
}{
	{"A={{get \"k\"}}\nB=end\n", "A=@|B=end", []string{"plain", "a b", "$(id)", "`id`", "'", "\"", "a\\", "", "# x", "trail ", "a;b"}},
	{"A=\"pre {{get \"k\"}} post\"\nB=end\n", "A=pre @ post|B=end", []string{"plain", "$(id)", "\"", "a\\", "# x"}},
	{"# {{get \"k\"}}\nA='pre {{get \"k\"}}'\nB=end\n", "A=pre @|B=end", []string{"plain", "$(id)", "'", "\"", "# x"}},
	{"A=pre{{get \"k\"}}post\nB=end\n", "A=pre@post|B=end", []string{"plain"}},
	{"{{get \"k\"}}=a\nB=end\n", "@=a|B=end", []string{"plain"}},
}

// checkShell renders the files with all hostile values and compares what read prints for each file.
func checkShell(t *testing.T, read func(file string) string) {
	t.Helper()
	for _, test := range shellFiles {
		files, values := rendered(t, newRenderer(t, "shell", "", "{{header}}\n"+test.text), ".conf")
		taken := map[string]bool{}
		for i, file := range files {
			taken[values[i]] = true
			if got, want := read(file), strings.ReplaceAll(test.want, "@", values[i]); got != want {
				t.Errorf("%q: %q is read, want %q", test.text, got, want)
			}
		}
		mustTake(t, taken, test.harmless...)
	}
}

func TestShell(t *testing.T) {
	for _, shell := range []string{"dash", "bash"} {
		program := harness.Program(t, shell)
		checkShell(t, func(file string) string {
			// env -i, so that set prints little else; what is set in a shell without any file is no matter.
			script := `set -e; . "$0"; for n in A plain; do eval "[ -z \"\${$n+x}\" ] || printf '%s|' \"$n=\$$n\""; done; printf %s "B=$B"`
			cmd := exec.CommandContext(t.Context(), program, "-c", script, file)
			cmd.Env, cmd.Dir = []string{}, t.TempDir()
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%s: %v: %s", shell, err, out)
			}
			return string(out)
		})
	}
}

// TestShellForSystemd asks systemd by its generator of environments: it takes files apart with the parser of
// EnvironmentFile=, then expands "$", which is why the values have theirs doubled here.
func TestShellForSystemd(t *testing.T) {
	const generator = "/usr/lib/systemd/user-environment-generators/30-systemd-environment-d-generator"
	if _, err := os.Stat(generator); err != nil {
		t.Fatalf("systemd is not installed: %v", err)
	}
	home := t.TempDir()
	dir := filepath.Join(home, "environment.d")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, test := range shellFiles[:4] {
		r := newRenderer(t, "shell", "", "{{header}}\n"+test.text)
		for _, value := range hostile {
			text, ok := r.render(t, strings.ReplaceAll(value, "$", "$$"))
			if !ok {
				continue
			}
			write(t, filepath.Join(dir, "10.conf"), text)
			cmd := exec.CommandContext(t.Context(), generator)
			cmd.Env = []string{"XDG_CONFIG_HOME=" + home}
			out, err := cmd.CombinedOutput()
			got := map[string]string{}
			for line := range strings.Lines(string(out)) {
				name, text, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
				got[name] = shellWord(t, text)
			}
			want := strings.ReplaceAll(strings.TrimSuffix(strings.TrimPrefix(test.want, "A="), "|B=end"), "@", value)
			if err != nil || got["A"] != want || got["B"] != "end" {
				t.Errorf("%q: systemd reads %q from %q, want %q; %v\n%s", test.text, got, text, want, err, out)
			}
		}
	}
}

// shellWord has sh take a word apart.
func shellWord(t *testing.T, word string) string {
	t.Helper()
	return ask(t, "bash", "-c", "A="+word+"; printf %s \"$A\"")
}
