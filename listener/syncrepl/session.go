package syncrepl

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"strings"

	"github.com/mailreg/mailreg/listener"
	"github.com/mailreg/mailreg/listener/connect"
	"github.com/mailreg/mailreg/listener/refusal"
	"github.com/mailreg/mailreg/listener/search"
	"github.com/mailreg/mailreg/listener/wire"
	"github.com/mailreg/mailreg/schema"
)

// session is one search.
type session struct {
	conn   *connect.Conn
	log    *slog.Logger
	config *Config
	stream *search.Stream

	phase      phase
	decoder    *search.Decoder
	entries    int  // that have come
	references int  // that were passed over
	ended      bool // the server has ended the search
	// completer is nil where the server sends entries whole.
	completer *completer
}

// run sends the search and yields what comes of it until it ends. It closes the connection.
func (s *session) run(ctx context.Context, operation []byte, controls ...[]byte) iter.Seq2[listener.Event, error] {
	return func(yield func(listener.Event, error) bool) {
		stream, err := search.Begin(s.conn, operation, controls...)
		if err != nil {
			_ = s.conn.Close() // it is broken
			yield(listener.Event{}, err)
			return
		}
		stream.Notice = func(oid string) { s.log.Info("passing over a notice of the directory", "op", "follow", "oid", oid) }
		s.stream = stream
		defer stream.Until(ctx)()
		defer s.completer.close()
		for {
			event, err := s.next(ctx)
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
func (s *session) next(ctx context.Context) (*listener.Event, error) {
	switch {
	case s.ended && s.phase.refreshed:
		return nil, &listener.Again{After: s.config.Interval, Why: ErrEnded}
	case s.ended:
		return nil, ErrEnded
	}
	m, err := s.stream.Next()
	if large, ok := errors.AsType[*wire.TooLarge](err); ok {
		return s.tooLarge(large)
	}
	if err != nil {
		return nil, err
	}
	return s.message(ctx, m)
}

// tooLarge passes over an entry beyond the bound: the others must not wait for it. The listener is told, and keeps what it
// has of it.
func (s *session) tooLarge(large *wire.TooLarge) (*listener.Event, error) {
	control, found, err := large.Message.Control(oidState)
	if err != nil || !found || large.Message.Operation != wire.SearchEntry {
		return nil, errors.Join(err, large)
	}
	state, err := parseState(control)
	if err != nil {
		return nil, err
	}
	dn, _, err := wire.Expect(large.Message.Value, wire.TagOctets)
	if err != nil {
		return nil, fmt.Errorf("entry %s: %w: %w", state.uuid, large, err)
	}
	e := s.phase.event(listener.Unreadable, state.cookie)
	e.UUIDs, e.DN, e.Reason = []schema.UUID{state.uuid}, strings.Clone(dn), "it comes in "+large.Error()
	return e, nil
}

// message takes an answer to the search.
func (s *session) message(ctx context.Context, m wire.Message) (*listener.Event, error) {
	switch m.Operation {
	case wire.SearchEntry:
		return s.searchEntry(ctx, m)
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

func (s *session) searchEntry(ctx context.Context, m wire.Message) (*listener.Event, error) {
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
	s.entries++
	entry, err := s.decoder.Entry(state.uuid, m.Value)
	if err != nil {
		return nil, fmt.Errorf("entry %s: %w", state.uuid, err)
	}
	if shown := entry.First(schema.AttrEntryUUID); shown != "" && !strings.EqualFold(shown, state.uuid.String()) {
		return nil, fmt.Errorf("%w: %s is sent as entry %s, but its entryUUID is %s", wire.ErrFormat, entry.DN, state.uuid, shown)
	}
	if s.completer != nil && !s.phase.refreshed {
		if entry, err = s.completer.complete(ctx, entry); err != nil {
			return nil, err
		}
	}
	event := s.phase.entry(state, entry)
	if selects := s.config.Selects; selects != nil && !selects(entry) {
		event.Kind, event.Entry, event.UUIDs = listener.Gone, nil, []schema.UUID{state.uuid}
	}
	return event, nil
}

// searchReference passes over a reference to another server: what it points to is not in this one. Referral objects
// themselves come as entries, for the request asks for that (ManageDsaIT); a server that does not know how sends these.
func (s *session) searchReference(m wire.Message) error {
	urls, err := wire.URLs(m.Value)
	if err != nil {
		return err
	}
	control, found, err := m.Control(oidState)
	if err != nil {
		return err
	}
	var state state
	if found {
		if state, err = parseState(control); err != nil {
			return err
		}
	}
	if s.references++; s.references == 1 {
		s.log.Info("passing over references to other servers", "op", "follow", "url", urls, "uuid", state.uuid.String())
	}
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
	if result.Err() != nil {
		return nil, s.refused(result)
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

// refused turns a result that is no success into the session's error.
func (s *session) refused(result *wire.Result) error {
	e := refusal.Of(result, refusal.Asked{
		Who: s.config.Server.Identity(), Base: s.config.Base, Entries: s.entries,
		Cookie: s.phase.resumed && !s.phase.refreshed, // a server that has ended the refresh has taken it
	})
	switch {
	case e.Rewound:
		return fmt.Errorf("%w: %w", listener.ErrRewound, e)
	case e.Reload:
		return fmt.Errorf("%w: %w", listener.ErrCookie, e)
	default:
		return e
	}
}
