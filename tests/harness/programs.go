package harness

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
)

// Program returns the path of a server's program on the host. It and Tree.Command are the places where programs are
// looked for.
func Program(t T, name string) string {
	t.Helper()
	return (*Tree)(nil).find(t, name)
}

// binVariable tells the constructors where the built programs are. make sets it, for linking them takes longer than most
// packages compute; without it each package builds its own.
const binVariable = "MAILREG_TEST_BIN"

// builderVariable holds the number of the process that has built them for itself, which it keeps in a tree.
const builderVariable = "MAILREG_TEST_BUILDER"

// Main builds the programs, runs the tests of a package, in the tree of the release that DIST names, and removes the
// programs. It is the whole TestMain:
//
//	func TestMain(m *testing.M) { harness.Main(m) }
//
// A failed build, or a tree that cannot be made, is the failure of each test that needs a program.
func Main(m interface{ Run() int }) {
	clean, err := Prepare()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	defer clean()
	m.Run()
}

// Prepare builds the programs unless that has been done and, when DIST names another release, starts the calling program anew
// in the tree of that release, where it returns. The function that it returns removes the programs if this process has built
// them.
func Prepare() (clean func(), err error) {
	dir := os.Getenv(binVariable)
	if !Prepared() {
		if dir, err = os.MkdirTemp("", "mr-bin-"); err != nil {
			return func() {}, err
		}
		err = errors.Join(os.Setenv(builderVariable, strconv.Itoa(os.Getpid())), Build(dir))
	}
	if err == nil {
		err = enter()
	}
	return func() {
		if os.Getenv(builderVariable) == strconv.Itoa(os.Getpid()) {
			_ = os.RemoveAll(dir) // nothing to do about it at the end
		}
	}, err
}

// Prepared reports whether the programs are built: by make, by Prepare outside of the tree that it has entered, or by the
// process that has started this one.
func Prepared() bool { return os.Getenv(binVariable) != "" }

// Build builds mailreg and mailreg-listener into dir, and makes it the place where the constructors find them.
func Build(dir string) error {
	// Without the state of the repository: git keeps silent when it belongs to another user.
	build := exec.Command("go", "build", "-buildvcs=false", "-o", dir+"/",
		"github.com/mailreg/mailreg/cmd/mailreg", "github.com/mailreg/mailreg/cmd/mailreg-listener")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as they are delivered, and for any release's C library
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
