package harness

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Program returns the path of a server's program. It is the one place where programs are looked for.
func Program(t T, name string) string {
	t.Helper()
	dirs := []string{"/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/lib/postfix/sbin", "/usr/lib/dovecot", "/usr/lib/cyrus/bin"}
	for _, dir := range dirs {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && !info.IsDir() {
			return path
		}
	}
	t.Fatalf("%s is not installed: make test installs what the tests need (looked in %s)", name, strings.Join(dirs, " "))
	return ""
}

// binVariable tells the constructors where the built programs are.
const binVariable = "MAILREG_TEST_BIN"

// Main builds the programs, runs the tests of a package, and removes the programs. It is the whole TestMain:
//
//	func TestMain(m *testing.M) { harness.Main(m) }
//
// A failed build is the failure of each test that needs a program.
func Main(m interface{ Run() int }) {
	dir, err := os.MkdirTemp("", "mr-bin-")
	if err == nil {
		defer os.RemoveAll(dir)
		err = Build(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	m.Run()
}

// Build builds mailreg and mailreg-listener into dir, and makes it the place where the constructors find them.
func Build(dir string) error {
	// Without the state of the repository: git keeps silent when it belongs to another user.
	build := exec.Command("go", "build", "-buildvcs=false", "-o", dir+"/",
		"github.com/mailreg/mailreg/cmd/mailreg", "github.com/mailreg/mailreg/cmd/mailreg-listener")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building the programs: %w\n%s", err, out)
	}
	return os.Setenv(binVariable, dir)
}

// Built returns the path of one of our programs, for tests that run it in another way.
func Built(t T, name string) string {
	t.Helper()
	return built(t, name)
}

// built returns the path of one of our programs.
func built(t T, name string) string {
	t.Helper()
	dir := os.Getenv(binVariable)
	if dir == "" {
		t.Fatalf("%s was not built: the package's TestMain must call harness.Main", name)
	}
	return filepath.Join(dir, name)
}
