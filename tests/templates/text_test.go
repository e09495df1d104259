package templates_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// configparser prints, as JSON, what Python's reader makes of each of the named files: interpolating or not.
const configparser = `
import configparser, json, sys
parser = {"raw": lambda: configparser.RawConfigParser(inline_comment_prefixes=("#", ";")), "percent": configparser.ConfigParser}
def read(name):
    with open(name, newline="\n") as file:
        config = parser[sys.argv[1]]()
        config.read_file(file)
        return [config["s"][k] for k in config["s"]]
print(json.dumps([read(name) for name in sys.argv[2:]]))
`

// rendered writes one file for each hostile value that the format holds, and returns them with their values.
func rendered(t *testing.T, r renderer, suffix string) (files, values []string) {
	t.Helper()
	dir := t.TempDir()
	for i, value := range hostile {
		text, ok := r.render(t, value)
		if !ok {
			continue
		}
		file := filepath.Join(dir, fmt.Sprintf("%d%s", i, suffix))
		write(t, file, text)
		files, values = append(files, file), append(values, value)
	}
	return files, values
}

func TestINI(t *testing.T) {
	for _, test := range []struct {
		format, mode, line string
		harmless           []string
	}{
		{"ini", "raw", "k = {{get \"k\"}}", []string{"plain", "a b", "a=b", "$myhostname", "%s", "a#b", "a;b", "a\"b", ""}},
		{"ini-percent", "percent", "k: {{get \"k\"}}", []string{"plain", "%%", "%{user}", "100 %", "a, b"}},
	} {
		files, values := rendered(t, newRenderer(t, test.format, "", "{{header}}\n[s]\n"+test.line+"\nend = end\n"), ".ini")
		var got [][]string
		out := ask(t, "python3", append([]string{"-c", configparser, test.mode}, files...)...)
		if err := json.Unmarshal([]byte(out), &got); err != nil || len(got) != len(values) {
			t.Fatalf("%v: %s", err, out)
		}
		taken := map[string]bool{}
		for i, value := range values {
			taken[value] = true
			if len(got[i]) != 2 || got[i][0] != value || got[i][1] != "end" {
				t.Errorf("%s: configparser reads %q, want %q and end", test.format, got[i], value)
			}
		}
		mustTake(t, taken, test.harmless...)
	}
}

func TestINIQuoted(t *testing.T) {
	files, values := rendered(t, newRenderer(t, "ini", "", "{{header}}\n[s]\n\tk = \"{{get \"k\"}}\"\n\tlast = end\n"), ".ini")
	taken := map[string]bool{}
	for i, file := range files {
		taken[values[i]] = true
		if got, want := ask(t, "git", "config", "-z", "-f", file, "--list"), "s.k\n"+values[i]+"\x00s.last\nend\x00"; got != want {
			t.Errorf("git reads %q, want %q", got, want)
		}
	}
	mustTake(t, taken, "a b", "a;b", "$(id)", "%", "# x", "a 'b # c", "\"a\"", "\\", "a\\", " lead", "trail ")
}

// TestLines asks the shell for the lines of a file.
func TestLines(t *testing.T) {
	files, values := rendered(t, newRenderer(t, "lines", "", "{{header \"//\"}}\n{{get \"k\"}}\n\nend\n"), "")
	taken := map[string]bool{}
	for i, file := range files {
		taken[values[i]] = true
		got := ask(t, "sh", "-c", `while IFS= read -r line; do case $line in //*) ;; *) printf '%s|\n' "$line"; esac; done <"$0"`, file)
		if want := values[i] + "|\n|\nend|\n"; got != want && !strings.HasPrefix(values[i], "//") {
			t.Errorf("sh reads %q, want %q", got, want)
		}
	}
	mustTake(t, taken, "a b", "$(id)", "# x", "\"", "\\", " lead", "trail ", "")
}
