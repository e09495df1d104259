package harness

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// syncRequest is the OID of the control by which a client asks for content synchronisation (RFC 4533 section 2.2).
const syncRequest = "1.3.6.1.4.1.4203.1.9.1.1"

// link is one proxied connection.
type link struct {
	p              *Proxy
	client, server net.Conn
	// sync is set once the client has asked for content synchronisation.
	sync  atomic.Bool
	gate  *gate
	once  sync.Once
	ended chan struct{}
}

// reset ends the connection at both ends, so that each of them sees an error and not an end.
func (l *link) reset() {
	l.once.Do(func() {
		close(l.ended)
		abort(l.client)
		abort(l.server)
	})
}

// abort closes a connection by a RST instead of a FIN.
func abort(conn net.Conn) {
	_ = conn.(*net.TCPConn).SetLinger(0) // else it is closed in the usual way
	_ = conn.Close()
}

// forward copies one stream, message by message, until it ends or is cut.
func (l *link) forward(way Way, from, to net.Conn) {
	in := bufio.NewReaderSize(from, 1<<16)
	for {
		message, err := readMessage(in)
		if way == ToServer && bytes.Contains(message, []byte(syncRequest)) {
			l.sync.Store(true)
		}
		if len(message) > 0 {
			l.p.pass(l, way)
			cut, rest, struck := l.p.strike(l, way, len(message))
			if struck {
				message = message[:rest]
			}
			if _, err := to.Write(message); err != nil {
				l.reset()
				return
			}
			if struck && l.snap(cut, from, to) {
				return
			}
		}
		if errors.Is(err, io.EOF) {
			_ = to.(*net.TCPConn).CloseWrite() // the other end has gone as well
			return
		}
		if err != nil {
			l.reset()
			return
		}
	}
}

// snap breaks the connection as a cut says, and reports whether the stream has ended. The receiver is not reset: it must
// get all that was forwarded before.
func (l *link) snap(cut Cut, from, to net.Conn) bool {
	if cut.Stall {
		l.gate.shut()
		return false
	}
	_ = to.(*net.TCPConn).CloseWrite() // the other end has gone as well
	if !cut.Half {
		abort(from)
	}
	return true
}

// readMessage reads one LDAP message, which is a BER sequence of definite length (RFC 4511 section 5.1). What is none, as
// within TLS, is returned as it comes. Bytes may come with an error.
func readMessage(in *bufio.Reader) ([]byte, error) {
	head, err := in.Peek(2)
	if err != nil || head[0] != 0x30 {
		some := make([]byte, max(in.Buffered(), 1))
		n, err := in.Read(some)
		return some[:n], err
	}
	header, size := 2, int(head[1])
	if size >= 0x80 {
		header += size & 0x7f
		if head, err = in.Peek(header); err != nil {
			rest := make([]byte, in.Buffered())
			n, _ := in.Read(rest) // the error that counts is Peek's
			return rest[:n], err
		}
		size = 0
		for _, b := range head[2:] {
			size = size<<8 | int(b)
		}
	}
	message := make([]byte, header+size)
	n, err := io.ReadFull(in, message)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	return message[:n], err
}

// gate lets pass or makes wait.
type gate struct {
	mu sync.Mutex
	// open is closed while one may pass.
	open chan struct{}
}

func newGate() *gate {
	g := &gate{open: make(chan struct{})}
	close(g.open)
	return g
}

func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-g.open:
		g.open = make(chan struct{})
	default: // it is shut
	}
}

func (g *gate) free() {
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-g.open:
	default:
		close(g.open)
	}
}

// pass waits until the gate is open, or what was to pass has ended.
func (g *gate) pass(ended <-chan struct{}) {
	g.mu.Lock()
	open := g.open
	g.mu.Unlock()
	select {
	case <-open:
	case <-ended:
	}
}
