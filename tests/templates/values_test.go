package templates_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mailreg/mailreg/registry/hook"
	"github.com/mailreg/mailreg/templates"
	"github.com/mailreg/mailreg/tests/harness"
)

// hostile are values that some reader takes for more than the value they are, unless a writer sees to it.
var hostile = []string{
	"plain", "a b", "a,b", "a, b", "a;b", "a=b", "=", "= x", "key = value", "ü€ 日本", "a\u2028b",
	"$myhostname", "${myhostname}", "$$", "$", "a $myhostname b", "$(id)", "`id`", "%", "%%", "%s", "%{user}", "%%{user}", "%Lu",
	"%u@%d", "100 %", "$ENV:HOME", "$SET:base_dir", "a $mail_plugins", "</etc/hostname", "<", "a <b",
	"# x", "#", "a#b", "a # b", "a 'b # c", "'", "''", "'a'", "\"", "\"\"", "\"a\"", "a\"b", "a\" # \"b", "\\", "a\\", "\\\"",
	"a\\\\b", "a\\nb", "{", "}", "{a}", "a } b", "{ a, b }", "}{", "!include x", "a }\t", " lead", "trail ", "",
	"\ta", "a\tb", "a\nb = c", "a\n b", "\n", "a\r", "a\x00b", "a\x7f", "a\u0085b", "\xff\xfe", strings.Repeat("long ", 500) + "end",
}

// host keeps Postfix's programs from asking DNS for the name of this machine.
const host = "myhostname = mail1.example.test\nmydomain = example.test\ninet_interfaces = 127.0.0.1\ninet_protocols = ipv4\n"

// settings has one key, "k", with the value under test.
type settings struct{ value string }

func (s settings) Get(string) (string, bool) { return s.value, true }
func (s settings) Keys(string) []string      { return nil }
func (s settings) Split(string) []string     { return strings.Fields(s.value) }
func (s settings) Expands(string) bool       { return false }

// renderer renders one small file of a format with value after value.
type renderer struct {
	set     *templates.Set
	output  templates.Output
	version string
}

func newRenderer(t *testing.T, format, version, text string) renderer {
	t.Helper()
	dir := t.TempDir()
	manifest := "[/hostile]\nService = test\nFormat = " + format + "\nTemplate = hostile\n"
	write(t, filepath.Join(dir, "hostile.ini"), manifest)
	write(t, filepath.Join(dir, "hostile.tmpl"), text)
	set, err := templates.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range set.Outputs() {
		if o.Path == "/hostile" {
			return renderer{set: set, output: o, version: version}
		}
	}
	t.Fatal("no output /hostile")
	return renderer{}
}

// render returns the file with a value; ok is false when the writer refuses, in which case the error must name the key.
func (r renderer) render(t *testing.T, value string) (text string, ok bool) {
	t.Helper()
	w := templates.World{Root: "/", Settings: settings{value}, Version: func(string) string { return r.version }}
	data, _, err := r.set.Render(r.output, w)
	if err != nil {
		if !strings.Contains(err.Error(), "k: value ") {
			t.Errorf("%q is refused by %q, which does not name the key", value, err)
		}
		return "", false
	}
	return string(data), true
}

// each tries the file with each hostile value that the writer takes, and returns those.
func (r renderer) each(t *testing.T, try func(value, text string)) (taken map[string]bool) {
	t.Helper()
	taken = map[string]bool{}
	for _, value := range hostile {
		if text, ok := r.render(t, value); ok {
			taken[value] = true
			try(value, text)
		}
	}
	return taken
}

// write writes a file that looks a minute old: Postfix waits until a configuration file is no longer new.
func write(t *testing.T, path, text string) {
	t.Helper()
	old := time.Now().Add(-time.Minute)
	if err := errors.Join(os.WriteFile(path, []byte(text), 0o644), os.Chtimes(path, old, old)); err != nil {
		t.Fatal(err)
	}
}

// ask returns what a server's program prints; a remark on stderr is a failure.
func ask(t *testing.T, program string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), harness.Program(t, program), args...)
	cmd.Dir = "/" // git looks for a repository
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || remarks(stderr.String()) {
		t.Fatalf("%s %q: %v\n%s", program, args, err, stderr.String())
	}
	return string(out)
}

// remarks reports whether there is any remark, but that Postfix 3.9 and later suspect a word with "#" in a value to be a
// comment; they take it as it is, like their predecessors.
func remarks(stderr string) bool {
	for line := range strings.Lines(stderr) {
		if !strings.Contains(line, "#comment after other text is not allowed") {
			return true
		}
	}
	return false
}

