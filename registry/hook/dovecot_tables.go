package hook

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// tables is where the listener writes what Dovecot reads besides the directory.
const tables = "/var/lib/mailreg/dovecot"

// tableName finds the names of tables in Dovecot's configuration; those with a variable, and those in folders, may be missing.
var tableName = sync.OnceValue(compile(`/var/lib/mailreg/dovecot/([a-z][a-z-]*)(?:["\s]|$)`))

// Provide makes empty tables where the configuration names some that the listener, which has not run yet or may touch
// nothing (mailreg/mode), has not written: without them Dovecot lets nobody in.
func (d *Dovecot) Provide() error {
	text, err := os.ReadFile(d.config())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, match := range tableName().FindAllSubmatch(text, -1) {
		if err := provide(filepath.Join(d.root, tables), string(match[1])); err != nil {
			return fmt.Errorf("making the table %s for Dovecot: %w", match[1], err)
		}
	}
	return nil
}

// provide makes an empty file that everybody may read, in a folder that Dovecot gets through to, unless there is one.
func provide(dir, name string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, dir := range []string{dir, filepath.Dir(dir)} {
		info, err := os.Stat(dir)
		if err != nil {
			return err
		}
		if mode := info.Mode().Perm(); mode&0o011 != 0o011 {
			if err := os.Chmod(dir, mode|0o011); err != nil {
				return err
			}
		}
	}
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(f.Chmod(0o644), f.Close())
}
