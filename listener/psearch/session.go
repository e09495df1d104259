package psearch

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/mailreg/mailreg/listener"
	"github.com/mailreg/mailreg/listener/connect"
	"github.com/mailreg/mailreg/listener/search"
	"github.com/mailreg/mailreg/listener/wire"
	"github.com/mailreg/mailreg/schema"
)

// errStopped says that the consumer wants no more.
var errStopped = errors.New("the session was stopped")

// session is one persistent search with its scans.
type session struct {
	source *Source
	stream *search.Stream
	queue  *queue
	names  *names
}

func newSession(s *Source) *session {
	return &session{source: s, queue: newQueue(s.config.Buffer), names: newNames()}
}

// run hands out events until the session ends, and says why; nil when the consumer has stopped it.
func (s *session) run(ctx context.Context, conn *connect.Conn, yield func(listener.Event) bool) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stream, err := search.Begin(conn, s.source.watch, control(), wire.Control(search.OIDManageDsaIT, false, nil))
	if err != nil {
		_ = conn.Close() // it is broken
		return err
	}
	s.stream = stream
	end := stream.Until(ctx)
	s.queue.hold()
	var reader sync.WaitGroup
	reader.Go(func() { cancel(s.read(ctx)) }) // a scan under way is of no use any more
	err = s.follow(ctx, yield)
	end()
	cancel(nil)
	reader.Wait() // it waits for nobody once the context has ended
	if errors.Is(err, errStopped) {
		return nil
	}
	return err
}

// follow alternates between scans and changes.
func (s *session) follow(ctx context.Context, yield func(listener.Event) bool) error {
	for first := true; ; first = false {
		if !first && !yield(listener.Event{Kind: listener.RefreshBegin}) {
			return errStopped
		}
		s.queue.hold()
		if err := s.scan(ctx, yield); err != nil {
			return s.cause(ctx, err)
		}
		if !yield(listener.Event{Kind: listener.RefreshEnd, Snapshot: true}) || !s.drain(yield) {
			return errStopped
		}
		if err := s.live(ctx, yield); err != nil {
			return s.cause(ctx, err)
		}
	}
}

// cause returns what made the context end, if it did: what came of that is of no interest.
func (s *session) cause(ctx context.Context, err error) error {
	if ctx.Err() != nil && !errors.Is(err, errStopped) {
		return context.Cause(ctx)
	}
	return err
}

// scan hands out everything that there is.
func (s *session) scan(ctx context.Context, yield func(listener.Event) bool) error {
	conn, err := s.source.Second(ctx)
	if err != nil {
		return fmt.Errorf("connecting for the scan: %w", err)
	}
	defer conn.Close()
	decoder := search.NewDecoder(s.source.words)
	strangers := search.Strangers{Log: s.source.config.Logger}
	for value, err := range search.Scan(ctx, conn, s.source.scan) {
		if err != nil {
			return err
		}
		entry, err := strangers.Entry(decoder, value)
		if err != nil {
			return err
		}
		if entry == nil {
			continue
		}
		s.names.learn(entry)
		if !yield(listener.Event{Kind: listener.Content, Entry: entry}) {
			return errStopped
		}
	}
	return strangers.Only()
}

// drain hands out what has queued up.
func (s *session) drain(yield func(listener.Event) bool) bool {
	for _, e := range s.queue.take() {
		if !yield(e) {
			return false
		}
	}
	return true
}

// live hands out changes until it is time for another scan.
func (s *session) live(ctx context.Context, yield func(listener.Event) bool) error {
	due := time.NewTimer(s.source.config.Compare)
	defer due.Stop()
	for {
		select {
		case <-due.C:
			return nil
		case <-s.queue.news:
			if !s.drain(yield) {
				return errStopped
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// read puts changes into the queue until the search ends. During a scan a full queue ends the session: not to read would
// have the server keep them, or disconnect.
func (s *session) read(ctx context.Context) error {
	decoder := search.NewDecoder(s.source.words)
	for {
		m, err := s.stream.Next()
		if err != nil {
			return err
		}
		e, err := s.change(decoder, m)
		if err != nil {
			return err
		}
		if e == nil {
			continue
		}
		if err := s.queue.put(ctx, *e); err != nil {
			return err
		}
	}
}

// change turns an answer into an event, nil when it is none.
func (s *session) change(decoder *search.Decoder, m wire.Message) (*listener.Event, error) {
	switch m.Operation {
	case wire.SearchEntry:
	case wire.SearchReference:
		return nil, nil // what it points to is not in this server
	case wire.SearchDone:
		result, err := m.Result()
		if err == nil {
			err = result.Err()
		}
		if err == nil {
			err = ErrEnded
		}
		return nil, err
	default:
		return nil, fmt.Errorf("%w: operation %#x in a search", wire.ErrFormat, m.Operation)
	}
	control, found, err := m.Control(oidChange)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, fmt.Errorf("%w: an entry without a notification of what has changed", wire.ErrFormat)
	}
	c, err := parseChange(control)
	if err != nil {
		return nil, err
	}
	if c.kind == changeDelete {
		return s.deleted(decoder, m)
	}
	return s.changed(decoder, m)
}

// changed is an entry as it is now; one that is not selected has left the filter, or was never in it. One whose identity we
// may not read is none of ours, unless it was when it had that name: then it is to be looked up.
func (s *session) changed(decoder *search.Decoder, m wire.Message) (*listener.Event, error) {
	dn, attrs, err := decoder.Attributes(m.Value)
	if err != nil {
		return nil, err
	}
	uuid, err := s.source.words.UUID(attrs)
	if err != nil {
		if uuid, known := s.names.find(dn); known {
			return &listener.Event{Kind: listener.Gone, UUIDs: []schema.UUID{uuid}}, nil
		}
		return nil, nil
	}
	entry := s.source.words.Entry(uuid, dn, attrs)
	if selects := s.source.config.Selects; selects != nil && !selects(entry) {
		return &listener.Event{Kind: listener.Gone, UUIDs: []schema.UUID{entry.UUID}}, nil
	}
	s.names.learn(entry)
	return &listener.Event{Kind: listener.Content, Entry: entry}, nil
}

// deleted is an entry that was deleted. A server may send little of it, but its name.
func (s *session) deleted(decoder *search.Decoder, m wire.Message) (*listener.Event, error) {
	dn, attrs, err := decoder.Attributes(m.Value)
	if err != nil {
		return nil, err
	}
	uuid, err := s.source.words.UUID(attrs)
	if err != nil {
		known := false
		if uuid, known = s.names.find(dn); !known {
			return nil, fmt.Errorf("%w: %s", ErrUnknown, dn)
		}
	}
	return &listener.Event{Kind: listener.Gone, UUIDs: []schema.UUID{uuid}}, nil
}
