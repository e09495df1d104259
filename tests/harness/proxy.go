package harness

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Way is a direction of a proxied connection.
type Way int

// The ways. Both is for what can happen in either of them at once.
const (
	ToServer Way = 1 << iota
	ToClient
	Both = ToServer | ToClient
)

// Cut says when a connection is to break: behind a message or a byte that the proxy forwards, counted over the
// connections that it is meant for from the moment at which it is set. It happens once.
type Cut struct {
	// Way is whose messages count: ToServer or ToClient.
	Way Way
	// Messages is the number of LDAP messages after which it happens, exactly between two of them; Bytes the number of
	// bytes, wherever that is in a message. One of them is set.
	Messages, Bytes int
	// Sync restricts it to connections that have asked for content synchronisation (RFC 4533), from that request on.
	Sync bool
	// Half ends only the stream of Way; else the sender sees the connection reset. The receiver sees its end by a FIN behind
	// what it was to get.
	Half bool
	// Stall stops forwarding on the connection, both ways, until Flow; nobody is told.
	Stall bool
}

// Proxy is a TCP proxy in front of an LDAP server, in the test's own process. It changes, reorders and duplicates nothing;
// what it does beside forwarding is told to it, and happens at a place in the stream, not at a time.
type Proxy struct {
	t      T
	target string
	socket net.Listener
	done   sync.WaitGroup

	accepted atomic.Int64
	cuts     atomic.Int64

	mu    sync.Mutex
	links map[*link]struct{}
	// cut is the one that is set, with what is left of its count.
	cut *Cut
	// refused makes new connections end at once.
	refused bool
	delay   time.Duration
	gates   map[Way]*gate
	closed  bool
}

// NewProxy returns a proxy on 127.0.0.1 in front of a port there, which ends with the test.
func NewProxy(t T, port int) *Proxy {
	t.Helper()
	p := &Proxy{
		t: t, target: fmt.Sprintf("127.0.0.1:%d", port), links: map[*link]struct{}{},
		gates: map[Way]*gate{ToServer: newGate(), ToClient: newGate()},
	}
	socket, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", Port(t)))
	for tries := 0; errors.Is(err, syscall.EADDRINUSE) && tries < 10; tries++ { // somebody was faster
		socket, err = net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", Port(t)))
	}
	if err != nil {
		t.Fatalf("starting a proxy: %v", err)
	}
	p.socket = socket
	p.done.Go(p.accept)
	t.Cleanup(p.Close)
	return p
}

// URL is ldap://127.0.0.1:PORT.
func (p *Proxy) URL() string { return "ldap://" + p.socket.Addr().String() }

// Close ends the proxy and all of its connections.
func (p *Proxy) Close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	_ = p.socket.Close() // the second call finds it closed
	p.CutAll()
	p.done.Wait()
}

// Set makes a cut the next one; it replaces one that has not happened. It reports through Cuts that it has.
func (p *Proxy) Set(c Cut) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = &c
}

// Unset takes back a cut that has not happened.
func (p *Proxy) Unset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = nil
}

// Cuts is the number of cuts that have happened, those of CutAll left out.
func (p *Proxy) Cuts() int { return int(p.cuts.Load()) }

// CutAll resets every connection now.
func (p *Proxy) CutAll() {
	for _, l := range p.open() {
		l.reset()
	}
}

// Refuse makes new connections end at once, or serves them again.
func (p *Proxy) Refuse(refuse bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refused = refuse
}

// Delay holds back each message for a time.
func (p *Proxy) Delay(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = d
}

// Stall stops forwarding one way or both, on all connections, also those to come. Neither end is told.
func (p *Proxy) Stall(way Way) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for w, g := range p.gates {
		if way&w != 0 {
			g.shut()
		}
	}
}

// Flow ends every Stall, also that of a Cut.
func (p *Proxy) Flow() {
	for _, g := range p.gates {
		g.free()
	}
	for _, l := range p.open() {
		l.gate.free()
	}
}

// Accepted is the number of connections since the start, Open that of those now.
func (p *Proxy) Accepted() int { return int(p.accepted.Load()) }

// Open is the number of connections that have not ended.
func (p *Proxy) Open() int { return len(p.open()) }

func (p *Proxy) open() []*link {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := make([]*link, 0, len(p.links))
	for l := range p.links {
		list = append(list, l)
	}
	return list
}

// accept serves connections until the socket closes.
func (p *Proxy) accept() {
	for {
		client, err := p.socket.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // the client has gone already
		}
		p.accepted.Add(1)
		p.mu.Lock()
		refused := p.refused || p.closed
		p.mu.Unlock()
		var server net.Conn
		if !refused {
			server, err = net.Dial("tcp", p.target)
		}
		if refused || err != nil {
			abort(client)
			continue
		}
		p.serve(client, server)
	}
}

// serve forwards both ways until both streams have ended.
func (p *Proxy) serve(client, server net.Conn) {
	l := &link{p: p, client: client, server: server, gate: newGate(), ended: make(chan struct{})}
	p.mu.Lock()
	p.links[l] = struct{}{}
	closed := p.closed
	p.mu.Unlock()
	if closed {
		l.reset()
	}
	p.done.Go(func() {
		var ways sync.WaitGroup
		ways.Go(func() { l.forward(ToServer, client, server) })
		ways.Go(func() { l.forward(ToClient, server, client) })
		ways.Wait()
		l.reset()
		p.mu.Lock()
		delete(p.links, l)
		p.mu.Unlock()
	})
}

// strike counts a message against the cut that is set, and returns it with the number of the message's bytes that are
// still forwarded when it happens now.
func (p *Proxy) strike(l *link, way Way, size int) (Cut, int, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.cut
	if c == nil || c.Way != way || c.Sync && !l.sync.Load() {
		return Cut{}, 0, false
	}
	rest := size
	switch {
	case c.Messages > 1, c.Bytes > size:
		c.Messages, c.Bytes = c.Messages-1, c.Bytes-size
		return Cut{}, 0, false
	case c.Bytes > 0:
		rest = c.Bytes
	}
	p.cut = nil
	p.cuts.Add(1)
	return *c, rest, true
}

// pass waits as long as the proxy was told to before a message of a connection is forwarded.
func (p *Proxy) pass(l *link, way Way) {
	p.mu.Lock()
	delay := p.delay
	p.mu.Unlock()
	if delay > 0 {
		select {
		case <-time.After(delay):
		case <-l.ended:
		}
	}
	p.gates[way].pass(l.ended)
	l.gate.pass(l.ended)
}