// query returns what a lookup table has for a key, "" when it has nothing. A table that does not work is a failure.
func query(t *testing.T, dir, table, key string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), harness.Program(t, "postmap"), "-c", dir, "-q", key, table)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if exit := (*exec.ExitError)(nil); stderr.Len() > 0 || err != nil && !errors.As(err, &exit) {
		t.Fatalf("looking for %s in %s: %v\n%s", key, table, err, stderr.String())
	}
	return strings.TrimSuffix(string(out), "\n")
}

// mustTake fails when a harmless value is refused: a writer that refuses all values would pass every other check.
func mustTake(t *testing.T, taken map[string]bool, values ...string) {
	t.Helper()
	for _, value := range values {
		if !taken[value] {
			t.Errorf("%q is refused", value)
		}
	}
}

// dollars is what postconf prints for a value: it does not take back the doubling unless asked by -x, which is slow.
func dollars(value string) string { return strings.ReplaceAll(value, "$", "$$") }

func TestPostfixExpansion(t *testing.T) {
	whole := newRenderer(t, "postfix-main", "", host+"smtpd_banner = {{get \"k\"}}\n")
	dir := t.TempDir()
	write(t, filepath.Join(dir, "master.cf"), "")
	const value = "$myhostname $$ ${mydomain} $"
	text, _ := whole.render(t, value)
	write(t, filepath.Join(dir, "main.cf"), text)
	if got := ask(t, "postconf", "-c", dir, "-xh", "smtpd_banner"); got != value+"\n" {
		t.Errorf("postconf reads %q, want %q", got, value)
	}
}

func TestPostfixMain(t *testing.T) {
	whole := newRenderer(t, "postfix-main", "", host+"smtpd_banner = {{get \"k\"}}\nmail_name = end\n")
	dir := t.TempDir()
	write(t, filepath.Join(dir, "master.cf"), "")
	taken := whole.each(t, func(value, text string) {
		write(t, filepath.Join(dir, "main.cf"), text)
		if got, want := ask(t, "postconf", "-c", dir, "-h", "smtpd_banner", "mail_name"), dollars(value)+"\nend\n"; got != want {
			t.Errorf("postconf reads %q, want %q", got, want)
		}
	})
	mustTake(t, taken, "plain", "a b", "a, b", "$myhostname", "${myhostname}", "$$", "%s", "# x", "{a}", "\"a\"", "ü€ 日本")
}

func TestPostfixMainList(t *testing.T) {
	list := newRenderer(t, "postfix-main", "", host+"mynetworks = {{list \"k\"}}, hash:{{get \"k\"}}\nmail_name = end\n")
	dir := t.TempDir()
	write(t, filepath.Join(dir, "master.cf"), "")
	taken := list.each(t, func(value, text string) {
		write(t, filepath.Join(dir, "main.cf"), text)
		want := dollars(value) + ", hash:" + dollars(value) + "\nend\n"
		if got := ask(t, "postconf", "-c", dir, "-h", "mynetworks", "mail_name"); got != want {
			t.Errorf("postconf reads %q, want %q", got, want)
		}
	})
	mustTake(t, taken, "plain", "a;b", "$myhostname")
}

func TestPostfixMaster(t *testing.T) {
	master := newRenderer(t, "postfix-master", "",
		"smtp inet n - n - - smtpd\n  -o { smtpd_banner = {{get \"k\"}} }\n  -o { mail_name = end }\n")
	dir := t.TempDir()
	write(t, filepath.Join(dir, "main.cf"), host)
	taken := master.each(t, func(value, text string) {
		write(t, filepath.Join(dir, "master.cf"), text)
		want := "smtp/inet/mail_name = end\nsmtp/inet/smtpd_banner = " + dollars(value) + "\n"
		if got := ask(t, "postconf", "-c", dir, "-P"); strings.TrimSpace(got) != strings.TrimSpace(want) {
			t.Errorf("postconf reads %q, want %q", got, want)
		}
	})
	mustTake(t, taken, "plain", "a b", "a, b", "$myhostname", "{a}", "=")
}

func TestPostfixMasterService(t *testing.T) {
	master := newRenderer(t, "postfix-master", "", "{{get \"k\"}}:25 inet n - n - - smtpd\nlast unix - - n - - error\n")
	dir := t.TempDir()
	write(t, filepath.Join(dir, "main.cf"), host)
	taken := master.each(t, func(value, text string) {
		write(t, filepath.Join(dir, "master.cf"), text)
		lines := strings.Split(strings.TrimSpace(ask(t, "postconf", "-c", dir, "-M")), "\n")
		if len(lines) != 2 || strings.Fields(lines[0])[0] != value+":25" || strings.Fields(lines[0])[7] != "smtpd" {
			t.Errorf("postconf reads %q for %q", lines, value)
		}
	})
	mustTake(t, taken, "plain")
}

