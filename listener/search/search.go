package search

import (
	"context"
	"fmt"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/mailreg/mailreg/listener/connect"
	"github.com/mailreg/mailreg/listener/wire"
)

// OIDManageDsaIT is the control by which a server shows referral objects as entries (RFC 3296).
const OIDManageDsaIT = "2.16.840.1.113730.3.4.2"

// farewell bounds what is written when a search is over: the server may have stopped reading.
const farewell = 100 * time.Millisecond

// The scopes of a search.
const (
	Entry   = 0
	Subtree = 2
)

// Query is what is searched for, in the server's words. There are no limits of size and time of ours.
type Query struct {
	Base  string
	Scope int
	// Filter is as RFC 4515 has it; every entry when empty.
	Filter     string
	Attributes []string
}

// Operation returns the query as the content of a message (RFC 4511 §4.5.1). A filter that cannot be parsed is an error.
func (q Query) Operation() ([]byte, error) {
	if q.Filter == "" {
		q.Filter = "(objectClass=*)"
	}
	filter, err := ldap.CompileFilter(q.Filter)
	if err != nil {
		return nil, fmt.Errorf("filter %s: %w", q.Filter, err)
	}
	attributes := make([][]byte, 0, len(q.Attributes))
	for _, name := range q.Attributes {
		attributes = append(attributes, wire.Octets(wire.TagOctets, name))
	}
	const derefNever = 0
	return wire.Element(wire.SearchRequest,
		wire.Octets(wire.TagOctets, q.Base),
		wire.Integer(wire.TagEnumerated, q.Scope),
		wire.Integer(wire.TagEnumerated, derefNever),
		wire.Integer(wire.TagInteger, 0), // no size limit
		wire.Integer(wire.TagInteger, 0), // no time limit
		wire.Boolean(false),              // values, not only names
		filter.Bytes(),
		wire.Element(wire.TagSequence, attributes...),
	), nil
}

// Stream is a search under way on a connection that nobody else uses meanwhile.
type Stream struct {
	conn *connect.Conn
	id   int
}

// Begin sends a search.
func Begin(conn *connect.Conn, operation []byte, controls ...[]byte) (*Stream, error) {
	id, err := conn.Send(operation, controls...)
	if err != nil {
		return nil, err
	}
	return &Stream{conn: conn, id: id}, nil
}

// Next returns the next answer. It fails when the connection does, when the server announces that it disconnects, and for
// what is no answer to this search.
func (s *Stream) Next() (wire.Message, error) {
	body, err := s.conn.Reader.Next()
	if err != nil {
		return wire.Message{}, fmt.Errorf("reading from %s: %w", s.conn.URL, err)
	}
	m, err := wire.ParseMessage(body)
	switch {
	case err != nil:
		return wire.Message{}, err
	case m.ID == 0:
		return wire.Message{}, notice(m)
	case m.ID != int64(s.id):
		return wire.Message{}, fmt.Errorf("%w: an answer to request %d, which is none of ours", wire.ErrFormat, m.ID)
	}
	return m, nil
}

// notice turns an unsolicited notification into the error that ends the session. It is not a *wire.Result: its code does
// not answer our search.
func notice(m wire.Message) error {
	result, err := m.Result()
	switch {
	case err != nil:
		return err
	case result.Name == wire.NoticeOfDisconnection:
		return fmt.Errorf("the server disconnects: %s", result.Error())
	default:
		return fmt.Errorf("unknown notice %q: %s", result.Name, result.Error())
	}
}

// Close tells the server that nobody listens any more (RFC 4511 §4.11), as well as it goes, and closes the connection.
func (s *Stream) Close() {
	_ = s.conn.SetWriteDeadline(time.Now().Add(farewell))
	_, _ = s.conn.Send(wire.Integer(wire.AbandonRequest, s.id))
	_ = s.conn.Close()
}

// Until closes the stream when the context ends, and also when the function that it returns is called, which returns once
// that is done.
func (s *Stream) Until(ctx context.Context) (end func()) {
	closed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(closed)
		s.Close()
	})
	return func() {
		if stop() {
			s.Close()
		} else {
			<-closed
		}
	}
}
