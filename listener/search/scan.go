package search

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/mailreg/mailreg/listener/connect"
	"github.com/mailreg/mailreg/listener/wire"
	"github.com/mailreg/mailreg/schema"
)

// oidPaged is the control of RFC 2696.
const oidPaged = "1.2.840.113556.1.4.319"

// page is the number of entries of a page: servers have limits of 500 or 1000 for one.
const page = 500

// silence is how long a server may take for the next entry of a scan. It may have to look through many that are not asked for.
const silence = 10 * time.Minute

// Scan yields the entries that a query finds, as the value of the message and page by page, so that limits of size do not
// count and the server's memory is not burdened. It ends with an error unless all were yielded: a result other than
// success, or what Stream.Next fails with. The connection is idle again afterwards, unless it failed or the iteration was
// stopped: then it is to be closed.
func Scan(ctx context.Context, conn *connect.Conn, q Query) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		operation, err := q.Operation()
		if err != nil {
			yield("", err)
			return
		}
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		late := time.AfterFunc(silence, func() { cancel(fmt.Errorf("nothing came for %s", silence)) })
		defer late.Stop()
		take := func(value string, err error) bool {
			late.Stop() // the reader may take its time
			defer late.Reset(silence)
			return yield(value, err)
		}
		stop := interrupt(ctx, conn)
		defer stop()
		for cookie, more := "", true; more; more = cookie != "" {
			value := wire.Element(wire.TagSequence, wire.Integer(wire.TagInteger, page), wire.Octets(wire.TagOctets, cookie))
			stream, err := Begin(conn, operation, wire.Control(oidPaged, true, value), wire.Control(OIDManageDsaIT, false, nil))
			if err == nil {
				var stopped bool
				cookie, stopped, err = stream.page(take)
				if stopped {
					return
				}
			}
			if err != nil {
				if ctx.Err() != nil {
					err = context.Cause(ctx)
				}
				yield("", fmt.Errorf("scanning %s below %q: %w", conn.URL, q.Base, err))
				return
			}
		}
	}
}

// page yields the entries of one page and returns the cookie of the next one.
func (s *Stream) page(yield func(string, error) bool) (cookie string, stopped bool, err error) {
	for {
		m, err := s.Next()
		if err != nil {
			return "", false, err
		}
		switch m.Operation {
		case wire.SearchEntry:
			if !yield(m.Value, nil) {
				return "", true, nil
			}
		case wire.SearchReference: // what it points to is not in this server
		case wire.SearchDone:
			cookie, err := pageEnd(m)
			return cookie, false, err
		default:
			return "", false, fmt.Errorf("%w: operation %#x in a search", wire.ErrFormat, m.Operation)
		}
	}
}

// pageEnd returns the cookie of the end of a page, "" at the last one.
func pageEnd(m wire.Message) (string, error) {
	result, err := m.Result()
	if err != nil {
		return "", err
	}
	if err := result.Err(); err != nil {
		return "", err
	}
	value, found, err := m.Control(oidPaged)
	if err != nil || !found {
		return "", err // the server has ignored the control and sent everything
	}
	value, _, err = wire.Expect(value, wire.TagSequence)
	if err != nil {
		return "", err
	}
	if _, value, err = wire.Expect(value, wire.TagInteger); err != nil {
		return "", err
	}
	cookie, _, err := wire.Expect(value, wire.TagOctets)
	return cookie, err
}

// interrupt makes reads and writes on the connection fail when the context ends.
func interrupt(ctx context.Context, conn *connect.Conn) (stop func() bool) {
	return context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
}

// patience bounds the reading of one entry. Nobody watches it: sessions read before they begin.
const patience = 30 * time.Second

// Read returns the attributes of one entry in the server's words, none when it cannot be seen.
func Read(ctx context.Context, conn *connect.Conn, dn string, names ...string) (attrs []schema.Attribute, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("reading %q from %s: no answer within %s", dn, conn.URL, patience))
	defer cancel()
	operation, err := Query{Base: dn, Scope: Entry, Attributes: names}.Operation()
	if err != nil {
		return nil, err
	}
	stop := interrupt(ctx, conn)
	defer stop()
	stream, err := Begin(conn, operation)
	if err != nil {
		return nil, err
	}
	value := ""
	_, _, err = stream.page(func(v string, _ error) bool {
		value = v
		return true
	})
	var refused *wire.Result
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case errors.As(err, &refused) && slices.Contains([]int64{ldap.LDAPResultNoSuchObject, ldap.LDAPResultInsufficientAccessRights}, refused.Code):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("reading %q from %s: %w", dn, conn.URL, err)
	case value == "":
		return nil, nil
	}
	_, attrs, err = NewDecoder(&schema.Vocabulary{Ask: names}).Attributes(value)
	return attrs, err
}
