package probe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/mailreg/mailreg/listener"
	"github.com/mailreg/mailreg/listener/connect"
	"github.com/mailreg/mailreg/schema"
)

// Config says what is asked; Server, Base and Attributes are those of the source.
type Config struct {
	Server connect.Server
	Base   string
	// URL returns the address that the source has reached, so that the same server is asked: another one may lag behind.
	// The first usable of Server is asked when it is nil or returns "".
	URL func() string
	// Attributes are asked for, by canonical names; schema.Attributes() when there are none.
	Attributes []string
	// Profile is what the directory calls them.
	Profile schema.Profile
	// Identity returns what identifies the entries of the source's server; entryUUID when it is nil.
	Identity func() schema.Identity
	// Filter is that of the source in canonical names, for Scan; that of a schema.Scope without a host when empty.
	Filter string
	// Timeout bounds one question to the server; 30 s when zero.
	Timeout time.Duration
}

// Probe is a connection for questions, made when it is needed and kept. Its methods may be called from several
// goroutines; they take turns.
type Probe struct {
	config Config
	base   *ldap.DN
	turn   chan struct{} // holds a value while a question is asked
	conn   *conn         // nil when not connected
}

// conn is a connection with what was learnt about its server.
type conn struct {
	*ldap.Conn
	raw      *connect.Conn // below it
	url      string
	contexts []string // the server's naming contexts
	words    *schema.Vocabulary
	opened   time.Time
}

// remembers is how long a connection to 389-ds is kept: it decides once per connection what we may see of an entry, and does
// not notice that the rights have changed since.
const remembers = time.Second

// stale reports whether the server may answer by rights of former times.
func (c *conn) stale() bool {
	return c.words.Identity == schema.NSUniqueID && time.Since(c.opened) > remembers
}

var _ listener.Probe = (*Probe)(nil)

// New returns a probe; it connects to nothing yet.
func New(c Config) (*Probe, error) {
	if len(c.Attributes) == 0 {
		c.Attributes = schema.Attributes()
	}
	c.Timeout = cmp.Or(c.Timeout, 30*time.Second)
	base, err := ldap.ParseDN(c.Base)
	if err != nil {
		return nil, fmt.Errorf("base %q: %w", c.Base, err)
	}
	return &Probe{config: c, base: base, turn: make(chan struct{}, 1)}, nil
}

// Close closes the connection; the next question opens another one.
func (p *Probe) Close() error {
	p.turn <- struct{}{}
	defer func() { <-p.turn }()
	return p.drop()
}

func (p *Probe) drop() error {
	if p.conn == nil {
		return nil
	}
	conn := p.conn
	p.conn = nil
	return conn.Close()
}

