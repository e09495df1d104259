package syncrepl

import (
	"context"
	"fmt"
	"iter"
	"log/slog"

	"github.com/go-ldap/ldap/v3"

	"github.com/mailreg/mailreg/listener"
	"github.com/mailreg/mailreg/listener/connect"
	"github.com/mailreg/mailreg/listener/search"
	"github.com/mailreg/mailreg/listener/wire"
)

// session is one search that persists.
type session struct {
	conn   *connect.Conn
	log    *slog.Logger
	stream *search.Stream

	phase   phase
	decoder *search.Decoder
	ended   bool // the server has ended the search
}

// run sends the search and yields what comes of it until it ends. It closes the connection.
func (s *session) run(ctx context.Context, operation []byte, cookie []byte) iter.Seq2[listener.Event, error] {
	return func(yield func(listener.Event, error) bool) {
		stream, err := search.Begin(s.conn, operation, controls(cookie)...)
		if err != nil {
			_ = s.conn.Close() // it is broken
			yield(listener.Event{}, err)
			return
		}
		s.stream = stream
		defer stream.Until(ctx)()
		for {
			event, err := s.next()
			if ctx.Err() != nil {
				err = context.Cause(ctx) // what reading gave is only that the connection is closed
			}
			if err != nil {
				yield(listener.Event{}, err)
				return
			}
			if event != nil && !yield(*event, nil) {
				return
			}
		}
	}
}

// next reads one message. It returns nil when the message means nothing to the listener.
func (s *session) next() (*listener.Event, error) {
	if s.ended {
		return nil, ErrEnded
	}
	m, err := s.stream.Next()
	if err != nil {
		return nil, err
	}
	return s.message(m)
}

// message takes an answer to the search.
func (s *session) message(m wire.Message) (*listener.Event, error) {
	switch m.Operation {
	case wire.SearchEntry:
		return s.searchEntry(m)
	case wire.SearchReference:
		return nil, s.searchReference(m)
	case wire.Intermediate:
		return s.intermediate(m)
	case wire.SearchDone:
		return s.searchDone(m)
	default:
		return nil, fmt.Errorf("%w: operation %#x in a search", wire.ErrFormat, m.Operation)
	}
}

func (s *session) searchEntry(m wire.Message) (*listener.Event, error) {
	control, found, err := m.Control(oidState)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, fmt.Errorf("%w: an entry without sync state; the server does not synchronise", wire.ErrFormat)
	}
	state, err := parseState(control)
	if err != nil {
		return nil, err
	}
	if state.change != changeAdd && state.change != changeModify {
		return s.phase.mention(state), nil
	}
	entry, err := s.decoder.Entry(state.uuid, m.Value)
	if err != nil {
		return nil, fmt.Errorf("entry %s: %w", state.uuid, err)
	}
	return s.phase.entry(state, entry), nil
}

// searchReference passes over a reference to another server: what it points to is not in this one.
func (s *session) searchReference(m wire.Message) error {
	control, found, err := m.Control(oidState)
	if err != nil || !found {
		return err
	}
	state, err := parseState(control)
	if err != nil {
		return err
	}
	s.log.Debug("passing over a reference", "uuid", state.uuid)
	return nil
}

func (s *session) intermediate(m wire.Message) (*listener.Event, error) {
	value, found, err := intermediateValue(m.Value)
	if err != nil || !found {
		return nil, err
	}
	info, err := parseInfo(value)
	if err != nil {
		return nil, err
	}
	return s.phase.info(info)
}

// searchDone handles the end of the search, which is the end of the session.
func (s *session) searchDone(m wire.Message) (*listener.Event, error) {
	result, err := m.Result()
	if err != nil {
		return nil, err
	}
	refused := result.Code == ldap.LDAPResultSyncRefreshRequired || result.Code == ldap.LDAPResultUnwillingToPerform
	switch {
	case refused && s.phase.resumed:
		// 4096 is the protocol's; OpenLDAP says 53 to a cookie from its future, such as after a restored backup.
		return nil, fmt.Errorf("%w: %w", listener.ErrCookie, result)
	case result.Err() != nil:
		return nil, result
	}
	// Success: a server that does not persist ends the refresh with the search.
	s.ended = true
	control, found, err := m.Control(oidDone)
	if err != nil || !found {
		return nil, err
	}
	done, err := parseDone(control)
	if err != nil {
		return nil, err
	}
	return s.phase.done(done)
}
