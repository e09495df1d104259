package settings_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mailreg/mailreg/tests/harness"
)

// hostile are values that mean something to a careless writer or reader of a config file.
var hostile = map[string]string{
	"newline":        "a\nrelayhost = evil.test",
	"return":         "a\r\nrelayhost = evil.test",
	"leading":        "  a",
	"continuation":   "a\n  b",
	"dollar":         "$mydestination",
	"braces":         "${mydestination}",
	"double dollar":  "a$$b",
	"percent":        "%u%d%{env:HOME}",
	"single quote":   "it's",
	"double quote":   `say "no"`,
	"backslash":      `a\nb\`,
	"hash":           "a # b",
	"less":           "</etc/shadow",
	"brace":          "a } passdb { driver = static",
	"equals":         "a = b",
	"colon":          "inet:evil:25",
	"template":       `{{ get "ldap/secret" }}`,
	"markers":        "@%@ldap/secret@%@",
	"backticks":      "`id`",
	"substitution":   "$(id)",
	"umlauts":        "Grüße, 世界",
	"escape":         "a\x1b[31mb",
	"line separator": "a\u2028b",
	"tab":            "a\tb",
	"empty":          "",
}

// TestHostileValues proves that a value is never more than the one value that it is. Each hostile value is given to
// variables of each output; either it is refused and nothing has changed, or the program that reads the file reads that
// value, and all its other settings are as before.
func TestHostileValues(t *testing.T) {
	t.Parallel()
	host := newHost(t)
	// What the reader calls the setting, and the variable that makes it.
	keys := []struct {
		key, setting string
		read         func(*testing.T, *harness.Host) map[string]string
	}{
		{"mail/postfix/smtpd/banner", "smtpd_banner", postconf},
		{"mail/dovecot/postmaster_address", "postmaster_address", doveconf},
	}
	for _, k := range keys {
		for name, value := range hostile {
			t.Run(k.key+"/"+name, func(t *testing.T) {
				before, files := k.read(t, host), fingerprint(t, host.Root())
				r := host.Run("set", k.key+"="+value)
				if r.Code != 0 {
					if !strings.Contains(r.Stderr, k.key) {
						t.Errorf("refused, but the message does not name the key: %s", r)
					}
					if diff := cmp.Diff(files, fingerprint(t, host.Root())); diff != "" {
						t.Errorf("refused, but files have changed:\n%s", diff)
					}
					return
				}
				after := k.read(t, host)
				delete(before, k.setting)
				delete(after, k.setting)
				if diff := cmp.Diff(before, after); diff != "" {
					t.Errorf("other settings have changed, -before +after:\n%s", diff)
				}
				if got := host.Must("get", k.key); got != value+"\n" {
					t.Errorf("get prints %q, want %q", got, value)
				}
				host.Must("unset", k.key)
			})
		}
	}
}

// TestAnyValueSurvives proves that the layer file keeps every value that its type allows, byte for byte.
func TestAnyValueSurvives(t *testing.T) {
	t.Parallel()
	host := newHost(t)
	for name, value := range hostile {
		host.Must("set", "test/"+name[:1]+"="+value)
		if got := host.Must("get", "test/"+name[:1]); got != value+"\n" {
			t.Errorf("%s: get prints %q, want %q", name, got, value)
		}
	}
}

// postconf returns all that Postfix reads from the host's main.cf.
func postconf(t *testing.T, host *harness.Host) map[string]string {
	t.Helper()
	return settings(t, "postconf", "-c", filepath.Join(host.Root(), "etc/postfix"), "-n")
}

// doveconf returns all that Dovecot reads from the host's configuration.
func doveconf(t *testing.T, host *harness.Host) map[string]string {
	t.Helper()
	return settings(t, "doveconf", "-c", filepath.Join(host.Root(), "etc/dovecot/dovecot.conf"), "-n")
}

// settings reads the lines "name = value" of a program's output; what else it prints counts as names without value.
func settings(t *testing.T, program string, args ...string) map[string]string {
	t.Helper()
	cmd := exec.Command(harness.Program(t, program), args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", program, err)
	}
	all := map[string]string{}
	for line := range strings.Lines(string(out)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " = ")
		all[name] += value
	}
	return all
}
