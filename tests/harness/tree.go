package harness

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

const (
	// distVariable names the Debian release whose servers the tests run, such as "trixie"; the host's own when empty.
	distVariable = "DIST"
	// treeVariable holds the folder of the tree that a program runs in; tests/enter.sh sets it.
	treeVariable = "MAILREG_TREE"
)

// Tree is an unpacked Debian whose programs take the place of the host's. It makes no difference to what they are given:
// paths of sandboxes, ports and process numbers are the same inside and outside. A nil Tree is the host.
type Tree struct{ dir string }

// NewTree returns the tree of a name that tests/trees.sh knows, such as "trixie-cyrus", and makes it when it is not there.
// For "" and for the release that the test runs on it returns nil.
func NewTree(t T, name string) *Tree {
	t.Helper()
	if name == "" || name == Release() {
		return nil
	}
	dir, err := makeTree(name)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return &Tree{dir: dir}
}

// Release returns the name of the Debian release that the test runs on, such as "bookworm"; "" when it has none.
func Release() string {
	data, err := os.ReadFile("/etc/os-release") // os-release(5)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(data)) {
		if name, ok := strings.CutPrefix(line, "VERSION_CODENAME="); ok {
			return strings.TrimSpace(name)
		}
	}
	return ""
}

// Path returns where a file of the tree lies.
func (tree *Tree) Path(path string) string {
	if tree == nil {
		return path
	}
	return filepath.Join(tree.dir, path)
}

// Command returns a command that runs a program of the tree, by its name, or one of ours, by its path. The command's
// process is the program itself.
func (tree *Tree) Command(t T, program string, args ...string) *exec.Cmd {
	t.Helper()
	if !filepath.IsAbs(program) {
		program = tree.find(t, program)
	}
	if tree == nil {
		return exec.Command(program, args...)
	}
	enter, err := script("enter.sh")
	if err != nil {
		t.Fatalf("%v", err)
	}
	return exec.Command(enter, append([]string{tree.dir, program}, args...)...)
}

// find returns the path of a program as seen in the tree.
func (tree *Tree) find(t T, name string) string {
	t.Helper()
	if dist := os.Getenv(distVariable); dist != "" && dist != Release() {
		t.Fatalf("%s is %s, but this test runs on %s: its TestMain must call harness.Main", distVariable, dist, Release())
	}
	dirs := []string{"/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/lib/postfix/sbin", "/usr/lib/dovecot", "/usr/lib/cyrus/bin"}
	for _, dir := range dirs {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(tree.Path(path)); err == nil && !info.IsDir() {
			return path
		}
	}
	t.Fatalf("%s is not installed: make test installs what the tests need (looked in %s of %s)", name, strings.Join(dirs, " "), tree.Path("/"))
	return ""
}

// Account returns the numbers of a user of the tree, and of the user's first group.
func (tree *Tree) Account(t T, name string) (uid, gid int) {
	t.Helper()
	file, err := os.Open(tree.Path("/etc/passwd"))
	if err != nil {
		t.Fatalf("looking for user %s: %v", name, err)
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		f := strings.Split(lines.Text(), ":") // passwd(5)
		if f[0] != name || len(f) < 4 {
			continue
		}
		uid, uidErr := strconv.Atoi(f[2])
		gid, gidErr := strconv.Atoi(f[3])
		if err := errors.Join(uidErr, gidErr); err != nil {
			t.Fatalf("%s: user %s: %v", file.Name(), name, err)
		}
		return uid, gid
	}
	t.Fatalf("%s: there is no user %s", file.Name(), name)
	return 0, 0
}

// enter starts this program anew in the tree of the release that DIST names, in the same process. It returns when the
// program runs on that release.
func enter() error {
	dist, release := os.Getenv(distVariable), Release()
	if dist == "" || dist == release {
		return nil
	}
	if tree := os.Getenv(treeVariable); tree != "" {
		return fmt.Errorf("%s is %s, but the tree %s is %s", distVariable, dist, tree, release)
	}
	tree, err := makeTree(dist)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	enter, err := script("enter.sh")
	if err != nil {
		return err
	}
	err = syscall.Exec(enter, append([]string{enter, tree, self}, os.Args[1:]...), os.Environ())
	return fmt.Errorf("entering %s: %w", tree, err)
}

// makeTree has a tree made unless it is there, and returns its folder.
func makeTree(name string) (dir string, err error) {
	program, err := script("trees.sh")
	if err != nil {
		return "", err
	}
	cmd := exec.Command(program, name)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("making the tree %s: %w", name, err)
	}
	return strings.TrimSpace(string(out)), nil
}

// script returns the path of a script of the folder tests, which lies above where tests run, or in it.
func script(name string) (string, error) {
	dir, err := os.Getwd()
	for err == nil {
		path := filepath.Join(dir, "tests", name)
		if _, err = os.Stat(path); err == nil || !errors.Is(err, fs.ErrNotExist) || dir == "/" {
			return path, err
		}
		dir, err = filepath.Dir(dir), nil
	}
	return "", err
}
