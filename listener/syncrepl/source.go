package syncrepl

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
	"github.com/mailreg/mailreg/listener/refusal"
	"github.com/mailreg/mailreg/listener/search"
	"github.com/mailreg/mailreg/schema"
)

// ErrEnded says that the server has ended the search in good order.
var ErrEnded = errors.New("the server has ended the search")

// Config says what is followed.
type Config struct {
	// Server is where the provider is and as whom we read.
	Server connect.Server
	// Base is the DN below which entries are followed.
	Base string
	// Filter picks the entries, in canonical names; that of a schema.Scope without a host when empty.
	Filter string
	// Selects decides the same as Filter about single entries, for servers that say nothing of an entry which has left the
	// filter while nobody listened, as 389-ds: then all entries are asked for. The server decides when it is nil.
	Selects func(*schema.Entry) bool
	// Attributes are asked for, by canonical names; schema.Attributes() when there are none.
	Attributes []string
	// Profile is what the directory calls them, Identity what the UUIDs of the server's sync controls are; entryUUID when
	// empty.
	Profile  schema.Profile
	Identity schema.Identity
	// Interval is the time from one refresh to the next of a server that does not persist; 10 s when zero.
	Interval time.Duration
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
	if c.Server.Memory == nil {
		c.Server.Memory = connect.NewMemory()
	}
	c.Interval = cmp.Or(c.Interval, 10*time.Second)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	filter := c.Profile.Filter(c.Filter)
	if c.Selects != nil {
		filter = ""
	}
	words := c.Profile.Vocabulary(c.Attributes, cmp.Or(c.Identity, schema.EntryUUID))
	operation, err := search.Query{
		Base: c.Base, Scope: search.Subtree, Filter: filter, Attributes: words.Ask,
	}.Operation()
	if err != nil {
		return nil, err
	}
	return &Source{
		Connection: search.NewConnection(c.Server), config: c, words: words, search: operation, log: c.Logger,
	}, nil
}

// Events runs a session: from the cookie on when there is one, else from the beginning. Its last element is an error,
// always:
//
//   - what connect.Open returned;
//   - a *refusal.Error when the server ended the search with a code, together with listener.ErrCookie or
//     listener.ErrRewound when the cookie is the reason;
//   - a *listener.Again when the server ended the search in good order behind the refresh: it does not persist, or not for
//     ever. ErrEnded without one when the refresh had no end;
//   - a *wire.Disconnection when the server has announced that it closes the connection;
//   - wire.ErrFormat for what is not RFC 4533, listener.ErrCookie when the server has silently ignored the cookie;
//   - an error of the connection;
//   - the context's cause when it was cancelled.
//
// An address that does not serve us is passed over next time (connect.Memory). The cookie must be one from the address that
// is reached: see Connect.
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
			config:  &s.config,
			phase:   phase{resumed: len(cookie) > 0},
			decoder: search.NewDecoder(s.words),
		}
		if len(cookie) > 0 && s.words.Identity == schema.NSUniqueID {
			if err := checkChangelog(ctx, conn, cookie); err != nil {
				_ = conn.Close() // the next session begins anew
				yield(listener.Event{}, fmt.Errorf("following %s: %w", conn.URL, err))
				return
			}
			session.completer = &completer{source: s}
		}
		for event, err := range session.run(ctx, s.search, controls(s.mode(conn.URL), cookie)...) {
			if err != nil {
				err = s.judge(conn.URL, err)
			}
			if !yield(event, err) || err != nil {
				return
			}
		}
	}
}

// mode returns how the server at an address is asked.
func (s *Source) mode(url string) int {
	if s.config.Server.Memory.OneShot(url) {
		return refreshOnly
	}
	return refreshAndPersist
}

// judge draws the conclusions from the error that has ended a session: how the server is asked next, and whether others are
// asked first.
func (s *Source) judge(url string, err error) error {
	told := fmt.Errorf("following %s: %w", url, err)
	refused, ok := errors.AsType[*refusal.Error](err)
	if !ok || refused.Reload {
		return told
	}
	if refused.Persist {
		memory := s.config.Server.Memory
		persists := !memory.OneShot(url)
		memory.SetOneShot(url, persists)
		if persists {
			return told // once more, in the other way
		}
	}
	return s.config.Server.PassOver(url, told)
}