// ask runs questions on the connection, after the context has let us have our turn. A kept connection that turns out to
// be broken is replaced once: servers close idle ones.
func (p *Probe) ask(ctx context.Context, questions func(*conn) error) error {
	select {
	case p.turn <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-p.turn }()
	for {
		kept := p.conn != nil
		if err := p.connect(ctx); err != nil {
			return err
		}
		err := p.watch(ctx, questions)
		if err == nil || answered(err) {
			return err
		}
		large := p.conn.raw.Reader.Beyond()
		_ = p.drop() // it is broken already
		if large != nil {
			return large
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if !kept {
			return err
		}
	}
}

// server is where to ask.
func (p *Probe) server() connect.Server {
	server := p.config.Server
	if p.config.URL != nil {
		if url := p.config.URL(); url != "" {
			server.URLs = []string{url}
		}
	}
	return server
}

func (p *Probe) connect(ctx context.Context) error {
	server := p.server()
	if p.conn != nil && !p.conn.IsClosing() && !p.conn.stale() && slices.Contains(server.URLs, p.conn.url) &&
		p.conn.words.Identity == p.identity() {
		return nil
	}
	_ = p.drop() // whatever it answers, it is the wrong one
	raw, err := connect.Open(ctx, server)
	if err != nil {
		return err
	}
	c := ldap.NewConn(raw, false)
	c.SetTimeout(p.config.Timeout)
	c.Start()
	p.conn = &conn{Conn: c, raw: raw, url: raw.URL, words: p.config.Profile.Vocabulary(p.config.Attributes, p.identity()), opened: time.Now()}
	return nil
}

func (p *Probe) identity() schema.Identity {
	if p.config.Identity == nil {
		return schema.EntryUUID
	}
	return p.config.Identity()
}

// watch closes the connection under the questions when the context ends: go-ldap's searches know none.
func (p *Probe) watch(ctx context.Context, questions func(*conn) error) error {
	c := p.conn
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	defer stop()
	return questions(c)
}

// answered reports whether the error is, or rests on, what the server has said, so that the connection is sound.
func answered(err error) bool {
	var result *ldap.Error
	return errors.Is(err, errNoVerdict) || errors.As(err, &result) && result.ResultCode < ldap.ErrorNetwork
}

// query is one search.
type query struct {
	dn     string
	scope  int
	limit  int // of entries; 0 means all
	filter string
	attrs  []string
	// controls go with the request.
	controls []ldap.Control
}

// search returns the entries that a query finds, at most its limit.
func (c *conn) search(q query) ([]*ldap.Entry, error) {
	request := ldap.NewSearchRequest(q.dn, q.scope, ldap.NeverDerefAliases, q.limit, 0, false, q.filter, q.attrs, q.controls)
	result, err := c.Search(request)
	if q.limit > 0 && ldap.IsErrorWithCode(err, ldap.LDAPResultSizeLimitExceeded) && len(result.Entries) > 0 {
		return result.Entries, nil
	}
	if err != nil {
		return nil, fmt.Errorf("searching %q for %s: %w", q.dn, q.filter, err)
	}
	return result.Entries, nil
}

// read returns one entry, if it can be seen.
func (c *conn) read(dn string, attrs ...string) ([]*ldap.Entry, error) {
	return c.search(query{dn: dn, scope: ldap.ScopeBaseObject, filter: "(objectClass=*)", attrs: attrs})
}

// namingContexts returns the DNs at the top of what the server holds; none when it does not say.
func (c *conn) namingContexts() ([]string, error) {
	if c.contexts != nil {
		return c.contexts, nil
	}
	entries, err := c.read("", "namingContexts")
	if err != nil && !hidden(err) {
		return nil, err
	}
	for _, e := range entries {
		c.contexts = append(c.contexts, e.GetEqualFoldAttributeValues("namingContexts")...)
	}
	return c.contexts, nil
}

// hidden reports whether the server has said that there is no such entry, or that we may not see it.
func hidden(err error) bool {
	return ldap.IsErrorAnyOf(err, ldap.LDAPResultNoSuchObject, ldap.LDAPResultInvalidDNSyntax) || forbidden(err)
}

func forbidden(err error) bool {
	return ldap.IsErrorWithCode(err, ldap.LDAPResultInsufficientAccessRights)
}

// Position returns the contextCSN values of the database that holds the base, sorted. There are none when they cannot be
// read, or when the server does not keep them.
func (p *Probe) Position(ctx context.Context) (csns []string, err error) {
	err = p.ask(ctx, func(c *conn) error {
		csns = nil
		contexts, err := c.namingContexts()
		if err != nil {
			return err
		}
		suffix := p.suffix(contexts)
		if suffix == "" {
			return nil
		}
		entries, err := c.read(suffix, "contextCSN")
		if err != nil && !hidden(err) {
			return err
		}
		for _, e := range entries {
			csns = append(csns, e.GetEqualFoldAttributeValues("contextCSN")...)
		}
		return nil
	})
	slices.Sort(csns)
	return csns, err
}

// suffix returns the longest naming context at or above the base.
func (p *Probe) suffix(contexts []string) (longest string) {
	depth := 0
	for _, text := range contexts {
		dn, err := ldap.ParseDN(text)
		if err != nil || len(dn.RDNs) <= depth {
			continue
		}
		if dn.EqualFold(p.base) || dn.AncestorOfFold(p.base) {
			longest, depth = text, len(dn.RDNs)
		}
	}
	return longest
}
