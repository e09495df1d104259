package shell

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestName(t *testing.T) {
	for key, want := range map[string]string{
		"mail/x-y.z": "mail_x_y_z", "0day": "_0day", "a0": "a0", "größe": "gr__e", "a b": "a_b", "": "", "PATH": "PATH",
	} {
		if got := Name(key); got != want {
			t.Errorf("Name(%q) = %q, want %q", key, got, want)
		}
	}
}

func TestQuote(t *testing.T) {
	for value, want := range map[string]string{
		"": "''", "a": "a", "a/b:c,d=e@f%g+h.i_j-k": "a/b:c,d=e@f%g+h.i_j-k", "a b": "'a b'", "~": "'~'", "ä": "'ä'",
		"it's": `'it'"'"'s'`, "$(id)": "'$(id)'", "a\nb": "'a\nb'",
	} {
		if got := Quote(value); got != want {
			t.Errorf("Quote(%q) = %s, want %s", value, got, want)
		}
	}
}

func TestWriter(t *testing.T) {
	var warnings []string
	w := Writer{Warn: func(format string, args ...any) { warnings = append(warnings, fmt.Sprintf(format, args...)) }}
	for _, test := range []struct{ key, value, line, warning string }{
		{"x/y", "1", "x_y=1", ""},
		{"x/y", "2", "x_y=2", ""},
		{"x_y", "3", "x_y=3", "x/y and x_y are both x_y in the shell: the last one counts"},
		{"PATH", "/tmp", "", "PATH is left out: PATH is a name that the shell and its programs use"},
		{"LD/PRELOAD", "x", "", "LD/PRELOAD is left out: LD_PRELOAD is a name that the shell and its programs use"},
		{"n", "a\x00b", "", "n is left out: its value has a NUL character, which no shell can hold"},
		{"1", "one", "_1=one", ""},
	} {
		warnings = nil
		line, ok := w.Assignment(test.key, test.value)
		if line != test.line || ok != (test.line != "") || strings.Join(warnings, "\n") != test.warning {
			t.Errorf("%s=%q: %q, %v, %q", test.key, test.value, line, ok, warnings)
		}
	}
}

// hostile are values that a shell might take for more than values.
var hostile = []string{
	"", " ", "a b", "$(touch pwned)", "`touch pwned`", "'; touch pwned; '", `"; touch pwned; "`, "${IFS}", "$HOME", "~", "~root",
	"*", "?", "[a]", "a\nb", "\n", "trail\n", "\\", `\\`, `\'`, "'", "''", `'"'`, "!!", "#no comment", "a#b", "a;b", "a&b", "a|b",
	">pwned", "<x", "(", ")", "{a,b}", "\t", "\r", "\x01\x7f", "\u202e", "ä€𝄞", "-n", "-e x", "%s%n", "=", "a=b", "@%@k@%@", "\xff\xfe",
}

// TestShells evaluates hostile values in the shells that scripts run in, and finds each as it was.
func TestShells(t *testing.T) {
	for _, sh := range []string{"sh", "dash", "bash"} {
		program, err := exec.LookPath(sh)
		if err != nil {
			t.Fatalf("%s is missing: %v", sh, err)
		}
		for _, value := range hostile {
			checkShell(t, program, value)
		}
	}
}

// checkShell has a shell evaluate an assignment that it is given in its only argument, under the strictest options, and
// print the variable.
func checkShell(t *testing.T, program, value string) {
	t.Helper()
	w := Writer{Warn: t.Logf}
	line, ok := w.Assignment("my/key", value)
	if !ok {
		t.Fatalf("%q is left out", value)
	}
	command := exec.Command(program, "-euc", `eval "$1"; printf '%s.' "$my_key"; ls`, "sh", line)
	command.Dir = t.TempDir()
	out, err := command.CombinedOutput()
	if string(out) != value+"." || err != nil {
		t.Errorf("%s reads %q as %q, %v (%s)", program, value, out, err, line)
	}
}

// TestRandomValues has dash read back whatever there may be.
func TestRandomValues(t *testing.T) {
	dash, err := exec.LookPath("dash")
	if err != nil {
		t.Fatal(err)
	}
	values := rapid.OneOf(rapid.String(), rapid.SampledFrom(hostile), rapid.StringMatching("['\"$`\\\\\n a-c-]*"))
	rapid.Check(t, func(rt *rapid.T) {
		var lines, want strings.Builder
		w := Writer{Warn: rt.Fatalf}
		for i, value := range rapid.SliceOfN(values, 1, 50).Draw(rt, "values") {
			value = strings.ReplaceAll(value, "\x00", "")
			line, _ := w.Assignment(fmt.Sprintf("v/%d", i), value)
			fmt.Fprintf(&lines, "%s\nprintf '%%s.' \"$v_%d\"\n", line, i)
			want.WriteString(value + ".")
		}
		command := exec.Command(dash, "-eu")
		command.Stdin = strings.NewReader(lines.String())
		command.Dir = t.TempDir()
		out, err := command.CombinedOutput()
		if string(out) != want.String() || err != nil {
			rt.Errorf("%s\nprints %q, %v, want %q", lines.String(), out, err, want.String())
		}
	})
}
