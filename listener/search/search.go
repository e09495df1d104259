package search

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/mailreg/mailreg/listener/connect"
	"github.com/mailreg/mailreg/listener/wire"
)

// OIDManageDsaIT is the control by which a server shows referral objects as entries (RFC 3296).
const OIDManageDsaIT = "2.16.840.1.113730.3.4.2"

// OIDCancel names the extended operation Cancel (RFC 3909) among a root DSE's supportedExtension.
const OIDCancel = "1.3.6.1.1.8"

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
	// Notice is told of the unsolicited notices that are passed over, by their OID; nobody when nil.
	Notice func(oid string)

	conn *connect.Conn
	id   int
	done bool // the server has ended it
}

// Begin sends a search.
func Begin(conn *connect.Conn, operation []byte, controls ...[]byte) (*Stream, error) {
	id, err := conn.Send(operation, controls...)
	if err != nil {
		return nil, err
	}
	return &Stream{conn: conn, id: id}, nil
}

// Next returns the next answer. It fails when the connection does, with a *wire.Disconnection when the server announces
// that it disconnects, and for what is no answer to this search. After a *wire.TooLarge, which is an answer to it, the
// next one can be read.
func (s *Stream) Next() (wire.Message, error) {
	for {
		body, err := s.conn.Reader.Next()
		if large, ok := errors.AsType[*wire.TooLarge](err); ok && large.Message.ID == int64(s.id) {
			return wire.Message{}, large
		}
		if err != nil {
			return wire.Message{}, fmt.Errorf("reading from %s: %w", s.conn.URL, err)
		}
		m, err := wire.ParseMessage(body)
		switch {
		case err != nil:
			return wire.Message{}, err
		case m.ID == 0:
			if err := s.notice(m); err != nil {
				return wire.Message{}, err
			}
			continue
		case m.ID != int64(s.id):
			return wire.Message{}, fmt.Errorf("%w: an answer to request %d, which is none of ours", wire.ErrFormat, m.ID)
		}
		s.done = s.done || m.Operation == wire.SearchDone
		return m, nil
	}
}

// notice takes an unsolicited notification: one of disconnection is the stream's end, what else may come is passed over
// (RFC 4511 §4.4).
func (s *Stream) notice(m wire.Message) error {
	gone, oid, err := m.Notice()
	switch {
	case err != nil:
		return err
	case gone != nil:
		return gone
	case s.Notice != nil:
		s.Notice(oid)
	}
	return nil
}

// Close tells the server that nobody listens any more, as well as it goes, and closes the connection. The search is
// cancelled where the server is known to be able to (RFC 3909), and abandoned elsewhere (RFC 4511 §4.11).
func (s *Stream) Close() {
	_ = s.conn.SetWriteDeadline(time.Now().Add(farewell))
	switch {
	case s.done:
	case s.conn.Cancel:
		_, _ = s.conn.Send(cancelRequest(s.id))
	default:
		_, _ = s.conn.Send(wire.Integer(wire.AbandonRequest, s.id))
	}
	_, _ = s.conn.Send(wire.Element(wire.UnbindRequest))
	_ = s.conn.Close()
}

// cancelRequest asks to end the request with an id (RFC 3909 §2).
func cancelRequest(id int) []byte {
	value := wire.Element(wire.TagSequence, wire.Integer(wire.TagInteger, id))
	return wire.Element(wire.ExtendedRequest, wire.Octets(0x80, OIDCancel), wire.Element(0x81, value))
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
