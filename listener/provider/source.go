package provider

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/mailreg/mailreg/listener"
	"github.com/mailreg/mailreg/listener/connect"
	"github.com/mailreg/mailreg/listener/dirsync"
	"github.com/mailreg/mailreg/listener/poll"
	"github.com/mailreg/mailreg/listener/psearch"
	"github.com/mailreg/mailreg/listener/refusal"
	"github.com/mailreg/mailreg/listener/search"
	"github.com/mailreg/mailreg/listener/syncrepl"
	"github.com/mailreg/mailreg/listener/wire"
	"github.com/mailreg/mailreg/schema"
)

// Config says what is followed, and how.
type Config struct {
	// Server is where the provider is and as whom we read.
	Server connect.Server
	// Base is the DN below which entries are followed.
	Base string
	// Filter picks the entries, in canonical names; Selects decides the same about single entries.
	Filter  string
	Selects func(*schema.Entry) bool
	// Attributes are asked for, by canonical names.
	Attributes []string
	// Profile is what the directory calls them.
	Profile schema.Profile
	// Kind is ldap/source; auto when empty.
	Kind Kind
	// Homes is the identity that names mail homes, when something does (layout uuid): a server with another one is refused.
	Homes schema.Identity
	// Interval is that of polling and DirSync, Compare that of polling and persistent search.
	Interval, Compare time.Duration
	// Buffer is the number of changes that a persistent search keeps during a scan; its own default when zero.
	Buffer int
	// Logger is for what is no error; discarded when nil.
	Logger *slog.Logger
}

// Source is a provider to follow. It serves one session at a time.
type Source struct {
	*search.Connection
	config Config

	mu sync.Mutex
	// kind, identity and session are what was chosen at the last Connect.
	kind     Kind
	identity schema.Identity
	session  session
	// unfit are kinds that a server has announced and refused, by kind and address.
	unfit map[string]bool
}

// session is a source that takes over a connection.
type session interface {
	listener.Source
	Use(*connect.Conn)
}

var (
	_ listener.Source  = (*Source)(nil)
	_ listener.Chooser = (*Source)(nil)
)

// New returns a source; it connects to nothing yet. A filter that cannot be parsed is an error.
func New(c Config) (*Source, error) {
	c.Kind = cmp.Or(c.Kind, Auto)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Source{Connection: search.NewConnection(c.Server), config: c, unfit: map[string]bool{}}
	_, err := s.follow(Poll, schema.EntryUUID)
	return s, err
}

// Connect connects, and chooses.
func (s *Source) Connect(ctx context.Context) (string, error) {
	url, err := s.Connection.Connect(ctx)
	if err != nil {
		return "", err
	}
	conn, err := s.Take(ctx)
	if err != nil {
		return "", err
	}
	if err := s.choose(ctx, conn); err != nil {
		_ = conn.Close() // the error that counts is the first
		err = fmt.Errorf("choosing how to follow %s: %w", url, err)
		if ctx.Err() != nil {
			return "", err
		}
		return "", s.config.Server.PassOver(url, err)
	}
	return url, nil
}

// choose reads what the server says of itself and hands the connection to the source that is chosen.
func (s *Source) choose(ctx context.Context, conn *connect.Conn) error {
	root, err := readRootDSE(ctx, conn)
	if err != nil {
		return err
	}
	conn.Cancel = slices.Contains(root.extensions, search.OIDCancel)
	identity, err := root.identify(ctx, conn, s.config.Base)
	if err != nil {
		return err
	}
	if homes := s.config.Homes; homes != "" && homes != identity {
		return fmt.Errorf("its entries are identified by %s, but mail homes are named by %s: set mail/dovecot/location/key to address", identity, homes)
	}
	kind := s.config.Kind
	if kind == Auto {
		if kind, err = root.choose(func(k Kind) bool { return s.isUnfit(k, conn.URL) }); err != nil {
			return err
		}
	}
	session, err := s.follow(kind, identity)
	if err != nil {
		return err
	}
	session.Use(conn)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kind != kind || s.identity != identity {
		s.config.Logger.Info("has chosen how to follow the directory", "op", "follow", "url", conn.URL,
			"kind", string(kind), "identity", string(identity))
	}
	s.kind, s.identity, s.session = kind, identity, session
	return nil
}

