package syncrepl

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"

	"github.com/mailreg/mailreg/listener"
	"github.com/mailreg/mailreg/listener/connect"
	"github.com/mailreg/mailreg/listener/search"
	"github.com/mailreg/mailreg/schema"
)

// ErrEnded says that the server has ended the session in good order, which a session that persists should not see.
var ErrEnded = errors.New("the server has ended the session")

// Config says what is followed.
type Config struct {
	// Server is where the provider is and as whom we read.
	Server connect.Server
	// Base is the DN below which entries are followed.
	Base string
	// Filter picks the entries, in canonical names; that of a schema.Scope without a host when empty.
	Filter string
	// Attributes are asked for, by canonical names; schema.Attributes() when there are none.
	Attributes []string
	// Profile is what the directory calls them, Identity what the UUIDs of the server's sync controls are; entryUUID when
	// empty.
	Profile  schema.Profile
	Identity schema.Identity
	// Logger is for what is no error; discarded when nil.
	Logger *slog.Logger
}

// Source is a provider to follow. It serves one session at a time.
type Source struct {
	*search.Connection
	config Config
	words  *schema.Vocabulary
	search []byte // as the content of a message
	log    *slog.Logger
}

var (
	_ listener.Source    = (*Source)(nil)
	_ listener.Connecter = (*Source)(nil)
)

// New returns a source; it connects to nothing yet. A filter that cannot be parsed is an error.
func New(c Config) (*Source, error) {
	if c.Filter == "" {
		c.Filter = schema.Scope{Base: c.Base}.Filter()
	}
	if len(c.Attributes) == 0 {
		c.Attributes = schema.Attributes()
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	words := c.Profile.Vocabulary(c.Attributes, cmp.Or(c.Identity, schema.EntryUUID))
	operation, err := search.Query{
		Base: c.Base, Scope: search.Subtree, Filter: c.Profile.Filter(c.Filter), Attributes: words.Ask,
	}.Operation()
	if err != nil {
		return nil, err
	}
	return &Source{Connection: search.NewConnection(c.Server), config: c, words: words, search: operation, log: c.Logger}, nil
}

// Events runs a session: from the cookie on when there is one, else from the beginning. Its last element is an error,
// always:
//
//   - what connect.Open returned;
//   - a *wire.Result when the server ended the search with a code, together with listener.ErrCookie when the cookie is
//     the reason, or ErrEnded when it did so without one;
//   - wire.ErrFormat for what is not RFC 4533, listener.ErrCookie when the server has silently ignored the cookie;
//   - an error of the connection;
//   - the context's cause when it was cancelled.
//
// The cookie must be one from the address that is reached: see Connect.
func (s *Source) Events(ctx context.Context, cookie []byte) iter.Seq2[listener.Event, error] {
	return func(yield func(listener.Event, error) bool) {
		conn, err := s.Take(ctx)
		if err != nil {
			yield(listener.Event{}, err)
			return
		}
		session := &session{
			conn:    conn,
			log:     s.log,
			phase:   phase{resumed: len(cookie) > 0},
			decoder: search.NewDecoder(s.words),
		}
		for event, err := range session.run(ctx, s.search, cookie) {
			if err != nil {
				err = fmt.Errorf("following %s: %w", conn.URL, err)
			}
			if !yield(event, err) || err != nil {
				return
			}
		}
	}
}
