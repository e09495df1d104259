package poll

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/mailreg/mailreg/listener"
	"github.com/mailreg/mailreg/listener/connect"
	"github.com/mailreg/mailreg/listener/search"
	"github.com/mailreg/mailreg/schema"
)

// session asks on one connection.
type session struct {
	source  *Source
	conn    *connect.Conn
	decoder *search.Decoder
	// newest is the latest time of change that was seen, took how long the last answer took: what has changed meanwhile may
	// have stood in a part that had come already.
	newest stamp
	took   time.Duration
}

// run asks until something fails.
func (s *session) run(ctx context.Context, yield func(listener.Event) bool) error {
	for first := true; ; first = false {
		if !first && !yield(listener.Event{Kind: listener.RefreshBegin}) {
			return errStopped
		}
		if err := s.ask(ctx, s.source.compare, s.content(yield)); err != nil {
			return err
		}
		if !yield(listener.Event{Kind: listener.RefreshEnd, Snapshot: true}) {
			return errStopped
		}
		if err := s.poll(ctx, yield); err != nil {
			return err
		}
	}
}

// poll asks for what has changed until it is time to compare everything.
func (s *session) poll(ctx context.Context, yield func(listener.Event) bool) error {
	config := s.source.config
	tick := time.NewTicker(config.Interval)
	defer tick.Stop()
	due := time.NewTimer(config.Compare)
	defer due.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-due.C:
			return nil
		case <-tick.C:
		}
		if err := s.ask(ctx, s.changes(), s.selected(yield)); err != nil {
			return err
		}
	}
}

// changes is the question for what has changed: of all entries when it is decided here which of them count.
func (s *session) changes() search.Query {
	q := s.source.compare
	if s.source.config.Selects != nil {
		q.Filter = "(objectClass=*)"
	}
	if from := s.newest.before(s.source.config.Overlap + s.took); from != "" {
		q.Filter = "(&" + q.Filter + "(" + s.source.dated + ">=" + from + "))"
	}
	return q
}

// ask asks one question and takes each entry of the answer.
func (s *session) ask(ctx context.Context, q search.Query, take func(*schema.Entry) bool) error {
	newest, begun := s.newest, time.Now()
	strangers := search.Strangers{Log: s.source.config.Logger}
	for value, err := range search.Scan(ctx, s.conn, q) {
		if err != nil {
			return err
		}
		dn, attrs, err := s.decoder.Attributes(value)
		if err != nil {
			return err
		}
		uuid, err := s.source.words.UUID(attrs)
		if strangers.Judge(dn, err) {
			continue
		}
		for _, a := range attrs {
			if strings.EqualFold(a.Name, s.source.dated) {
				// To ask from the future on would find nothing until it has come. A server whose clock is ahead only repeats itself.
				newest = newest.later(parseStamp(a.Values[0]), s.source.config.Now())
			}
		}
		if s.source.only {
			attrs = slices.DeleteFunc(attrs, func(a schema.Attribute) bool { return strings.EqualFold(a.Name, s.source.dated) })
		}
		if !take(s.source.words.Entry(uuid, dn, attrs)) {
			return errStopped
		}
	}
	if s.newest.at.IsZero() { // else they may be all that has changed
		if err := strangers.Only(); err != nil {
			return err
		}
	}
	s.newest, s.took = newest, time.Since(begun) // not before all of it has come
	return nil
}

// content hands out entries as they are.
func (s *session) content(yield func(listener.Event) bool) func(*schema.Entry) bool {
	return func(e *schema.Entry) bool { return yield(listener.Event{Kind: listener.Content, Entry: e}) }
}

// selected hands out entries as they are, and tells of those that are not selected that they are gone.
func (s *session) selected(yield func(listener.Event) bool) func(*schema.Entry) bool {
	selects := s.source.config.Selects
	content := s.content(yield)
	return func(e *schema.Entry) bool {
		if selects != nil && !selects(e) {
			return yield(listener.Event{Kind: listener.Gone, UUIDs: []schema.UUID{e.UUID}})
		}
		return content(e)
	}
}
