// Package settings_test proves what the registry promises on real servers: all or nothing, values that stay values, and
// reloads that happen by themselves.
package settings_test

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mailreg/mailreg/tests/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// newHost makes a host whose files are rendered, with nothing running on them.
func newHost(t *testing.T) *harness.Host {
	t.Helper()
	return harness.NewHost(t, harness.HostConfig{NoDovecot: true, NoPostfix: true, NoListener: true})
}

// fingerprint returns mode and hash of each file below the root.
func fingerprint(t testing.TB, root string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		below, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		all[below] = info.Mode().String()
		if !d.Type().IsRegular() {
			return nil
		}
		data, err := os.ReadFile(path)
		all[below] += fmt.Sprintf(" %x", sha256.Sum256(data))
		return err
	})
	if err != nil {
		t.Fatalf("reading the root: %v", err)
	}
	return all
}

// unchanged runs something and demands that every file below the root is as before.
func unchanged(t *testing.T, host *harness.Host, run func()) {
	t.Helper()
	before := fingerprint(t, host.Root())
	run()
	if diff := cmp.Diff(before, fingerprint(t, host.Root())); diff != "" {
		t.Errorf("files below the root, -before +after:\n%s", diff)
	}
}
