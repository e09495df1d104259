package model_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/mailreg/mailreg/handlers/mailbox"
	"github.com/mailreg/mailreg/listener"
	"github.com/mailreg/mailreg/tests/harness/child"
)

// runChild is the daemon of the model: that of cmd/mailreg-listener with the mailbox handler and a journal, which die, fail
// and live in another time when files below the root say so, and with short pauses.
func runChild(ctx context.Context, root string) (err error) {
	parts, l, err := newChild(root, slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, parts.Close()) }()
	return parts.Serve(ctx, l)
}

// newChild returns the listener of the child, with further handlers, and what it is made of, which is to be closed.
func newChild(root string, logger *slog.Logger, more ...listener.Handler) (*child.Parts, *listener.Listener, error) {
	parts, err := child.Open(root, logger)
	if err != nil {
		return nil, nil, err
	}
	f := faults{root: root, fuse: &fuse{}}
	mailboxes := mailbox.New(mailbox.Config{Root: root, View: parts.Registry.View, Logger: logger, Now: f.now})
	config := parts.Config(&mortalMailbox{mailboxes, f}, &journal{dir: filepath.Join(root, "journal"), f: f})
	config.Handlers = append(config.Handlers, more...)
	config.Source, config.Probe = mortalSource{parts.Source, f}, mortalProbe{parts.Probe, f}
	config.Guard = func() (int, int) {
		view, err := parts.Registry.View()
		if err != nil {
			return 20, 5
		}
		return int(view.Int("mailreg/guard/count")), 0
	}
	config.Attempts = 1 << 20 // failures end when the story says so
	config.Now, config.Observer = f.now, mortalObserver{f}
	l, err := listener.New(config)
	if err != nil {
		err = errors.Join(err, parts.Close())
	}
	return parts, l, err
}
