package sieve_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mailreg/mailreg/handlers/backend/maildir"
	"github.com/mailreg/mailreg/handlers/backend/sieve"
	"github.com/mailreg/mailreg/registry/settings"
	"github.com/mailreg/mailreg/tests/harness"
)

// TestCompiled proves that the script is compiled once, and for each store as if it had been compiled there.
func TestCompiled(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	config := filepath.Join(root, "etc/dovecot/dovecot.conf")
	if err := os.MkdirAll(filepath.Dir(config), 0o755); err != nil {
		t.Fatal(err)
	}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(minimal(t))
	view, err := settings.NewReader(root).View()
	if err != nil {
		t.Fatal(err)
	}
	installer := &sieve.Installer{Root: root}
	compiled := func(view *settings.View, home string) string {
		t.Helper()
		files, err := installer.Files(view, home)
		if err != nil || len(files) < 2 {
			t.Fatalf("files of %s: %v, %v", home, files, err)
		}
		return binaryOf(files)
	}
	for _, home := range []string{"/a", "/another/home"} {
		if got := compiled(view, home); !strings.Contains(got, home+"/.dovecot.sieve") {
			t.Errorf("%s: %d bytes without its place", home, len(got))
		}
	}
	write("nonsense")
	if compiled(view, "/third") == "" {
		t.Error("compiled anew for each store")
	}
	other := view.With(settings.Normal, map[string]string{"mail/antispam/requiredhits": "7"})
	if compiled(other, "/x") != "" {
		t.Error("a script that sievec refuses was compiled")
	}
}

// binaryOf returns the compiled script among the files of a store, "" when there is none.
func binaryOf(files []maildir.File) string {
	for _, file := range files {
		if strings.HasSuffix(file.Name, ".svbin") {
			return string(file.Data)
		}
	}
	return ""
}

// minimal is a dovecot.conf that says no more than the release wants to hear.
func minimal(t *testing.T) string {
	t.Helper()
	version, err := exec.Command(harness.Program(t, "dovecot"), "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(string(version), "2.3") {
		return ""
	}
	return "dovecot_config_version = 2.4.1\ndovecot_storage_version = 2.4.1\n"
}
