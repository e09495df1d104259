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
	"sync"
	"sync/atomic"

	"github.com/mailreg/mailreg/schema"
)

// tunnels are the ways to this host's doveadm that are open, one for each user who comes.
type tunnels struct {
	mu   sync.Mutex
	open map[schema.UUID]net.Conn
}

// take notes a tunnel; one that the user had before is closed: its source has given it up.
func (t *tunnels) take(uuid schema.UUID, conn net.Conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open == nil {
		t.open = map[schema.UUID]net.Conn{}
	}
	if before := t.open[uuid]; before != nil {
		_ = before.Close()
	}
	t.open[uuid] = conn
}

func (t *tunnels) leave(uuid schema.UUID, conn net.Conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open[uuid] == conn {
		delete(t.open, uuid)
	}
}

// close ends a copy that is being made.
func (t *tunnels) close(uuid schema.UUID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if conn := t.open[uuid]; conn != nil {
		_ = conn.Close()
		delete(t.open, uuid)
	}
}

// join copies both ways between two connections until both are over, and counts what goes from a to b. a is read by from.
func join(a net.Conn, from io.Reader, b net.Conn, count *atomic.Int64) {
	var both sync.WaitGroup
	both.Go(func() {
		_, _ = io.Copy(b, counting{from, count}) // an error ends the copy, which its maker tells
		finish(b)
	})
	both.Go(func() {
		_, _ = io.Copy(a, b)
		finish(a)
	})
	both.Wait()
	_, _ = a.Close(), b.Close()
}

// finish tells a side that nothing more comes.
func finish(conn net.Conn) {
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
		return
	}
	_ = conn.Close()
}

type counting struct {
	io.Reader
	count *atomic.Int64
}

// Read counts what it reads.
func (c counting) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if c.count != nil {
		c.count.Add(int64(n))
	}
	return n, err
}

// gate is a unix socket here that leads to the other host's doveadm for one copy. Only root can use it.
type gate struct {
	path     string
	listener net.Listener
	count    *atomic.Int64
	// err is why there was no way, if so.
	err atomic.Pointer[error]
}

// openGate makes the socket. Each connection to it gets a tunnel.
func (s *Service) openGate(ctx context.Context, p *peer, uuid schema.UUID, add bool, count *atomic.Int64) (*gate, error) {
	dir := filepath.Join(s.cfg.Root, "run/mailreg")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	g := &gate{path: filepath.Join(dir, "copy-"+uuid.String()[:8]+".sock"), count: count}
	if err := os.RemoveAll(g.path); err != nil {
		return nil, err
	}
	var err error
	if g.listener, err = listenUnix(g.path); err != nil {
		return nil, fmt.Errorf("opening %s: %w", g.path, err)
	}
	go g.serve(ctx, func() (net.Conn, error) { return p.tunnel(ctx, uuid, add) })
	return g, nil
}

func (g *gate) serve(ctx context.Context, tunnel func() (net.Conn, error)) {
	for {
		conn, err := g.listener.Accept()
		if err != nil {
			return
		}
		far, err := tunnel()
		if err != nil {
			g.err.Store(&err)
			_ = conn.Close()
			continue
		}
		stop := context.AfterFunc(ctx, func() { _ = far.Close() })
		join(conn, conn, far, g.count)
		stop()
	}
}

// close ends it. The error is that of the tunnel.
func (g *gate) close() error {
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
		line, err := r.ReadString('\n')
		if err != nil {
			return err
		}
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
