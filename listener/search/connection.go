package search

import (
	"context"
	"sync"

	"github.com/mailreg/mailreg/listener/connect"
)

// Connection is what a source has of its provider between sessions: a connection that is ready for the next one.
type Connection struct {
	server connect.Server

	mu    sync.Mutex
	url   string        // of the current or last session
	ready *connect.Conn // for the next session
}

// NewConnection returns one that is not made yet.
func NewConnection(server connect.Server) *Connection { return &Connection{server: server} }

// URL is the address of the current session, or of the last one; "" before the first.
func (c *Connection) URL() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.url
}

// Connect connects for the next session, and returns the address that was reached.
func (c *Connection) Connect(ctx context.Context) (string, error) {
	conn, err := connect.Open(ctx, c.server)
	if err != nil {
		return "", err
	}
	c.Use(conn)
	return conn.URL, nil
}

// Use hands over a connection that is bound and idle, for the next session.
func (c *Connection) Use(conn *connect.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ready != nil {
		_ = c.ready.Close() // nobody has used it
	}
	c.ready, c.url = conn, conn.URL
}

// Take returns the connection that was made or handed over, else a new one. It is the caller's to close.
func (c *Connection) Take(ctx context.Context) (*connect.Conn, error) {
	for {
		c.mu.Lock()
		conn := c.ready
		c.ready = nil
		c.mu.Unlock()
		if conn != nil {
			return conn, nil
		}
		if _, err := c.Connect(ctx); err != nil {
			return nil, err
		}
	}
}

// Second connects once more to the server of the current session.
func (c *Connection) Second(ctx context.Context) (*connect.Conn, error) {
	server := c.server
	server.URLs = []string{c.URL()}
	return connect.Open(ctx, server)
}
