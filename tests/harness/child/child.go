// Package child makes the program of a test a daemon as well: one with handlers, sources and faults that the test chooses, in
// a process of its own, so that it can be killed.
package child

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/cenkalti/backoff/v5"
	"golang.org/x/sync/errgroup"

	"github.com/mailreg/mailreg/listener"
	"github.com/mailreg/mailreg/listener/connect"
	"github.com/mailreg/mailreg/listener/control/server"
	"github.com/mailreg/mailreg/listener/probe"
	"github.com/mailreg/mailreg/listener/store"
	"github.com/mailreg/mailreg/listener/syncrepl"
	"github.com/mailreg/mailreg/registry"
	"github.com/mailreg/mailreg/schema"
	"github.com/mailreg/mailreg/tests/harness"
)

// Flag, as the first argument, makes the test's program the daemon; harness.StandIn gives it, and the root behind it.
const Flag = "listener-of-the-test"

// Main is the whole TestMain of a package whose program is a daemon as well: run, until SIGTERM, on the files below root.
func Main(m interface{ Run() int }, run func(ctx context.Context, root string) error) {
	if len(os.Args) != 4 || os.Args[1] != Flag {
		harness.Main(m)
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[3]); err != nil {
		panic(err) // ends in the daemon's log, and with an exit code that says so
	}
}

// Parts are what cmd/mailreg-listener makes a listener of, as the settings below a root say.
type Parts struct {
	Root     string
	Registry *registry.Registry
	View     *registry.View
	Source   *syncrepl.Source
	Probe    *probe.Probe
	Logger   *slog.Logger

	state *store.Store
	scope schema.Scope
	url   string
}

// Open makes the parts; Close closes them.
func Open(root string, logger *slog.Logger) (*Parts, error) {
	p := &Parts{Root: root, Registry: registry.Open(root), Logger: logger}
	var err error
	if p.View, err = p.Registry.View(); err != nil {
		return nil, err
	}
	p.scope = schema.Scope{Base: p.View.String("ldap/base"), Host: p.View.String("ldap/hostdn")}
	directory, attributes := connect.FromSettings(p.View, true), p.scope.Attributes()
	p.url = directory.URLs[0]
	if p.Source, err = syncrepl.New(syncrepl.Config{Server: directory, Base: p.scope.Base, Filter: p.scope.Filter(), Attributes: attributes, Logger: logger}); err != nil {
		return nil, err
	}
	if p.Probe, err = probe.New(probe.Config{Server: directory, Base: p.scope.Base, Attributes: attributes, URL: p.Source.URL}); err != nil {
		return nil, err
	}
	p.state, err = store.Open(filepath.Join(root, "var/lib/mailreg/listener.db"))
	return p, err
}

// Close closes what Open has opened.
func (p *Parts) Close() error { return errors.Join(p.Probe.Close(), p.state.Close()) }

// Config is that of the listener, without handlers, with short pauses and without a brake.
func (p *Parts) Config(handlers ...listener.Handler) listener.Config {
	return listener.Config{
		Store: p.state, Source: p.Source, Probe: p.Probe, Handlers: handlers,
		Fingerprint: fmt.Sprint(p.scope), Kind: "syncrepl", URL: p.url, InFilter: p.scope.Selects,
		Guard:   func() (int, int) { return 0, 0 },
		Backoff: func() backoff.BackOff { return backoff.NewConstantBackOff(5 * time.Millisecond) },
		Logger:  p.Logger,
	}
}

// Serve runs a listener, its control socket and whatever else there is to run, until the context ends or one of them fails.
func (p *Parts) Serve(ctx context.Context, l *listener.Listener, more ...func(context.Context) error) error {
	socket, err := server.Listen(filepath.Join(p.Root, "run/mailreg/control.sock"))
	if err != nil {
		return err
	}
	tasks, ctx := errgroup.WithContext(ctx)
	tasks.Go(func() error { return server.Serve(ctx, socket, l, p.Logger) })
	tasks.Go(func() error { return l.Run(ctx) })
	for _, task := range more {
		tasks.Go(func() error { return task(ctx) })
	}
	return tasks.Wait()
}