func TestPostfixTable(t *testing.T) {
	checkTable(t, "postfix-table", "key {{get \"k\"}}\nend end\n", "postmap", func(value string) string { return "key\t" + value + "\n" })
	checkTable(t, "postfix-table", "{{get \"k\"}} value\nend end\n", "postmap", func(value string) string { return value + "\tvalue\n" })
	checkTable(t, "aliases", "key: {{get \"k\"}}\nend: end\n", "postalias", nil)
	checkTable(t, "aliases", "{{get \"k\"}}: value\nend: end\n", "postalias", func(value string) string { return value + ":\tvalue\n" })
}

// checkTable asks for all records of the indexed map made from a rendered table. Without record, any value of the one
// key will do: postalias writes addresses in its own way.
func checkTable(t *testing.T, format, text, program string, record func(value string) string) {
	t.Helper()
	table := newRenderer(t, format, "", text)
	dir := t.TempDir()
	write(t, filepath.Join(dir, "main.cf"), host)
	file := filepath.Join(dir, "table")
	taken := table.each(t, func(value, text string) {
		write(t, file, text)
		if err := os.RemoveAll(file + ".db"); err != nil {
			t.Fatal(err)
		}
		ask(t, program, "-c", dir, "-f", "hash:"+file)
		got := records(ask(t, program, "-c", dir, "-f", "-s", "hash:"+file))
		want := got
		if record != nil {
			want = record(value)
		}
		if got != want || strings.Count(got, "\n") != 1 {
			t.Errorf("%s reads %q, want %q", program, got, want)
		}
	})
	mustTake(t, taken, "plain")
}

// records leaves out of a map's records the one that ends the table and those that postalias adds.
func records(all string) string {
	var ours strings.Builder
	for line := range strings.Lines(all) {
		key, _, _ := strings.Cut(line, "\t")
		if key != "end" && key != "end:" && key != "@:" && !strings.HasPrefix(key, "YP_") {
			ours.WriteString(line)
		}
	}
	return ours.String()
}

func TestDovecot(t *testing.T) {
	version := hook.NewDovecot("/").Version()
	first := ""
	as := func(variable string) func(string) string { // what doveconf prints: it does not take back the doubling
		return func(value string) string { return strings.ReplaceAll(value, variable, "%"+variable) }
	}
	// Before 2.4, "%" begins a variable in some settings; from then on "%{" does so in all.
	same := func(value string) string { return value }
	plain, home, printed := same, as("%"), same
	if strings.HasPrefix(version, "2.4") {
		plain, home, printed = as("%{"), as("%{"), quoted
		first = "dovecot_config_version = 2.4.1\ndovecot_storage_version = 2.4.1\n"
	}
	tests := []struct {
		line, setting string
		want          func(value string) string
		harmless      []string
	}{
		{
			`instance_name = {{get "k"}}`, "instance_name", plain,
			[]string{"plain", "a b", "$ENV:HOME", "</etc/hostname", "a # b", "\"a\"", "a\\", "%{user}", "}"},
		},
		{
			`instance_name = "pre {{get "k"}} post"`, "instance_name",
			func(value string) string { return "pre " + plain(value) + " post" },
			[]string{"plain", "\"a\"", "a\\"},
		},
		{
			`instance_name = pre-{{get "k"}}/post`, "instance_name",
			func(value string) string { return "pre-" + value + "/post" },
			[]string{"plain"},
		},
		{`mail_home = {{get "k"}}`, "mail_home", home, []string{"plain", "%{user}"}},
	}
	for _, test := range tests {
		r := newRenderer(t, "dovecot", version, first+test.line+"\nlogin_trusted_networks = end\n")
		checkDovecot(t, r, test.setting, func(value string) string { return printed(test.want(value)) }, test.harmless...)
	}
}

// quoted is how doveconf 2.4 prints a value: in quotes when it has a "#", or a blank at an end.
func quoted(value string) string {
	if !strings.Contains(value, "#") && strings.TrimSpace(value) == value {
		return value
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `'`, `\'`).Replace(value) + `"`
}

func checkDovecot(t *testing.T, r renderer, setting string, want func(value string) string, harmless ...string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "dovecot.conf")
	taken := r.each(t, func(value, text string) {
		write(t, file, text)
		if got, want := ask(t, "doveconf", "-c", file, "-h", setting, "login_trusted_networks"), want(value)+"\nend\n"; got != want {
			t.Errorf("doveconf reads %q, want %q", got, want)
		}
	})
	mustTake(t, taken, harmless...)
}
