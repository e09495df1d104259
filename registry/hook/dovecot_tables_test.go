package hook

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestProvide(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, tables)
	conf := "args = " + dir + "/blocked\n  passwd_file_path = \"" + dir + "/groups\"\nargs = " + dir + "/moving-%s\n" +
		"path = " + dir + "/shared/boxes\nacl = vfile:" + dir + "/acl\n"
	err := errors.Join(
		os.MkdirAll(filepath.Join(root, "etc/dovecot"), 0o755), os.WriteFile(filepath.Join(root, "etc/dovecot/dovecot.conf"), []byte(conf), 0o644),
		os.MkdirAll(filepath.Dir(dir), 0o750),
	)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := NewDovecot(root).Provide(); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "acl"), []byte("kept\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	names, err := filepath.Glob(dir + "/*")
	if err != nil || len(names) != 3 {
		t.Errorf("tables %q, %v", names, err)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "acl")); err != nil || string(text) != "kept\n" {
		t.Errorf("the table acl has %q, %v", text, err)
	}
	if info, err := os.Stat(filepath.Dir(dir)); err != nil || info.Mode().Perm() != 0o751 {
		t.Errorf("the folder above is %v, %v", info, err)
	}
	if err := NewDovecot(t.TempDir()).Provide(); err != nil {
		t.Error(err)
	}
}
