package psearch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"time"

	"github.com/mailreg/mailreg/listener"
	"github.com/mailreg/mailreg/listener/connect"
	"github.com/mailreg/mailreg/listener/search"
	"github.com/mailreg/mailreg/schema"
)

var (
	// ErrEnded says that the server has ended the search in good order, which it should not.
	ErrEnded = errors.New("the server has ended the persistent search")
	// ErrOverflow says that more changes came during a scan than the buffer holds; the session is to begin anew.
	ErrOverflow = errors.New("more changes came during the scan than can be kept")
	// ErrUnknown says that an entry was deleted which the server does not identify, and whose name is not known.
	ErrUnknown = errors.New("a deletion of an entry that is not known by that name")
)

// Config says what is followed.
type Config struct {
	// Server is where the provider is and as whom we read.
	Server connect.Server
	// Base is the DN below which entries are followed.
	Base string
	// Filter picks the entries of a scan, in canonical names; that of a schema.Scope without a host when empty.
	Filter string
	// Selects decides the same as Filter about entries that have changed. When it is nil the server does, and entries that
	// leave the filter are noticed by the next scan only.
	Selects func(*schema.Entry) bool
	// Attributes are asked for, by canonical names; schema.Attributes() when there are none.
	Attributes []string
	// Profile is what the directory calls them, Identity what identifies its entries; entryUUID when empty.
	Profile  schema.Profile
	Identity schema.Identity
	// Compare is the time after which everything is scanned again; an hour when zero.
	Compare time.Duration
	// Buffer is the number of entries whose changes are kept during a scan; 20000 when zero.
	Buffer int
	// Logger is for what is no error; discarded when nil.
	Logger *slog.Logger
}

// Source is a provider to follow. It serves one session at a time.
type Source struct {
	*search.Connection
	config Config
	words  *schema.Vocabulary
	watch  []byte // the persistent search as the content of a message
	scan   search.Query
}

var (
	_ listener.Source    = (*Source)(nil)
	_ listener.Connecter = (*Source)(nil)
)

// New returns a source; it connects to nothing yet. A filter that cannot be parsed is an error.
func New(c Config) (*Source, error) {
	c.Filter = cmp.Or(c.Filter, schema.Scope{Base: c.Base}.Filter())
	c.Compare = cmp.Or(c.Compare, time.Hour)
	c.Buffer = cmp.Or(c.Buffer, 20000)
	if len(c.Attributes) == 0 {
		c.Attributes = schema.Attributes()
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	words := c.Profile.Vocabulary(c.Attributes, cmp.Or(c.Identity, schema.EntryUUID))
	s := &Source{Connection: search.NewConnection(c.Server), config: c, words: words}
	s.scan = search.Query{Base: c.Base, Scope: search.Subtree, Filter: c.Profile.Filter(c.Filter), Attributes: words.Ask}
	if _, err := s.scan.Operation(); err != nil {
		return nil, err
	}
	watch := s.scan
	if c.Selects != nil {
		watch.Filter = ""
	}
	var err error
	s.watch, err = watch.Operation()
	return s, err
}

// Events runs a session; there are no positions, so the cookie counts for nothing. Its last element is an error, always: of
// the connection, a *wire.Result, ErrEnded, ErrOverflow, ErrUnknown, wire.ErrFormat, or the context's cause.
func (s *Source) Events(ctx context.Context, _ []byte) iter.Seq2[listener.Event, error] {
	return func(yield func(listener.Event, error) bool) {
		conn, err := s.Take(ctx)
		if err != nil {
			yield(listener.Event{}, err)
			return
		}
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		session := newSession(s)
		if err := session.run(ctx, conn, func(e listener.Event) bool { return yield(e, nil) }); err != nil {
			yield(listener.Event{}, fmt.Errorf("following %s: %w", conn.URL, err))
		}
	}
}
