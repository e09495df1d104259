package transfer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"
)

// frontEvery is how often the settings are looked at, and what is in the way of serving is tried again.
const frontEvery = time.Second

// front is where other hosts hand mail over, and by what they prove that they may.
type front struct {
	enabled bool
	listen  []string
	port    int
	secret  string
}

func (s settings) front() front {
	return front{enabled: s.enabled, listen: s.listen, port: s.port, secret: s.secret}
}

func (f front) equal(o front) bool {
	return f.enabled == o.enabled && f.port == o.port && f.secret == o.secret && slices.Equal(f.listen, o.listen)
}

// missing says what has to be set before anybody can hand mail over, nil when nothing has.
func (f front) missing() error {
	switch {
	case f.enabled && f.port == 0:
		return errors.New("mail/homeserver/transfer/port is not set")
	case f.enabled && f.secret == "":
		return errors.New("mail/homeserver/transfer/secret is not set")
	}
	return nil
}

// serveAlways serves other hosts until ctx ends, as the settings say: what is changed counts within a second or two, and
// cuts off who is connected, who comes again. What is in the way is told once, and in the status while it lasts.
func (s *Service) serveAlways(ctx context.Context) error {
	var before front
	for ctx.Err() == nil {
		set, err := s.settings()
		now := set.front()
		if err == nil && now.enabled && !before.enabled {
			err = s.resume(ctx) // the server misses its tables from now on
		}
		if err == nil {
			before = now
			err = s.serveWhile(ctx, now)
		}
		if ctx.Err() != nil {
			return nil
		}
		if s.shut(err); err != nil && sleep(ctx, frontEvery) != nil {
			return nil
		}
	}
	return nil
}

// shut notes why nobody can hand mail over, nil when there is no reason.
func (s *Service) shut(err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if text != "" && text != s.closed {
		s.cfg.Logger.Error("cannot take mail over from other hosts", "handler", Name, "err", err)
	}
	s.closed = text
}

func (s *Service) shutBy() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// errChanged says that the settings are others.
var errChanged = errors.New("the settings have changed")

// serveWhile serves other hosts while the settings say so; it returns nil when they have changed.
func (s *Service) serveWhile(ctx context.Context, f front) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	tasks, ctx := errgroup.WithContext(ctx)
	why := f.missing()
	if why == nil && f.enabled {
		if err := s.serveFront(ctx, tasks, f); err != nil {
			return err
		}
	}
	s.shut(why)
	tasks.Go(func() error { return s.untilChanged(ctx, f) })
	if err := tasks.Wait(); !errors.Is(err, errChanged) {
		return err
	}
	return nil
}

// serveFront begins to serve at all addresses, or at none.
func (s *Service) serveFront(ctx context.Context, tasks *errgroup.Group, f front) error {
	config, err := s.keys.tls(f.secret)
	if err != nil {
		return err
	}
	addresses := f.listen
	if len(addresses) == 0 {
		addresses = []string{""}
	}
	var all []net.Listener
	listen := net.ListenConfig{KeepAlive: heartbeat, Control: watched}
	for _, address := range addresses {
		l, err := listen.Listen(ctx, "tcp", net.JoinHostPort(address, strconv.Itoa(f.port)))
		if err != nil {
			for _, l := range all {
				_ = l.Close()
			}
			return fmt.Errorf("listening for other hosts: %w", err)
		}
		all = append(all, l)
	}
	for _, l := range all {
		tasks.Go(func() error { return s.serveOn(ctx, newDoor(l, config, &s.guests, s.cfg.Logger)) })
	}
	return nil
}

// untilChanged returns errChanged when the settings are others. While they cannot be read the last ones count.
func (s *Service) untilChanged(ctx context.Context, f front) error {
	tick := time.NewTicker(frontEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if set, err := s.settings(); err == nil && !set.front().equal(f) {
			return errChanged
		}
	}
}

// The limits of a question: to be sent, and from its head on to be answered.
const (
	sendLimit   = 30 * time.Second
	answerLimit = callLimit + sendLimit
	// maxOrder bounds a question, which has all addresses of a user.
	maxOrder = 1 << 20
)

func (s *Service) serveOn(ctx context.Context, l net.Listener) error {
	server := &http.Server{
		Handler: s.routes(), BaseContext: func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: provingLimit, ReadTimeout: sendLimit, WriteTimeout: answerLimit, IdleTimeout: sendLimit, MaxHeaderBytes: 8 << 10,
		ErrorLog:     slog.NewLogLogger(s.cfg.Logger.Handler(), slog.LevelDebug),
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){}, // HTTP/1.1 alone can be taken over
	}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving other hosts: %w", err)
	}
	return nil
}
