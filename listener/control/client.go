package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// Client calls a daemon over its control socket. It implements API.
type Client struct {
	path string
	http *http.Client
}

// NewClient returns a client of the daemon whose control socket is at path. It connects with the first call.
func NewClient(path string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var dialer net.Dialer
		return dialer.DialContext(ctx, "unix", path)
	}
	return &Client{path: path, http: &http.Client{Transport: &http.Transport{DialContext: dial}}}
}

// Close drops the connections that are kept for further calls.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// call sends one operation with its arguments and reads the result into out.
func (c *Client) call(ctx context.Context, op string, in, out any) error {
	if err := checkPath(c.path); err != nil {
		return err
	}
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("writing the arguments of %s: %w", op, err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://mailreg/v1/"+op, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := c.http.Do(request)
	if err != nil {
		return c.unanswered(ctx, err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		return c.unanswered(ctx, err)
	}
	if response.StatusCode != http.StatusOK {
		return remoteError(response.StatusCode, data)
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("reading the daemon's answer to %s: %w", op, err)
	}
	return nil
}

// unanswered tells a caller that gave up from a daemon that is not there.
func (c *Client) unanswered(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return fmt.Errorf("the daemon does not answer on %s: %w", c.path, cause(err))
}

// cause strips the layers of net/http and net, which repeat the address.
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
	var f failure
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
	return ask[Status](ctx, c, "status", none{})
}

// Wait calls the operation of API. The deadline of ctx is the daemon's to keep, which can say what it still waited for;
// only a daemon that says nothing for a while longer is given up.
func (c *Client) Wait(ctx context.Context) (WaitResult, error) {
	deadline, bounded := ctx.Deadline()
	if !bounded {
		return ask[WaitResult](ctx, c, "wait", patience{})
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
	return ask[WaitResult](longer, c, "wait", patience{Timeout: left.String()})
}

// Parked calls the operation of API.
func (c *Client) Parked(ctx context.Context) ([]Parked, error) {
	return ask[[]Parked](ctx, c, "parked", none{})
}

// Retry calls the operation of API.
func (c *Client) Retry(ctx context.Context, id string) (int, error) {
	return ask[int](ctx, c, "retry", item{ID: id})
}

// Drop calls the operation of API.
func (c *Client) Drop(ctx context.Context, id string) error {
	_, err := ask[none](ctx, c, "drop", item{ID: id})
	return err
}

// Held calls the operation of API.
func (c *Client) Held(ctx context.Context) ([]Held, error) {
	return ask[[]Held](ctx, c, "held", none{})
}

// Approve calls the operation of API.
func (c *Client) Approve(ctx context.Context, id string) (int, error) {
	return ask[int](ctx, c, "approve", item{ID: id})
}

// Reject calls the operation of API.
func (c *Client) Reject(ctx context.Context, id string) (int, error) {
	return ask[int](ctx, c, "reject", item{ID: id})
}

// Resync calls the operation of API.
func (c *Client) Resync(ctx context.Context, r ResyncRequest) (ResyncResult, error) {
	return ask[ResyncResult](ctx, c, "resync", r)
}

// Entries calls the operation of API.
func (c *Client) Entries(ctx context.Context, s Selection) ([]Entry, error) {
	return ask[[]Entry](ctx, c, "entries", s)
}

// Explain calls the operation of API.
func (c *Client) Explain(ctx context.Context, s Selection) ([]Explanation, error) {
	return ask[[]Explanation](ctx, c, "explain", s)
}
