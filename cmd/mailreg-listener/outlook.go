package main

import (
	"context"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/mailreg/mailreg/handlers/account"
	"github.com/mailreg/mailreg/listener"
	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/listener/metrics"
	"github.com/mailreg/mailreg/listener/page"
	"github.com/mailreg/mailreg/listener/web"
	"github.com/mailreg/mailreg/registry"
)

// outlook is what looks at the daemon from outside: metrics, health and the status page.
type outlook struct {
	*web.Web
	// Observer is what the listener is to tell.
	listener.Observer
	// of is the listener. It comes after the outlook, which it tells what happens.
	of *listener.Listener
	// counted are the metrics.
	counted *metrics.Metrics
}

// newOutlook returns an outlook that serves where mailreg/metrics/listen says at the start.
func newOutlook(reg *registry.Registry, set settings, logger *slog.Logger) *outlook {
	s := &outlook{}
	recent := &page.Recent{}
	counted := metrics.New(metrics.Config{
		Status: s.Status, Version: version(), Logger: logger,
		Moves:      func(ctx context.Context) ([]control.Move, error) { return s.of.Moves(ctx) },
		Generation: func() int64 { id, _ := generation(reg); return id },
	})
	s.Observer, s.counted = listener.Observers{recent, counted}, counted
	s.Web = web.New(web.Config{
		Listen: set.listen, Status: s.Status, Metrics: counted, Logger: logger,
		Alive: func(ctx context.Context) error { return s.of.Alive(ctx) },
		Page: page.New(page.Config{
			API: s, Recent: recent, Host: set.host, Version: version(), Logger: logger,
			Generation: func() (int64, time.Time) { return generation(reg) },
		}),
	})
	return s
}

// access tells how long it was from a change of an account to its effect.
func (s *outlook) access(effect account.Effect, took time.Duration) {
	s.counted.Access(string(effect), took)
}

// Status, Parked and Held are the listener's.
func (s *outlook) Status(ctx context.Context) (control.Status, error)   { return s.of.Status(ctx) }
func (s *outlook) Parked(ctx context.Context) ([]control.Parked, error) { return s.of.Parked(ctx) }
func (s *outlook) Held(ctx context.Context) ([]control.Held, error)     { return s.of.Held(ctx) }

// generation returns the number and time of the registry's last transaction, 0 when there was none.
func generation(reg *registry.Registry) (int64, time.Time) {
	for last := range reg.History() {
		return last.ID, last.Time
	}
	return 0, time.Time{}
}

// version returns what the Go toolchain noted about the build.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(unknown)"
}

// listenAddress returns where to serve. Its default is for the host itself: several roots on one machine would take it from
// each other.
func listenAddress(view *registry.View, root string) string {
	if layer, _ := view.Source("mailreg/metrics/listen"); layer == registry.Default && root != "/" {
		return ""
	}
	return view.String("mailreg/metrics/listen")
}
