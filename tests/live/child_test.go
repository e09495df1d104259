package live

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"

	"github.com/mailreg/mailreg/handlers/backend/dovecot"
	"github.com/mailreg/mailreg/handlers/mailbox"
	"github.com/mailreg/mailreg/listener"
	"github.com/mailreg/mailreg/tests/harness/child"
)

// fuse kills the process before a change of the disk: that whose number the file "die" below the root holds.
type fuse struct {
	root string

	mu sync.Mutex
	// count is the number of changes since the file appeared, guarded by mu.
	count int
}

func (f *fuse) change(string, string) error {
	text, err := os.ReadFile(filepath.Join(f.root, "die"))
	if err != nil {
		return nil // it is to live
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count++
	if number, err := strconv.Atoi(string(bytes.TrimSpace(text))); err != nil || f.count < number {
		return err
	}
	if err := os.Rename(filepath.Join(f.root, "die"), filepath.Join(f.root, "died")); err != nil {
		panic(err)
	}
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

// runChild is cmd/mailreg-listener with the mailbox handler alone, on a spool with a fuse.
func runChild(ctx context.Context, root string) (err error) {
	parts, err := child.Open(root, slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, parts.Close()) }()
	cfg := mailbox.SpoolConfig(root, parts.View, parts.Logger)
	cfg.Fault = (&fuse{root: root}).change
	spool, err := dovecot.Open(cfg)
	if err != nil {
		return err
	}
	mailboxes := mailbox.New(mailbox.Config{Root: root, View: parts.Registry.View, Logger: parts.Logger, Backend: spool})
	l, err := listener.New(parts.Config(mailboxes))
	if err != nil {
		return err
	}
	return parts.Serve(ctx, l, mailboxes.Run)
}
