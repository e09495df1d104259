package hooks_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mailreg/mailreg/registry/hook/svbin"
	"github.com/mailreg/mailreg/tests/harness"
)

// TestMoveSieve compares with what sievec makes at the other place itself.
func TestMoveSieve(t *testing.T) {
	t.Parallel()
	config := filepath.Join(t.TempDir(), "dovecot.conf")
	text := "" // 2.4 wants to know for which release its config was written
	if dovecotIs24(t) {
		text = "dovecot_config_version = 2.4.1\ndovecot_storage_version = 2.4.1\n"
	}
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(config, text)
	compile := func(script string) []byte {
		t.Helper()
		write(script, "require [\"fileinto\", \"variables\"];\nset \"x\" \"1\";\nif header :is \"subject\" \"a\" { fileinto \"b\"; }\n")
		out := filepath.Join(t.TempDir(), "out.svbin")
		if text, err := exec.Command(harness.Program(t, "sievec"), "-c", config, script, out).CombinedOutput(); err != nil {
			t.Fatalf("sievec: %v\n%s", err, text)
		}
		data, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	from := filepath.Join(t.TempDir(), "x.sieve")
	data := compile(from)
	for _, name := range []string{"y.sieve", "longer.sieve", strings.Repeat("long", 40) + ".sieve"} {
		to := filepath.Join(t.TempDir(), name)
		moved, err := svbin.Move(data, from, to)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(compile(to), moved); diff != "" {
			t.Errorf("%s:\n%s", name, diff)
		}
	}
	for n := range data {
		_, _ = svbin.Move(data[:n], from, "/x") // must not panic
	}
	if _, err := svbin.Move(data, "/elsewhere.sieve", "/x"); err == nil {
		t.Error("a script of another place was moved")
	}
}
