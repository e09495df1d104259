package harness

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-cmp/cmp"
)

// Expect runs mailreg and compares exit code, standard output and a part of standard error, which is to be empty for "".
func (m *Mailreg) Expect(code int, stdout, stderr string, args ...string) {
	m.t.Helper()
	r := m.Run(args...)
	if r.Code != code || r.Stdout != stdout || !strings.Contains(r.Stderr, stderr) || stderr == "" && r.Stderr != "" {
		m.t.Errorf("mailreg %s: %s\nwant exit %d, %q, ...%s...", strings.Join(args, " "), r, code, stdout, stderr)
	}
}

// Refused runs mailreg with what must fail, for a reason that stderr is a part of, and change no byte of what it writes.
func (m *Mailreg) Refused(stderr string, args ...string) {
	m.t.Helper()
	before := m.Written()
	m.Expect(1, "", stderr, args...)
	if diff := cmp.Diff(before, m.Written()); diff != "" {
		m.t.Errorf("mailreg %s has changed files:\n%s", strings.Join(args, " "), diff)
	}
}

// Written returns mode, time and hash of each file below etc and var/lib/mailreg of the root, by its path.
func (m *Mailreg) Written() map[string]string {
	m.t.Helper()
	files := map[string]string{}
	for _, dir := range []string{"etc", "var/lib/mailreg"} {
		err := filepath.WalkDir(filepath.Join(m.sandbox.Root(), dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			data, err := os.ReadFile(path)
			info, _ := d.Info()
			files[path] = fmt.Sprintf("%s %s %x", info.Mode(), info.ModTime(), sha256.Sum256(data))
			return err
		})
		if err != nil {
			m.t.Fatalf("reading what is below the root: %v", err)
		}
	}
	return files
}
