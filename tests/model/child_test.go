package model_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/cenkalti/backoff/v5"
	"golang.org/x/sync/errgroup"

	"github.com/mailreg/mailreg/handlers/mailbox"
	"github.com/mailreg/mailreg/listener"
	"github.com/mailreg/mailreg/listener/connect"
	"github.com/mailreg/mailreg/listener/control/server"
	"github.com/mailreg/mailreg/listener/probe"
	"github.com/mailreg/mailreg/listener/store"
	"github.com/mailreg/mailreg/listener/syncrepl"
	"github.com/mailreg/mailreg/registry"
	"github.com/mailreg/mailreg/schema"
)

// runChild is the daemon of the model: that of cmd/mailreg-listener with the mailbox handler and a journal, which die, fail
// and live in another time when files below the root say so, and with short pauses. It is a process of its own so that it
// can be killed.
func runChild(ctx context.Context, root string) (err error) {
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	l, end, err := newChild(root, logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, end()) }()
	socket, err := server.Listen(filepath.Join(root, "run/mailreg/control.sock"))
	if err != nil {
		return err
	}
	tasks, ctx := errgroup.WithContext(ctx)
	tasks.Go(func() error { return server.Serve(ctx, socket, l, logger) })
	tasks.Go(func() error { return l.Run(ctx) })
	return tasks.Wait()
}

// newChild returns the listener of the child, and a function that closes what it works with, with further handlers.
func newChild(root string, logger *slog.Logger, more ...listener.Handler) (l *listener.Listener, end func() error, err error) {
	reg := registry.Open(root)
	view, err := reg.View()
	if err != nil {
		return nil, nil, err
	}
	f := faults{root: root, fuse: &fuse{}}
	scope := schema.Scope{Base: view.String("ldap/base"), Host: view.String("ldap/hostdn")}
	directory := connect.FromSettings(view, true)
	source, err := syncrepl.New(syncrepl.Config{Server: directory, Base: scope.Base, Filter: scope.Filter(), Attributes: scope.Attributes(), Logger: logger})
	if err != nil {
		return nil, nil, err
	}
	asker, err := probe.New(probe.Config{Server: directory, Base: scope.Base, Attributes: scope.Attributes(), URL: source.URL})
	if err != nil {
		return nil, nil, err
	}
	state, err := store.Open(filepath.Join(root, "var/lib/mailreg/listener.db"))
	if err != nil {
		return nil, nil, err
	}
	end = func() error { return errors.Join(asker.Close(), state.Close()) }
	mailboxes := mailbox.New(mailbox.Config{Root: root, View: reg.View, Logger: logger, Now: f.now})
	handlers := []listener.Handler{&mortalMailbox{mailboxes, f}, &journal{dir: filepath.Join(root, "journal"), f: f}}
	l, err = listener.New(listener.Config{
		Store: state, Source: mortalSource{source, f}, Probe: mortalProbe{asker, f},
		Handlers:    append(handlers, more...),
		Fingerprint: fmt.Sprint(scope), Kind: "syncrepl", URL: directory.URLs[0], InFilter: scope.Selects,
		Guard: func() (int, int) {
			view, err := reg.View()
			if err != nil {
				return 20, 5
			}
			return int(view.Int("mailreg/guard/count")), 0
		},
		Backoff:  func() backoff.BackOff { return backoff.NewConstantBackOff(5 * time.Millisecond) },
		Attempts: 1 << 20, // failures end when the story says so
		Now:      f.now, Logger: logger, Observer: mortalObserver{f},
	})
	if err != nil {
		err = errors.Join(err, end())
	}
	return l, end, err
}