// follow makes the source of a kind.
func (s *Source) follow(kind Kind, identity schema.Identity) (session, error) {
	c := s.config
	switch kind {
	case Syncrepl:
		var selects func(*schema.Entry) bool
		if identity == schema.NSUniqueID {
			selects = c.Selects
		}
		return syncrepl.New(syncrepl.Config{
			Server: c.Server, Base: c.Base, Filter: c.Filter, Attributes: c.Attributes, Profile: c.Profile, Identity: identity,
			Selects: selects, Logger: c.Logger,
		})
	case DirSync:
		return dirsync.New(dirsync.Config{
			Server: c.Server, Base: c.Base, Filter: c.Filter, Attributes: c.Attributes, Profile: c.Profile,
			Interval: c.Interval, Logger: c.Logger,
		})
	case PSearch:
		return psearch.New(psearch.Config{
			Server: c.Server, Base: c.Base, Filter: c.Filter, Selects: c.Selects, Attributes: c.Attributes, Profile: c.Profile,
			Identity: identity, Compare: c.Compare, Buffer: c.Buffer, Logger: c.Logger,
		})
	case Poll:
		return poll.New(poll.Config{
			Server: c.Server, Base: c.Base, Filter: c.Filter, Selects: c.Selects, Attributes: c.Attributes, Profile: c.Profile,
			Identity: identity, Interval: c.Interval, Compare: c.Compare, Logger: c.Logger,
		})
	default:
		return nil, fmt.Errorf("ldap/source %q is none", kind)
	}
}

// Chosen returns the kind and the identity that are in use, "" before the first Connect.
func (s *Source) Chosen() (kind, identity string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return string(s.kind), string(s.identity)
}

// Identity is what identifies the entries of the server that was reached last; entryUUID before the first.
func (s *Source) Identity() schema.Identity {
	s.mu.Lock()
	defer s.mu.Unlock()
	return cmp.Or(s.identity, schema.EntryUUID)
}

// Events runs a session of the chosen kind, as its package says.
func (s *Source) Events(ctx context.Context, cookie []byte) iter.Seq2[listener.Event, error] {
	return func(yield func(listener.Event, error) bool) {
		s.mu.Lock()
		session, kind := s.session, s.kind
		s.session = nil
		s.mu.Unlock()
		if session == nil {
			if _, err := s.Connect(ctx); err != nil {
				yield(listener.Event{}, err)
				return
			}
			s.mu.Lock()
			session, kind = s.session, s.kind
			s.session = nil
			s.mu.Unlock()
		}
		for event, err := range session.Events(ctx, cookie) {
			s.judge(kind, err)
			if !yield(event, s.explain(err)) {
				return
			}
		}
	}
}

// judge remembers a kind that a server announces and refuses: OpenLDAP announces the sync control of a module that no
// database need have. That it refuses a cookie says nothing of the kind; Samba has the same code for it.
func (s *Source) judge(kind Kind, err error) {
	var result *wire.Result
	if s.config.Kind != Auto || errors.Is(err, listener.ErrCookie) || !errors.As(err, &result) || result.Code != ldap.LDAPResultUnavailableCriticalExtension {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unfit[string(kind)+" "+s.URL()] = true
}

// explain says what it means that the server has refused a search, unless the session has done so already, and lets others
// be asked first.
func (s *Source) explain(err error) error {
	_, done := errors.AsType[*refusal.Error](err)
	if _, refused := errors.AsType[*wire.Result](err); !refused || done || errors.Is(err, listener.ErrCookie) {
		return err
	}
	asked := refusal.Asked{Who: s.config.Server.Identity(), Base: s.config.Base}
	return s.config.Server.PassOver(s.URL(), refusal.Explain(err, asked))
}

func (s *Source) isUnfit(kind Kind, url string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.unfit[string(kind)+" "+url]
}
