package cyrus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-sasl"

	"github.com/mailreg/mailreg/schema"
)

const (
	// dialLimit bounds connecting and logging in.
	dialLimit = 20 * time.Second
	// callLimit bounds one change of a store; the rename of one with 10,000 messages takes 50 ms.
	callLimit = 2 * time.Minute
	// freshFor is how long a connection that has just answered needs no question whether it lives.
	freshFor = time.Second
)

// session is a connection of the administrator.
type session struct {
	*imapclient.Client
	used time.Time
}

// dial logs in as the administrator, or as a user in whose name the administrator acts. Whatever fails means that Cyrus is
// down: also a refused password, which a person has to mend.
func dial(ctx context.Context, cfg Config, as string) (*session, error) {
	s, err := login(ctx, cfg, as)
	if err != nil {
		return nil, down(ctx, err)
	}
	return s, nil
}

func login(ctx context.Context, cfg Config, as string) (*session, error) {
	secret, err := os.ReadFile(cfg.Secret)
	if err != nil {
		return nil, fmt.Errorf("reading the administrator's password: %w", err)
	}
	network := "tcp"
	if strings.HasPrefix(cfg.Address, "/") {
		network = "unix"
	}
	within, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	var dialer net.Dialer
	conn, err := dialer.DialContext(within, network, cfg.Address)
	if err != nil {
		return nil, err
	}
	s := &session{Client: imapclient.New(conn, nil), used: time.Now()}
	err = s.bounded(within, func() error {
		if err := s.WaitGreeting(); err != nil {
			return err
		}
		if err := s.Authenticate(sasl.NewPlainClient(as, cfg.User, string(bytes.TrimRight(secret, "\r\n")))); err != nil {
			return fmt.Errorf("logging in as %s: %w", cfg.User, err)
		}
		if !s.Caps().Has(imap.CapIMAP4rev2) {
			return nil
		}
		_, err := s.Enable(imap.CapIMAP4rev2).Wait()
		return err
	})
	if err != nil {
		_ = s.Close()
		return nil, err
	}
	return s, nil
}

// bounded runs commands; at the end of the context the connection closes, which ends them.
func (s *session) bounded(ctx context.Context, commands func() error) error {
	stop := context.AfterFunc(ctx, func() { _ = s.Close() })
	err := commands()
	if !stop() && err != nil {
		return errors.Join(context.Cause(ctx), err)
	}
	s.used = time.Now()
	return err
}

// alive reports whether the connection still answers.
func (s *session) alive(ctx context.Context) bool {
	if time.Since(s.used) < freshFor {
		return true
	}
	within, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	return s.bounded(within, func() error { return s.Noop().Wait() }) == nil
}

// answered returns what Cyrus said to a command that it refused; nil when the connection failed.
func answered(err error) *imap.Error {
	if answer, ok := errors.AsType[*imap.Error](err); ok && answer.Type != imap.StatusResponseTypeBye {
		return answer
	}
	return nil
}

// says reports whether Cyrus refused a command with a text; it has no response codes for most of what it says.
func says(err error, text string) bool {
	answer := answered(err)
	return answer != nil && strings.Contains(strings.ToLower(answer.Text), text)
}

func absent(err error) bool { return says(err, "does not exist") }
func exists(err error) bool { return says(err, "already exists") }

// down makes a target that is down of an error, unless the caller gave up.
func down(ctx context.Context, err error) error {
	if ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return ctx.Err()
	}
	return &schema.TargetDown{Target: Target, Err: err}
}
