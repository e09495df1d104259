package fetchmail

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/mailreg/mailreg/registry/swap"
	"github.com/mailreg/mailreg/schema"
)

// Spool keeps the boxes of a host.
type Spool struct{ dir string }

// Open returns the spool of a root. It need not exist.
func Open(root string) Spool {
	return Spool{filepath.Join("/", root, "var/lib/mailreg/fetchmail")}
}

// The endings of files of a user.
const (
	boxEnd  = ".json"
	lastEnd = ".last"
)

func (s Spool) path(uuid schema.UUID, end string) string {
	return filepath.Join(s.dir, uuid.String()+end)
}

// Result is how a poll ended.
type Result struct {
	Time time.Time `json:"time"`
	// Failed are the mailboxes that could not be fetched, with the reason.
	Failed []string `json:"failed,omitempty"`
}

// Read returns the box of a user; found is false when there is none.
func (s Spool) Read(uuid schema.UUID) (b Box, found bool, err error) {
	found, err = s.read(s.path(uuid, boxEnd), &b)
	if err != nil {
		return Box{}, false, fmt.Errorf("reading what is fetched for %s: %w", uuid, err)
	}
	b.UUID = uuid
	return b, found, nil
}

// Last returns how the last poll for a user ended; its zero value says that there was none.
func (s Spool) Last(uuid schema.UUID) (r Result, err error) {
	_, err = s.read(s.path(uuid, lastEnd), &r)
	return r, err
}

func (s Spool) read(path string, v any) (found bool, err error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err == nil {
		err = json.Unmarshal(data, v)
	}
	return err == nil, err
}

// Write replaces the box of a user.
func (s Spool) Write(b Box) error {
	if err := s.write(s.path(b.UUID, boxEnd), b); err != nil {
		return fmt.Errorf("writing what is fetched for %s: %w", b.UUID, err)
	}
	return nil
}

// note keeps how a poll ended.
func (s Spool) note(uuid schema.UUID, r Result) error { return s.write(s.path(uuid, lastEnd), r) }

func (s Spool) write(path string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	if err := s.make(); err != nil {
		return err
	}
	return swap.Write(swap.File{Path: path, Data: append(data, '\n'), Mode: 0o600, UID: os.Geteuid(), GID: os.Getegid()})
}

// make makes the folder. Fetchmail, which is not root, must get through to its own below it.
func (s Spool) make() error {
	if err := os.MkdirAll(s.dir, 0o711); err != nil {
		return err
	}
	for _, dir := range []string{s.dir, filepath.Dir(s.dir)} {
		info, err := os.Stat(dir)
		if err != nil {
			return err
		}
		if mode := info.Mode().Perm(); mode&0o001 == 0 {
			if err := os.Chmod(dir, mode|0o001); err != nil {
				return err
			}
		}
	}
	return nil
}

// Remove takes away all that is kept for a user, the box first.
func (s Spool) Remove(uuid schema.UUID) error {
	for _, end := range []string{boxEnd, lastEnd, ""} {
		if err := os.RemoveAll(s.path(uuid, end)); err != nil {
			return fmt.Errorf("removing what is fetched for %s: %w", uuid, err)
		}
	}
	return nil
}

// Users returns who has a box.
func (s Spool) Users() ([]schema.UUID, error) {
	entries, err := os.ReadDir(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing what is fetched: %w", err)
	}
	var users []schema.UUID
	for _, entry := range entries {
		name, is := strings.CutSuffix(entry.Name(), boxEnd)
		if uuid, err := schema.ParseUUID(name); is && err == nil {
			users = append(users, uuid)
		}
	}
	return users, nil
}

// Clear removes the whole spool: mail is not fetched here any more, and nobody needs the passwords.
func (s Spool) Clear() error { return os.RemoveAll(s.dir) }
