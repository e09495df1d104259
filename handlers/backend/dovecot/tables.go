package dovecot

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Tables are passwd-files of Dovecot (its userdb and passdb driver passwd-file) by which the daemon tells it of users what
// the directory does not say. They work while the daemon is down. They lie in var/lib/mailreg/dovecot below the root, where
// everybody may read them: there are no secrets in them.
type Tables struct{ dir string }

// NewTables returns the tables of a root.
func NewTables(root string) *Tables {
	return &Tables{dir: filepath.Join("/", root, "var/lib/mailreg/dovecot")}
}

// Write replaces a table by these lines, when it differs. Without lines the table is removed, unless it is one that
// Dovecot misses when it is not there: that is kept as an empty file.
func (t *Tables) Write(name string, lines []string, keep bool) (changed bool, err error) {
	path := filepath.Join(t.dir, name)
	if err := t.make(); err != nil {
		return false, fmt.Errorf("writing the table %s: %w", name, err)
	}
	before, err := os.ReadFile(path)
	there := err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("reading the table %s: %w", name, err)
	}
	var text bytes.Buffer
	for _, line := range lines {
		text.WriteString(line + "\n")
	}
	switch {
	case text.Len() == 0 && !keep && !there, there && bytes.Equal(before, text.Bytes()):
		return false, nil
	case text.Len() == 0 && !keep:
		err = os.Remove(path)
	default:
		err = t.replace(path, text.Bytes())
	}
	if err != nil {
		return false, fmt.Errorf("writing the table %s: %w", name, err)
	}
	return true, nil
}

// make makes the directory. The authentication service of Dovecot, which is not root, must get through to it.
func (t *Tables) make() error {
	if err := os.MkdirAll(t.dir, 0o755); err != nil {
		return err
	}
	for _, dir := range []string{t.dir, filepath.Dir(t.dir)} {
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
	return os.Chmod(t.dir, 0o755) // whatever the umask
}

// replace writes a table. Dovecot tells a new one by its size and by the second in which it was written: that must differ
// from the former one's also when both come about in one second.
func (t *Tables) replace(path string, text []byte) error {
	stamp := time.Now()
	if info, err := os.Stat(path); err == nil && !stamp.Truncate(time.Second).After(info.ModTime()) {
		stamp = info.ModTime().Truncate(time.Second).Add(time.Second)
	}
	temp := path + ".new"
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close(), os.Chtimes(temp, stamp, stamp))
	if err != nil {
		return err
	}
	if err := os.Rename(temp, path); err != nil {
		return err
	}
	return t.sync()
}

// sync brings the names of the tables to the disk.
func (t *Tables) sync() error {
	d, err := os.Open(t.dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Dovecot looks at a passwd-file at most once in each second of its clock. Lead is how long before the end of a second a
// table is best written, lag how long after it Dovecot is sure to look.
const (
	tableLead = 150 * time.Millisecond
	tableLag  = 25 * time.Millisecond
)

// BeforeTurn waits for the end of the running second, so that a table that is written next is seen at once.
func (t *Tables) BeforeTurn(ctx context.Context) error {
	now := time.Now()
	return pause(ctx, now.Truncate(time.Second).Add(time.Second-tableLead).Sub(now))
}

// AfterTurn waits until Dovecot looks at the tables that were written before. Flush comes after it: what was cached stands
// before every table.
func (t *Tables) AfterTurn(ctx context.Context) error {
	now := time.Now()
	return pause(ctx, now.Truncate(time.Second).Add(time.Second+tableLag).Sub(now))
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(max(0, d)):
		return nil
	}
}
