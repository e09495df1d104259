package transfer

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"
)

// provingLimit is how long another host may take to prove that it has the secret.
const provingLimit = 10 * time.Second

// door is a listener of those connections alone whose other side has proved that it has the secret, as many at a time as may.
type door struct {
	net.Listener
	config *tls.Config
	guests *guests
	logger *slog.Logger

	// in are those who may come in; err is why nobody comes any more, once closed is.
	in     chan net.Conn
	closed chan struct{}
	err    error
}

// newDoor opens it. It ends when the listener is closed.
func newDoor(l net.Listener, config *tls.Config, g *guests, logger *slog.Logger) *door {
	d := &door{Listener: l, config: config, guests: g, logger: logger, in: make(chan net.Conn), closed: make(chan struct{})}
	go d.run()
	return d
}

// Accept returns the next connection.
func (d *door) Accept() (net.Conn, error) {
	select {
	case conn := <-d.in:
		return conn, nil
	case <-d.closed:
		return nil, d.err
	}
}

func (d *door) run() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	defer close(d.closed)
	for {
		conn, err := d.Listener.Accept()
		if temporary := (interface{ Temporary() bool })(nil); errors.As(err, &temporary) && temporary.Temporary() {
			time.Sleep(50 * time.Millisecond) // no more files: some connection will end
			continue
		}
		if err != nil {
			d.err = err
			return
		}
		from := addressOf(conn)
		if err := d.guests.enter(from, time.Now()); err != nil {
			d.logger.Debug("another host is not heard", "handler", Name, "peer", from, "err", err)
			_ = conn.Close()
			continue
		}
		g := &visit{Conn: tls.Server(conn, d.config), leave: sync.OnceFunc(func() { d.guests.leave(from) })}
		go d.admit(ctx, g, from)
	}
}

// admit lets one in that proves that it has the secret.
func (d *door) admit(ctx context.Context, v *visit, from netip.Addr) {
	limited, cancel := context.WithTimeout(ctx, provingLimit)
	err := v.HandshakeContext(limited)
	cancel()
	if err == nil {
		select {
		case d.in <- v:
			return
		case <-ctx.Done():
		}
	}
	_ = v.Close()
	if err == nil || ctx.Err() != nil || errors.Is(err, io.EOF) { // it has only looked whether anybody is there
		return
	}
	if times := d.guests.failed(from, time.Now()); times > 0 {
		d.logger.Warn("who wants to hand mail over cannot prove to have mail/homeserver/transfer/secret", "handler", Name,
			"peer", from, "count", times, "err", err)
	}
}

// visit is a connection that was let in.
type visit struct {
	*tls.Conn
	leave func()
}

// Close ends it.
func (v *visit) Close() error {
	v.leave()
	return v.Conn.Close()
}

// addressOf returns the address of the other side, none when it has none.
func addressOf(conn net.Conn) netip.Addr {
	at, _ := netip.ParseAddrPort(conn.RemoteAddr().String())
	return at.Addr()
}
