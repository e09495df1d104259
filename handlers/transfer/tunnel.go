package transfer

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mailreg/mailreg/schema"
)

// tunnels are the ways to this host's mail server that are open, one for each user who comes.
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

// silence is how long a copy may stand still: nothing is sent either way. doveadm gives up itself after ten minutes, and one
// that needs nearly as long to look at a large mailbox for the first time is to come to its end.
const silence = 11 * time.Minute

// join copies both ways between two connections until both are over, or silent for too long, and counts what goes from a to
// b. a is read by from.
func join(a net.Conn, from io.Reader, b net.Conn, count *atomic.Int64) {
	idle := time.AfterFunc(silence, func() { _, _ = a.Close(), b.Close() })
	defer idle.Stop()
	var both sync.WaitGroup
	both.Go(func() {
		_, _ = io.Copy(b, counting{from, count, idle}) // an error ends the copy, which its maker tells
		finish(b)
	})
	both.Go(func() {
		_, _ = io.Copy(a, counting{b, nil, idle})
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
	idle  *time.Timer
}

// Read counts what it reads, and puts off the end that silence brings.
func (c counting) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.idle.Reset(silence)
	if c.count != nil {
		c.count.Add(int64(n))
	}
	return n, err
}
