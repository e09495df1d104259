package sieve

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mailreg/mailreg/schema"
)

func TestScript(t *testing.T) {
	for _, tt := range []struct {
		folder, hits string
		want         []string // nil is an error
	}{
		{"Spam", "5.0", []string{`"X-Spam-Level" "*****" {`, `fileinto :create "Spam";`}},
		{"Spam", "5.001", []string{`"******"`}},
		{"Spam", "0", []string{`"*"`}},
		{"Spam", "999", []string{`"` + strings.Repeat("*", 50) + `"`}},
		{`a"; redirect "x@y.test`, "5", []string{`:create "a\"; redirect \"x@y.test";`}},
		{`back\slash`, "5", []string{`"back\\slash"`}},
		{"Unerwünscht/Ärger ${x}", "5", []string{`"Unerwünscht/Ärger ${x}"`}},
		{"", "5", nil},
		{"a\nb", "5", nil},
		{"\xff", "5", nil},
		{"Spam", "x", nil},
		{"Spam", "NaN", nil},
	} {
		got, err := Script(tt.folder, tt.hits)
		if (err != nil) != (tt.want == nil) || err != nil && !errors.Is(err, schema.ErrInvalid) {
			t.Errorf("%q %q: error %v", tt.folder, tt.hits, err)
		}
		for _, part := range tt.want {
			if !strings.Contains(string(got), part) {
				t.Errorf("%q %q: no %s in\n%s", tt.folder, tt.hits, part, got)
			}
		}
	}
}

func TestPlaces(t *testing.T) {
	for path, want := range map[string]string{
		"file:~/sieve;active=~/.dovecot.sieve": "sieve/default.sieve .dovecot.sieve",
		"file:~/s;active=~/x.sieve":            "s/default.sieve x.sieve",
		"~/.dovecot.sieve":                     "", "file:~/sieve": "", "file:/srv/%d/%n;active=~/x.sieve": "",
		"file:~/../x;active=~/x.sieve": "", "file:~/..;active=~/x.sieve": "", "file:~/%u;active=~/x.sieve": "", "": "",
		"file:~/sieve;active=~/a/b.sieve": "", "file:~/sieve;active=~/active": "",
	} {
		script, active, ok := places(path)
		if got := script + " " + active; ok != (want != "") || ok && got != want {
			t.Errorf("%q: %q, %v", path, got, ok)
		}
	}
}

// TestCompiled proves that the script is compiled once, and for each store as if it had been compiled there.
func TestCompiled(t *testing.T) {
	if _, err := exec.LookPath("sievec"); err != nil {
		t.Skip("make test installs sievec; the tests on servers prove the rest")
	}
	root := t.TempDir()
	config := filepath.Join(root, "etc/dovecot/dovecot.conf")
	version, err := exec.Command("dovecot", "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	text := ""
	if !strings.HasPrefix(string(version), "2.3") {
		text = "dovecot_config_version = 2.4.1\ndovecot_storage_version = 2.4.1\n"
	}
	if err := errors.Join(os.MkdirAll(filepath.Dir(config), 0o755), os.WriteFile(config, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
	i := &Installer{Root: root}
	script, err := Script("Spam", "5")
	if err != nil {
		t.Fatal(err)
	}
	for _, home := range []string{"/a", "/another/home"} {
		if got := i.compiled(string(script), home+"/.dovecot.sieve"); !strings.Contains(string(got), home+"/.dovecot.sieve") {
			t.Errorf("%s: %d bytes without its place", home, len(got))
		}
	}
	if err := os.WriteFile(config, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if i.compiled(string(script), "/third/.dovecot.sieve") == nil {
		t.Error("compiled anew for each store")
	}
	if i.compiled("other", "/x/.dovecot.sieve") != nil {
		t.Error("a script that sievec refuses was compiled")
	}
}
