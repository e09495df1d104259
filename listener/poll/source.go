package poll

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/mailreg/mailreg/listener"
	"github.com/mailreg/mailreg/listener/connect"
	"github.com/mailreg/mailreg/listener/search"
	"github.com/mailreg/mailreg/schema"
)

// Config says what is followed.
type Config struct {
	// Server is where the provider is and as whom we read.
	Server connect.Server
	// Base is the DN below which entries are followed.
	Base string
	// Filter picks the entries, in canonical names; that of a schema.Scope without a host when empty.
	Filter string
	// Selects decides the same as Filter about entries that have changed. When it is nil the server does, and entries that
	// leave the filter are noticed by the next comparison only.
	Selects func(*schema.Entry) bool
	// Attributes are asked for, by canonical names; schema.Attributes() when there are none.
	Attributes []string
	// Profile is what the directory calls them, Identity what identifies its entries; entryUUID when empty.
	Profile  schema.Profile
	Identity schema.Identity
	// Interval is the time between questions, 30 s when zero; Compare that after which everything is compared, an hour when
	// zero.
	Interval, Compare time.Duration
	// Overlap is how far each question goes back behind the newest time that was seen; 5 s when zero.
	Overlap time.Duration
	// Now is the wall clock; time.Now when nil.
	Now func() time.Time
	// Logger is for what is no error; discarded when nil.
	Logger *slog.Logger
}

// Source is a provider to follow. It serves one session at a time.
type Source struct {
	*search.Connection
	config  Config
	words   *schema.Vocabulary
	dated   string // the attribute that dates entries
	only    bool   // nobody but us wants it
	compare search.Query
}

var (
	_ listener.Source    = (*Source)(nil)
	_ listener.Connecter = (*Source)(nil)
)

// New returns a source; it connects to nothing yet. A filter that cannot be parsed is an error.
func New(c Config) (*Source, error) {
	c.Filter = cmp.Or(c.Filter, schema.Scope{Base: c.Base}.Filter())
	c.Interval, c.Compare, c.Overlap = cmp.Or(c.Interval, 30*time.Second), cmp.Or(c.Compare, time.Hour), cmp.Or(c.Overlap, 5*time.Second)
	if len(c.Attributes) == 0 {
		c.Attributes = schema.Attributes()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	words := c.Profile.Vocabulary(c.Attributes, cmp.Or(c.Identity, schema.EntryUUID))
	s := &Source{Connection: search.NewConnection(c.Server), config: c, words: words, dated: c.Profile.Attribute(schema.AttrModified)}
	s.only = !slices.ContainsFunc(words.Ask, func(name string) bool { return strings.EqualFold(name, s.dated) })
	s.compare = search.Query{
		Base: c.Base, Scope: search.Subtree, Filter: c.Profile.Filter(c.Filter), Attributes: slices.Concat(words.Ask, []string{s.dated}),
	}
	_, err := s.compare.Operation()
	return s, err
}

var errStopped = errors.New("the session was stopped")

// Events runs a session; there are no positions, so the cookie counts for nothing. Its last element is an error, always: of
// the connection, a *wire.Result, wire.ErrFormat, or the context's cause.
func (s *Source) Events(ctx context.Context, _ []byte) iter.Seq2[listener.Event, error] {
	return func(yield func(listener.Event, error) bool) {
		conn, err := s.Take(ctx)
		if err != nil {
			yield(listener.Event{}, err)
			return
		}
		defer conn.Close()
		session := &session{source: s, conn: conn, decoder: search.NewDecoder(s.words, s.dated)}
		err = session.run(ctx, func(e listener.Event) bool { return yield(e, nil) })
		if !errors.Is(err, errStopped) {
			yield(listener.Event{}, fmt.Errorf("following %s: %w", conn.URL, err))
		}
	}
}
