package stage_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/mailreg/mailreg/registry/stage"
	"github.com/mailreg/mailreg/registry/swap"
)

func TestCopyAndLay(t *testing.T) {
	src, dst := t.TempDir(), filepath.Join(t.TempDir(), "stage")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	etc := filepath.Join(src, "etc")
	must(os.MkdirAll(filepath.Join(etc, "conf.d"), 0o755))
	must(os.WriteFile(filepath.Join(etc, "main"), []byte("main"), 0o644))
	must(os.WriteFile(filepath.Join(etc, "conf.d/part"), []byte("part"), 0o640))
	must(os.WriteFile(filepath.Join(src, "outside"), []byte("outside"), 0o644))
	must(os.Symlink("main", filepath.Join(etc, "inner")))
	must(os.Symlink("../outside", filepath.Join(etc, "outer")))
	must(syscall.Mkfifo(filepath.Join(etc, "fifo"), 0o600))

	to := filepath.Join(dst, "etc")
	must(stage.Copy(etc, to))
	must(stage.Lay(dst, "/etc/main", swap.File{Data: []byte("new"), Mode: 0o440}))
	must(stage.Lay(dst, "/etc/conf.d/part", swap.File{Remove: true}))
	must(stage.Lay(dst, "/elsewhere/new", swap.File{Data: []byte("x"), Mode: 0o644}))
	for path, want := range map[string]string{"etc/main": "new", "etc/inner": "new", "etc/outer": "outside", "elsewhere/new": "x"} {
		if data, err := os.ReadFile(filepath.Join(dst, path)); err != nil || string(data) != want {
			t.Errorf("%s: %q, %v", path, data, err)
		}
	}
	for _, path := range []string{"etc/conf.d/part", "etc/fifo"} {
		if _, err := os.Lstat(filepath.Join(dst, path)); err == nil {
			t.Errorf("%s is there", path)
		}
	}
	if data, _ := os.ReadFile(filepath.Join(etc, "main")); string(data) != "main" {
		t.Errorf("the original has changed: %q", data)
	}
	must(stage.Copy(filepath.Join(src, "missing"), filepath.Join(dst, "empty")))
}
