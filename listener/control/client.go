package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"strings"
	"syscall"
	"time"
)

// grace is how much longer than asked a client waits.
const grace = 2 * time.Second

// Client calls a daemon over its control socket. It implements API.
type Client struct{ path string }

// NewClient returns a client of the daemon whose control socket is at path. It connects with each call.
func NewClient(path string) *Client { return &Client{path: path} }

// call sends one operation with its arguments and reads the result into out.
func (c *Client) call(ctx context.Context, op string, in, out any) error {
	if err := CheckPath(c.path); err != nil {
		return err
	}
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("writing the arguments of %s: %w", op, err)
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", c.path)
	if err != nil {
		return c.unanswered(ctx, err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })() // ends the call, on the daemon's side as well
	status, data, err := exchange(conn, op, body)
	if err != nil {
		return c.unanswered(ctx, err)
	}
	if status != statusOK {
		return remoteError(status, data)
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("reading the daemon's answer to %s: %w", op, err)
	}
	return nil
}

// exchange makes one call by HTTP/1.0 (RFC 1945), in which an answer ends with the connection: for that, the command line
// need not start with all of net/http.
func exchange(conn net.Conn, op string, body []byte) (status int, data []byte, err error) {
	request := fmt.Sprintf("POST /v1/%s HTTP/1.0\r\nHost: mailreg\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		op, len(body), body)
	if _, err := io.WriteString(conn, request); err != nil {
		return 0, nil, err
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		return 0, nil, err
	}
	head, data, whole := bytes.Cut(answer, []byte("\r\n\r\n"))
	var protocol string
	if _, err := fmt.Sscanf(string(head), "%s %d", &protocol, &status); err != nil || !whole || !strings.HasPrefix(protocol, "HTTP/") {
		return 0, nil, io.ErrUnexpectedEOF
	}
	return status, data, nil
}

// unanswered tells a caller that gave up from a daemon that is not there.
func (c *Client) unanswered(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return fmt.Errorf("the daemon does not answer on %s: %w%s", c.path, cause(err), remedy(err))
}

// remedy says what a person can do about a daemon that does not answer.
func remedy(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return " (systemctl start mailreg-listener starts it)"
	case errors.Is(err, fs.ErrPermission):
		return " (root and the group mailreg may ask it)"
	default:
		return ""
	}
}

// cause strips the layers of net, which repeat the address.
func cause(err error) error {
	for {
		switch e := err.(type) {
		case interface{ Unwrap() error }:
			if e.Unwrap() == nil {
				return err
			}
			err = e.Unwrap()
		default:
			return err
		}
	}
}

// remoteError makes an error of an answer; one that is not ours, from whatever holds the socket, has only a status.
func remoteError(status int, data []byte) error {
	var f Failure
	if err := json.Unmarshal(data, &f); err != nil || f.Error == "" {
		return fmt.Errorf("the daemon answered with status %d", status)
	}
	return &remote{message: f.Error, status: status}
}

// ask is call with a typed result.
func ask[Out any](ctx context.Context, c *Client, op string, in any) (Out, error) {
	var out Out
	err := c.call(ctx, op, in, &out)
	return out, err
}

// Status calls the operation of API.
func (c *Client) Status(ctx context.Context) (Status, error) {
	return ask[Status](ctx, c, "status", None{})
}

// Wait calls the operation of API. The deadline of ctx is the daemon's to keep, which can say what it still waited for;
// only a daemon that says nothing for a while longer is given up.
func (c *Client) Wait(ctx context.Context) (WaitResult, error) {
	deadline, bounded := ctx.Deadline()
	if !bounded {
		return ask[WaitResult](ctx, c, "wait", Patience{})
	}
	left := max(0, time.Until(deadline))
	longer, cancel := context.WithTimeout(context.WithoutCancel(ctx), left+grace)
	defer cancel()
	stop := context.AfterFunc(ctx, func() {
		if errors.Is(ctx.Err(), context.Canceled) {
			cancel()
		}
	})
	defer stop()
	return ask[WaitResult](longer, c, "wait", Patience{Timeout: left.String()})
}

// Parked calls the operation of API.
func (c *Client) Parked(ctx context.Context) ([]Parked, error) {
	return ask[[]Parked](ctx, c, "parked", None{})
}

// Retry calls the operation of API.
func (c *Client) Retry(ctx context.Context, id string) (int, error) {
	return ask[int](ctx, c, "retry", Item{ID: id})
}

// Drop calls the operation of API.
func (c *Client) Drop(ctx context.Context, id string) error {
	_, err := ask[None](ctx, c, "drop", Item{ID: id})
	return err
}

// Held calls the operation of API.
func (c *Client) Held(ctx context.Context) ([]Held, error) {
	return ask[[]Held](ctx, c, "held", None{})
}

// Approve calls the operation of API.
func (c *Client) Approve(ctx context.Context, id string) (int, error) {
	return ask[int](ctx, c, "approve", Item{ID: id})
}

// Reject calls the operation of API.
func (c *Client) Reject(ctx context.Context, id string) (int, error) {
	return ask[int](ctx, c, "reject", Item{ID: id})
}

// Planned calls the operation of API.
func (c *Client) Planned(ctx context.Context) ([]Planned, error) {
	return ask[[]Planned](ctx, c, "planned", None{})
}

// Pause calls the operation of API.
func (c *Client) Pause(ctx context.Context, handler string) error {
	_, err := ask[None](ctx, c, "pause", HandlerName{Handler: handler})
	return err
}

// Resume calls the operation of API.
func (c *Client) Resume(ctx context.Context, handler string) error {
	_, err := ask[None](ctx, c, "resume", HandlerName{Handler: handler})
	return err
}

// Forget calls the operation of API.
func (c *Client) Forget(ctx context.Context, handler string) error {
	_, err := ask[None](ctx, c, "forget", HandlerName{Handler: handler})
	return err
}

// Resync calls the operation of API.
func (c *Client) Resync(ctx context.Context, r ResyncRequest) (ResyncResult, error) {
	return ask[ResyncResult](ctx, c, "resync", r)
}

// Backup calls the operation of API.
func (c *Client) Backup(ctx context.Context) (BackupResult, error) {
	return ask[BackupResult](ctx, c, "backup", None{})
}

// Progress calls the operation of API.
func (c *Client) Progress(ctx context.Context, r ProgressRequest) (Progress, error) {
	return ask[Progress](ctx, c, "progress", r)
}

// Entries calls the operation of API.
func (c *Client) Entries(ctx context.Context, s Selection) ([]Entry, error) {
	return ask[[]Entry](ctx, c, "entries", s)
}

// Explain calls the operation of API.
func (c *Client) Explain(ctx context.Context, s Selection) ([]Explanation, error) {
	return ask[[]Explanation](ctx, c, "explain", s)
}

// Advise calls the operation of API.
func (c *Client) Advise(ctx context.Context) ([]Advice, error) {
	return ask[[]Advice](ctx, c, "advise", None{})
}
