package syncrepl

import (
	"context"
	"fmt"

	"github.com/mailreg/mailreg/listener/connect"
	"github.com/mailreg/mailreg/listener/search"
	"github.com/mailreg/mailreg/schema"
)

// completer reads once more what a server sends incompletely: 389-ds leaves the operational attributes out of the entries
// that have changed since a cookie, and only there.
type completer struct {
	source *Source
	conn   *connect.Conn // nil until it is needed
}

// complete returns the entry as a search finds it, if it does. What has changed between both comes again anyway.
func (c *completer) complete(ctx context.Context, e *schema.Entry) (*schema.Entry, error) {
	if e.First(schema.AttrCreated) != "" {
		return e, nil
	}
	if c.conn == nil {
		conn, err := c.source.Second(ctx)
		if err != nil {
			return nil, fmt.Errorf("connecting to complete entries: %w", err)
		}
		c.conn = conn
	}
	query := search.Query{
		Base: c.source.config.Base, Scope: search.Subtree, Filter: c.source.words.Identity.Filter(e.UUID), Attributes: c.source.words.Ask,
	}
	decoder := search.NewDecoder(c.source.words)
	for value, err := range search.Scan(ctx, c.conn, query) {
		if err != nil {
			return nil, err
		}
		if e, err = decoder.Entry(e.UUID, value); err != nil {
			return nil, err
		}
	}
	return e, nil
}

func (c *completer) close() {
	if c != nil && c.conn != nil {
		_ = c.conn.Close() // it was for reading only
	}
}
