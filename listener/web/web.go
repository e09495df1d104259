// Package web serves what only looks at the daemon, by HTTP on a loopback port or a unix socket: metrics, health, readiness
// and the status page. Nothing there changes anything.
package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/listener/control/server"
)

// Config says what is served and where.
type Config struct {
	// Listen is HOST:PORT with a loopback host, or unix:PATH.
	Listen string
	// Status says whether the daemon is in step, Alive whether its loops turn.
	Status func(context.Context) (control.Status, error)
	Alive  func(context.Context) error
	// Metrics and Page answer on /metrics and /.
	Metrics, Page http.Handler
	// Logger is told when serving is not possible. Nil: nobody is.
	Logger *slog.Logger
}

// Web is the server.
type Web struct {
	cfg    Config
	logger *slog.Logger

	mu sync.Mutex
	// trouble is guarded by mu: why nothing is served.
	trouble error
}

// New returns a server that does not serve yet.
func New(cfg Config) *Web {
	w := &Web{cfg: cfg, logger: cfg.Logger}
	if w.logger == nil {
		w.logger = slog.New(slog.DiscardHandler)
	}
	return w
}

// The pauses between attempts to get an address that is taken, and what a request may take.
const (
	firstPause = time.Second
	lastPause  = 30 * time.Second
	limit      = 30 * time.Second
	grace      = 2 * time.Second
)

// Run serves until ctx ends. An address that cannot be had is no error: it is noted, and tried again.
func (w *Web) Run(ctx context.Context) error {
	if w.cfg.Listen == "" {
		return nil
	}
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval, pause.MaxInterval = firstPause, lastPause
	for {
		socket, err := Listen(w.cfg.Listen)
		w.note(err)
		if err == nil {
			return w.serve(ctx, socket)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause.NextBackOff()):
		}
	}
}

// note keeps why nothing is served, and logs it once.
func (w *Web) note(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil && w.trouble == nil {
		w.logger.Warn("cannot serve metrics and status page", "op", "web", "listen", w.cfg.Listen, "err", err)
	}
	w.trouble = err
}

// Notes returns what a person is to know.
func (w *Web) Notes() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.trouble == nil {
		return nil
	}
	return []string{fmt.Sprintf("metrics and status page are not served: mailreg/metrics/listen: %v", w.trouble)}
}

// Listen opens a loopback port or a unix socket, which is open to root and the group of the control socket.
func Listen(listen string) (net.Listener, error) {
	if path, ok := strings.CutPrefix(listen, "unix:"); ok {
		return server.Listen(path)
	}
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return nil, fmt.Errorf("address %q: %w", listen, err)
	}
	if !loopback(host) {
		return nil, fmt.Errorf("address %q is no loopback address", listen)
	}
	return net.Listen("tcp", net.JoinHostPort(host, port))
}

// loopback reports whether a host's name or address is this machine for itself.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (w *Web) serve(ctx context.Context, socket net.Listener) error {
	_, unix := socket.Addr().(*net.UnixAddr)
	s := &http.Server{
		Handler:           w.Handler(unix),
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 5 * time.Second, WriteTimeout: limit, IdleTimeout: time.Minute,
		MaxHeaderBytes: 16 << 10,
		ErrorLog:       slog.NewLogLogger(w.logger.Handler(), slog.LevelDebug),
	}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		within, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
		defer cancel()
		if s.Shutdown(within) != nil {
			_ = s.Close() // what takes longer is cut off
		}
	})
	w.logger.Info("serving metrics and status page", "op", "web", "listen", w.cfg.Listen)
	err := s.Serve(socket)
	if stop() {
		return fmt.Errorf("serving metrics and status page on %s: %w", w.cfg.Listen, err)
	}
	<-stopped
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
