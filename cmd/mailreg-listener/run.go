package main

import (
	"context"
	"errors"
	"log/slog"

	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sync/errgroup"

	"github.com/mailreg/mailreg/handlers/mailbox"
	"github.com/mailreg/mailreg/listener/control/server"
	"github.com/mailreg/mailreg/registry"
)

// run is the daemon from its start to its end: settings, store, what asks the directory, what acts on changes, the
// control socket; then all of it at once until ctx ends.
func run(ctx context.Context, opts options, logger *slog.Logger) (err error) {
	p := &parts{root: opts.root, reg: registry.Open(opts.root), logger: logger}
	defer func() { err = p.close(err) }()
	for _, prepare := range []func(context.Context) error{
		p.readSettings, p.openStore, p.findDirectory, p.makeTransfer, p.makeListener, p.listen,
	} {
		if err := prepare(ctx); err != nil {
			return err
		}
	}
	return p.serve(ctx)
}

// serve does everything at once until ctx ends or one of it fails.
func (p *parts) serve(ctx context.Context) error {
	tasks, ctx := errgroup.WithContext(ctx)
	tasks.Go(func() error { return server.Serve(ctx, p.socket, p.listener, p.logger) })
	tasks.Go(func() error { return p.listener.Run(ctx) })
	if !p.set.staging { // else no session is ended, trash is not purged, and edits are not committed
		tasks.Go(func() error { return p.mailboxes.Run(ctx) })
		tasks.Go(func() error { return p.transfers.Run(ctx) })
		tasks.Go(func() error { return p.accounts.Run(ctx) })
		tasks.Go(func() error { return p.edits.Run(ctx) })
		tasks.Go(func() error { return p.keepArchive(ctx) })
		if p.fetching != nil {
			tasks.Go(func() error { return p.fetching.Run(ctx) })
		}
	}
	tasks.Go(func() error { return p.outlook.Run(ctx) })
	tasks.Go(func() error { return p.notices.Run(ctx) })
	tasks.Go(func() error { return p.state.Run(ctx) })
	tasks.Go(func() error { return p.state.Watch(ctx) })
	tasks.Go(func() error { return feedWatchdog(ctx, p.listener.Alive) })
	tasks.Go(func() error { return announce(ctx, p.listener.Ready(), p.logger) })
	return tasks.Wait()
}

// checkSettings reads what the daemon needs to start, and refuses to work on a spool that is laid out otherwise.
func checkSettings(reg *registry.Registry, root string) (settings, error) {
	view, err := reg.View()
	if err != nil {
		return settings{}, settingsError{err}
	}
	set, err := readSettings(view)
	if err != nil {
		return settings{}, err
	}
	set.listen = listenAddress(view, root)
	if err := mailbox.Check(root, view); err != nil {
		return settings{}, settingsError{err}
	}
	return set, nil
}

// recoverRegistry finishes a commit that was interrupted. A service action that fails again stays pending and keeps
// nothing from starting.
func recoverRegistry(ctx context.Context, reg *registry.Registry, logger *slog.Logger) error {
	outcome, err := reg.Recover(ctx)
	for _, warning := range outcome.Warnings {
		logger.Warn(warning, "op", "recover")
	}
	if errors.Is(err, registry.ErrPending) {
		logger.Warn("a service action stays pending", "op", "recover", "err", err)
		return nil
	}
	return err
}

// announce tells systemd when the daemon serves and when it begins to stop.
func announce(ctx context.Context, ready <-chan struct{}, logger *slog.Logger) error {
	select {
	case <-ready:
	case <-ctx.Done():
		return nil
	}
	logger.Info("serving", "op", "start")
	if err := notify(daemon.SdNotifyReady); err != nil {
		return err
	}
	<-ctx.Done()
	logger.Info("stopping", "op", "stop")
	return notify(daemon.SdNotifyStopping)
}
