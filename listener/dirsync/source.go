package dirsync

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

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
	// Attributes are asked for, by canonical names; schema.Attributes() when there are none.
	Attributes []string
	// Profile is what the directory calls them.
	Profile schema.Profile
	// Interval is the time between two questions for changes; 5 s when zero.
	Interval time.Duration
	// Recount is the least time between two counts of the entries by an account that is not shown deletions; a minute when
	// zero.
	Recount time.Duration
	// Logger is for what is no error; discarded when nil.
	Logger *slog.Logger
}

// Source is a provider to follow. It serves one session at a time.
type Source struct {
	*search.Connection
	config Config
	base   schema.DN
	words  *schema.Vocabulary
	filter string   // in the server's words
	watch  []string // the attributes whose changes count
	log    *slog.Logger
}

var (
	_ listener.Source    = (*Source)(nil)
	_ listener.Connecter = (*Source)(nil)
)

// New returns a source; it connects to nothing yet. A base or filter that cannot be parsed is an error.
func New(c Config) (*Source, error) {
	c.Filter = cmp.Or(c.Filter, schema.Scope{Base: c.Base}.Filter())
	if len(c.Attributes) == 0 {
		c.Attributes = schema.Attributes()
	}
	c.Interval, c.Recount = cmp.Or(c.Interval, 5*time.Second), cmp.Or(c.Recount, time.Minute)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	base, err := schema.ParseDN(c.Base)
	if err != nil {
		return nil, err
	}
	s := &Source{
		Connection: search.NewConnection(c.Server), config: c, base: base, filter: c.Profile.Filter(c.Filter), log: c.Logger,
		words: c.Profile.Vocabulary(c.Attributes, schema.ObjectGUID),
	}
	if _, err := ldap.CompileFilter(s.filter); err != nil {
		return nil, fmt.Errorf("filter %s: %w", s.filter, err)
	}
	s.watch = append(watched(s.words.Ask), attrDeleted, attrName)
	return s, nil
}

// watched leaves out what changes with every write, and what is no attribute but made of others.
func watched(names []string) []string {
	made := []string{"whenChanged", "whenCreated", "modifyTimestamp", "createTimestamp", "distinguishedName", "objectGUID", "memberOf"}
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return slices.ContainsFunc(made, func(m string) bool { return strings.EqualFold(m, name) })
	})
}

// Events runs a session: from the cookie on when there is one, else from the beginning. Its last element is an error,
// always:
//
//   - what connect.Open returned;
//   - listener.ErrCookie when the cookie is not of this server, or older than its memory of deletions, or the server does
//     not accept it;
//   - a *wire.Result when the server ended a search with a code, wire.ErrFormat for what is no answer;
//   - an error of the connection;
//   - the context's cause when it was cancelled.
func (s *Source) Events(ctx context.Context, cookie []byte) iter.Seq2[listener.Event, error] {
	return func(yield func(listener.Event, error) bool) {
		conn, err := s.Take(ctx)
		if err != nil {
			yield(listener.Event{}, err)
			return
		}
		defer conn.Close()
		session := &session{
			Source: s, conn: conn, tell: yield,
			decoder: search.NewDecoder(s.words), changes: search.NewDecoder(&schema.Vocabulary{Ask: []string{attrDeleted, attrName, attrGUID}}),
		}
		err = session.run(ctx, cookie)
		switch {
		case session.stopped:
			return
		case ctx.Err() != nil:
			err = context.Cause(ctx) // what reading gave is only that the connection is closed
		}
		yield(listener.Event{}, fmt.Errorf("following %s: %w", conn.URL, err))
	}
}
