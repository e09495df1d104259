package transfer

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"
)

// gate is a unix socket here that leads to the other host's doveadm for one copy. Only root can use it.
type gate struct {
	path     string
	listener net.Listener
	count    *atomic.Int64
	// err is why there was no way, if so.
	err atomic.Pointer[error]
	// lonely ends the copy when it expires; it is stopped while there is a connection.
	lonely *time.Timer
	end    context.CancelCauseFunc
}

// loneliness is how long doveadm may do without the other host, before it connects and after the connection has ended.
const loneliness = time.Minute

var errLonely = errors.New("doveadm hangs, without a connection to the other host")

// openGate makes the socket. Each connection to it gets a tunnel. The context is for doveadm: it ends when that hangs.
func openGate(ctx context.Context, root string, p Pass) (*gate, context.Context, error) {
	dir := filepath.Join(root, "run/mailreg")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, nil, err
	}
	g := &gate{path: filepath.Join(dir, "copy-"+p.Move.UUID.String()[:8]+".sock"), count: p.Sent}
	if err := os.RemoveAll(g.path); err != nil {
		return nil, nil, err
	}
	var err error
	if g.listener, err = listenUnix(g.path); err != nil {
		return nil, nil, fmt.Errorf("opening %s: %w", g.path, err)
	}
	ctx, g.end = context.WithCancelCause(ctx)
	g.lonely = time.AfterFunc(loneliness, func() { g.end(errLonely) })
	go g.serve(ctx, p.Far)
	return g, ctx, nil
}

func (g *gate) serve(ctx context.Context, tunnel func() (net.Conn, error)) {
	for {
		conn, err := g.listener.Accept()
		if err != nil {
			return
		}
		g.lead(ctx, conn, tunnel)
	}
}

// lead joins a connection of doveadm with the other host.
func (g *gate) lead(ctx context.Context, conn net.Conn, tunnel func() (net.Conn, error)) {
	far, err := tunnel()
	if err != nil {
		g.err.Store(&err)
		_ = conn.Close()
		return
	}
	g.lonely.Stop()
	defer g.lonely.Reset(loneliness)
	stop := context.AfterFunc(ctx, func() { _, _ = far.Close(), conn.Close() })
	defer stop()
	join(conn, conn, far, g.count)
}

// close ends it. The error is that of the tunnel.
func (g *gate) close() error {
	g.end(nil)
	g.lonely.Stop()
	err := errors.Join(g.listener.Close(), os.RemoveAll(g.path))
	if far := g.err.Load(); far != nil {
		return *far
	}
	return err
}

// firstLines is how many lines a copy may begin with; doveadm sends two.
const firstLines = 8

// forUser passes the beginning of a copy on, and demands that it is one of this user: what follows the version is
// "FLAGS USER dsync-server -uUSER", separated by tabs. Of the flags only those to be verbose pass: another one shifts the
// fields, so that doveadm finds no copy there, and takes whatever line comes next.
func forUser(r *bufio.Reader, w io.Writer, user string) error {
	for range firstLines {
		slice, err := r.ReadSlice('\n') // no longer than the buffer
		if err != nil {
			return err
		}
		line := string(slice)
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		command := fields[0] != "VERSION" && fields[0] != "PLAIN"
		if command && (len(fields) != 4 || strings.Trim(fields[0], "Dv") != "" || fields[1] != user || fields[2] != "dsync-server" || fields[3] != "-u"+user) {
			return fmt.Errorf("no copy of %s", user)
		}
		if _, err := io.WriteString(w, line); err != nil || command {
			return err
		}
	}
	return errors.New("no copy")
}

// listenUnix opens a socket that only root can use from the moment on that it is there.
func listenUnix(path string) (net.Listener, error) {
	draft := path + ".new"
	if err := os.RemoveAll(draft); err != nil {
		return nil, err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: draft, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	if err := errors.Join(os.Chmod(draft, 0o600), os.Rename(draft, path)); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// guarded reads a copy from another host; its first lines have to be those of a copy of the user.
type guarded struct {
	from *bufio.Reader
	to   io.Writer
	user string
	past bool
}

// Read returns what comes after the first lines, which it has passed on itself.
func (g *guarded) Read(p []byte) (int, error) {
	if !g.past {
		if err := forUser(g.from, g.to, g.user); err != nil {
			return 0, err
		}
		g.past = true
	}
	return g.from.Read(p)
}
