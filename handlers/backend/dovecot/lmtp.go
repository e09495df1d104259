package dovecot

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"path/filepath"
	"time"

	"github.com/mailreg/mailreg/handlers/letter"
	"github.com/mailreg/mailreg/schema"
)

// Deliver gives Dovecot a letter by LMTP (RFC 2033), as Postfix would. A Dovecot that does not run or does not take it now is
// schema.ErrTemporary.
func (c *Client) Deliver(ctx context.Context, l letter.Letter) error {
	err := c.lmtp(ctx, l)
	answer := (*textproto.Error)(nil)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &answer) && answer.Code >= 500 && answer.Code != 550: // it may not have heard of the user yet
		return fmt.Errorf("delivering to %s: %w", l.To, err)
	default:
		return fmt.Errorf("delivering to %s: %w: %w", l.To, schema.ErrTemporary, err)
	}
}

func (c *Client) lmtp(ctx context.Context, l letter.Letter) error {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "unix", filepath.Join(c.base, "lmtp"))
	if err != nil {
		return err
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline.Add(time.Second)); err != nil {
			return err
		}
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	text := textproto.NewConn(conn)
	for _, turn := range []struct {
		line string
		want int
	}{
		{"", 220},
		{"LHLO " + l.Host, 250},
		{"MAIL FROM:<" + l.From + ">", 250},
		{"RCPT TO:<" + l.To.String() + ">", 250},
		{"DATA", 354},
	} {
		if turn.line != "" {
			if err := text.PrintfLine("%s", turn.line); err != nil {
				return err
			}
		}
		if _, _, err := text.ReadResponse(turn.want); err != nil {
			return err
		}
	}
	body := text.DotWriter()
	if _, err := body.Write(l.Bytes()); err != nil {
		return err
	}
	if err := body.Close(); err != nil {
		return err
	}
	_, _, err = text.ReadResponse(250)
	return err
}
