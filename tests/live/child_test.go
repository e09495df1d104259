package live

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/cenkalti/backoff/v5"
	"golang.org/x/sync/errgroup"

	"github.com/mailreg/mailreg/handlers/backend/dovecot"
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

// childFlag, as the first argument, makes the test's program a daemon that dies when it is told to.
const childFlag = "listener-that-dies"

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
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	reg := registry.Open(root)
	view, err := reg.View()
	if err != nil {
		return err
	}
	cfg := mailbox.SpoolConfig(root, view, logger)
	cfg.Fault = (&fuse{root: root}).change
	spool, err := dovecot.Open(cfg)
	if err != nil {
		return err
	}
	scope := schema.Scope{Base: view.String("ldap/base"), Host: view.String("ldap/hostdn")}
	directory := connect.FromSettings(view, true)
	source, err := syncrepl.New(syncrepl.Config{Server: directory, Base: scope.Base, Filter: scope.Filter(), Attributes: scope.Attributes(), Logger: logger})
	if err != nil {
		return err
	}
	asker, err := probe.New(probe.Config{Server: directory, Base: scope.Base, Attributes: scope.Attributes(), URL: source.URL})
	if err != nil {
		return err
	}
	state, err := store.Open(filepath.Join(root, "var/lib/mailreg/listener.db"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, asker.Close(), state.Close()) }()
	mailboxes := mailbox.New(mailbox.Config{Root: root, View: reg.View, Logger: logger, Backend: spool})
	l, err := listener.New(listener.Config{
		Store: state, Source: source, Probe: asker, Handlers: []listener.Handler{mailboxes},
		Fingerprint: fmt.Sprint(scope), Kind: "syncrepl", URL: directory.URLs[0], InFilter: scope.Selects,
		Guard:   func() (int, int) { return 0, 0 },
		Backoff: func() backoff.BackOff { return backoff.NewConstantBackOff(5 * time.Millisecond) },
		Logger:  logger,
	})
	if err != nil {
		return err
	}
	socket, err := server.Listen(filepath.Join(root, "run/mailreg/control.sock"))
	if err != nil {
		return err
	}
	tasks, ctx := errgroup.WithContext(ctx)
	tasks.Go(func() error { return server.Serve(ctx, socket, l, logger) })
	tasks.Go(func() error { return l.Run(ctx) })
	tasks.Go(func() error { return mailboxes.Run(ctx) })
	return tasks.Wait()
}
