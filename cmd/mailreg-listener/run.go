package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sync/errgroup"

	"github.com/mailreg/mailreg/handlers/domain"
	"github.com/mailreg/mailreg/handlers/mailbox"
	"github.com/mailreg/mailreg/handlers/policy"
	"github.com/mailreg/mailreg/listener"
	"github.com/mailreg/mailreg/listener/advice"
	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/listener/control/server"
	"github.com/mailreg/mailreg/listener/notice"
	"github.com/mailreg/mailreg/listener/probe"
	"github.com/mailreg/mailreg/listener/provider"
	"github.com/mailreg/mailreg/registry"
	"github.com/mailreg/mailreg/registry/watch"
	"github.com/mailreg/mailreg/schema"
)

// run is the daemon from its start to its end: settings, store, what follows the directory, what acts on changes, the
// control socket; then all of it at once until ctx ends.
func run(ctx context.Context, opts options, logger *slog.Logger) (err error) {
	reg := registry.Open(opts.root)
	set, err := checkSettings(reg, opts.root)
	if err != nil {
		return err
	}
	if !set.staging {
		if err := recoverRegistry(ctx, reg, logger); err != nil {
			return err
		}
	}
	site, err := loadSite(opts.root, logger)
	if err != nil {
		return err
	}
	site.widen(&set.scope)

	state, err := openStore(ctx, opts.root, reg, logger)
	if err != nil {
		return err
	}
	defer func() { err = state.close(err) }()

	source, err := newSource(set, site, logger)
	if err != nil {
		return err
	}
	asker, err := probe.New(probe.Config{
		Server: set.server, Base: set.scope.Base, Attributes: set.scope.Attributes(), URL: source.URL,
		Profile: set.profile, Identity: source.Identity, Filter: set.scope.Filter(),
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, asker.Close()) }()

	mailboxes := mailbox.New(mailbox.Config{Root: opts.root, View: reg.View, Logger: logger})
	domains := domain.New(domain.Config{Registry: reg, Logger: logger})
	policies := policy.New(policy.Config{Registry: reg, Scope: set.scope, Logger: logger})
	edits := watch.New(watch.Config{Registry: reg, Logger: logger})
	outlook := newOutlook(reg, set, logger)
	var notices *notice.Watch
	l, err := listener.New(listener.Config{
		Store:       state.Store,
		Source:      source,
		Probe:       asker,
		Handlers:    append([]listener.Handler{mailboxes, domains, policies}, site.handlers...),
		Fingerprint: fingerprint(set),
		Kind:        string(set.source),
		URL:         set.server.URLs[0],
		InFilter:    set.scope.Selects,
		Guard:       guard(reg),
		ReadyLag:    readyLag(reg),
		Audit:       auditSchedule(reg),
		Liveness:    livenessLimits(reg),
		Notes: func() []string {
			return slices.Concat(set.server.Memory.Notes(), site.notes, state.Notes(), edits.Notes(), policies.Notes(),
				outlook.Notes(), notices.Notes())
		},
		Staging: set.staging,
		Advise: func(ctx context.Context) ([]control.Advice, error) {
			return advice.Examine(ctx, advice.Config{
				Server: set.server, Base: set.scope.Base, Filter: set.scope.Filter(), URL: source.URL,
			})
		},
		Timeout: handlerTimeout(reg),
		// Long enough to gather what a person changes at one go, too short to be noticed.
		FlushQuiet: 100 * time.Millisecond,
		Observer:   outlook,
		Backup:     state.Make,
		Logger:     logger,
	})
	if err != nil {
		return err
	}
	outlook.of = l
	notices = messenger{root: opts.root, host: set.host, view: reg.View}.watch(l, logger)
	socket, err := server.Listen(filepath.Join(opts.root, "run/mailreg/control.sock"))
	if err != nil {
		return err
	}

	tasks, ctx := errgroup.WithContext(ctx)
	tasks.Go(func() error { return server.Serve(ctx, socket, l, logger) })
	tasks.Go(func() error { return l.Run(ctx) })
	if !set.staging { // else trash is not purged, and edits are not committed
		tasks.Go(func() error { return mailboxes.Run(ctx) })
		tasks.Go(func() error { return edits.Run(ctx) })
	}
	tasks.Go(func() error { return outlook.Run(ctx) })
	tasks.Go(func() error { return notices.Run(ctx) })
	tasks.Go(func() error { return state.Run(ctx) })
	tasks.Go(func() error { return feedWatchdog(ctx, l.Alive) })
	tasks.Go(func() error { return announce(ctx, l.Ready(), logger) })
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

// newSource returns what follows the directory.
func newSource(set settings, site site, logger *slog.Logger) (*provider.Source, error) {
	return provider.New(provider.Config{
		Server: set.server, Base: set.scope.Base, Filter: set.scope.Filter(), Selects: site.selects(set.scope),
		Attributes: set.scope.Attributes(), Profile: set.profile, Kind: set.source, Homes: set.homes, Interval: set.interval,
		Compare: set.compare, Logger: logger,
	})
}

// fingerprint is all that a cookie depends on, but for what the source knows: the address of the server, the kind of its
// cookies, and what identifies entries.
func fingerprint(set settings) string {
	return fmt.Sprintf("base=%q scope=sub filter=%q attributes=%q bind=%q", set.scope.Base, set.profile.Filter(set.scope.Filter()),
		strings.Join(set.profile.Attributes(set.scope.Attributes(), schema.EntryUUID), ","), set.server.Identity())
}

// guard reads the limits of the brake anew for each question; unreadable settings brake as the defaults do.
func guard(reg *registry.Registry) func() (int, int) {
	return func() (count, percent int) {
		view, err := reg.View()
		if err != nil && view == nil {
			return 20, 5
		}
		return int(view.Int("mailreg/guard/count")), int(view.Int("mailreg/guard/percent"))
	}
}

// readyLag reads mailreg/ready/lag anew for each question.
func readyLag(reg *registry.Registry) func() time.Duration {
	return func() time.Duration {
		view, err := reg.View()
		if err != nil && view == nil {
			return time.Minute
		}
		return view.Duration("mailreg/ready/lag")
	}
}

// handlerTimeout reads mailreg/handler/timeout anew for each call; one that is none does not cut calls off.
func handlerTimeout(reg *registry.Registry) func() time.Duration {
	return func() time.Duration {
		view, err := reg.View()
		if err != nil && view == nil {
			return 10 * time.Minute
		}
		return max(view.Duration("mailreg/handler/timeout"), time.Second)
	}
}
