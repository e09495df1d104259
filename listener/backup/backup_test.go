package backup_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/mailreg/mailreg/listener/backup"
)

// disk is a store whose copies are empty files.
type disk struct{}

func (disk) Backup(_ context.Context, path string) error { return os.WriteFile(path, nil, 0o600) }
func (disk) Check(context.Context) error                 { return nil }

// The clock is set back by a year: the copies of the future count as the oldest ones, and push nothing out.
func TestClockSetBack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "backup")
	now := time.Date(2027, 11, 24, 12, 0, 0, 0, time.UTC)
	k := backup.New(backup.Config{
		Store: disk{}, Dir: func() string { return dir }, Keep: func() int { return 2 },
		Now: func() time.Time { return now }, Logger: slog.New(slog.DiscardHandler),
	})
	var made []string
	for _, at := range []time.Duration{0, time.Hour, -365 * 24 * time.Hour, -364 * 24 * time.Hour} {
		now = time.Date(2027, 11, 24, 12, 0, 0, 0, time.UTC).Add(at)
		path, err := k.Make(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if files := backup.Files(dir, now); files[0] != path || len(files) > 2 {
			t.Errorf("after %s: %q, newest %s", at, files, path)
		}
		made = append(made, path)
	}
	if files := backup.Files(dir, now); !slices.Equal(files, []string{made[3], made[2]}) {
		t.Errorf("kept %q of %q", files, made)
	}
}

// What a copy that was cut short has left is removed by the next one.
func TestRemainsOfCopies(t *testing.T) {
	dir := t.TempDir()
	left := filepath.Join(dir, ".store-1")
	if err := os.WriteFile(left, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	k := backup.New(backup.Config{
		Store: disk{}, Dir: func() string { return dir }, Keep: func() int { return 1 }, Logger: slog.New(slog.DiscardHandler),
	})
	if _, err := k.Make(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); !os.IsNotExist(err) {
		t.Errorf("left: %v", err)
	}
}
