// Package advice looks at a directory server the way its followers need it, and says what to change there, as LDIF for its
// administrator. It only reads, as the identity that the daemon has; what that may not see is said to be unknown, or told
// from how the server behaves.
package advice

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/mailreg/mailreg/listener/connect"
	"github.com/mailreg/mailreg/listener/control"
)

// Config says what is looked at.
type Config struct {
	Server connect.Server
	// Base and Filter are what the daemon follows.
	Base, Filter string
	// URL returns the address that the source has reached; the first usable of Server is asked when it is nil or returns "".
	URL func() string
	// Now is the clock. Nil: time.Now.
	Now func() time.Time
}

// oidSync is the control that asks for content synchronization (RFC 4533).
const oidSync = "1.3.6.1.4.1.4203.1.9.1.1"

// server is a connection with what was learnt about its server.
type server struct {
	*ldap.Conn
	cfg  Config
	root *ldap.Entry
	// suffix is the naming context that holds the base, "" when the server does not say.
	suffix string
	// database is its configuration, nil when cn=config cannot be read.
	database *database
}

// Examine connects and looks. The error says that it could not connect, or that the connection broke.
func Examine(ctx context.Context, cfg Config) ([]control.Advice, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	target := cfg.Server
	if cfg.URL != nil {
		if url := cfg.URL(); url != "" {
			target.URLs = []string{url}
		}
	}
	raw, err := connect.Open(ctx, target)
	if err != nil {
		return nil, err
	}
	s := &server{Conn: ldap.NewConn(raw, false), cfg: cfg}
	s.Start()
	defer s.Close()
	defer context.AfterFunc(ctx, func() { _ = s.Close() })() // go-ldap's searches know no context
	all, err := s.examine()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return all, err
}

// examine asks one thing after the other: what kind of server it is decides what else there is to ask.
func (s *server) examine() ([]control.Advice, error) {
	found, err := s.read("", "*", "+")
	switch {
	case err != nil:
		return nil, err
	case len(found) == 0:
		return []control.Advice{unknown("kind", "the server does not show its root DSE")}, nil
	}
	s.root = found[0]
	s.suffix = suffixOf(s.root.GetEqualFoldAttributeValues("namingContexts"), s.cfg.Base)
	looks := []func() ([]control.Advice, error){s.kind, s.rights, s.limits, s.clock}
	if s.openLDAP() {
		if s.database, err = s.readConfig(); err != nil {
			return nil, err
		}
		looks = append(looks, s.overlay, s.index)
	}
	var all []control.Advice
	for _, look := range looks {
		list, err := look()
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	return all, nil
}

func (s *server) openLDAP() bool {
	for _, class := range s.root.GetEqualFoldAttributeValues("objectClass") {
		if strings.EqualFold(class, "OpenLDAProotDSE") {
			return true
		}
	}
	return false
}

// reach says how far a search goes: its scope, and after how many entries it ends, 0 for none.
type reach struct{ scope, limit int }

// anyBelow finds one entry, whichever.
func anyBelow() reach { return reach{ldap.ScopeWholeSubtree, 1} }

// search returns what a search finds; an answer that there is nothing, or nothing for us, is an empty result.
func (s *server) search(dn string, r reach, filter string, attrs ...string) ([]*ldap.Entry, error) {
	result, err := s.Search(ldap.NewSearchRequest(dn, r.scope, ldap.NeverDerefAliases, r.limit, 0, false, filter, attrs, nil))
	switch {
	case err == nil || r.limit > 0 && ldap.IsErrorWithCode(err, ldap.LDAPResultSizeLimitExceeded):
		return result.Entries, nil
	case refused(err):
		return nil, nil
	default:
		return nil, fmt.Errorf("searching %q for %s: %w", dn, filter, err)
	}
}

func (s *server) read(dn string, attrs ...string) ([]*ldap.Entry, error) {
	return s.search(dn, reach{scope: ldap.ScopeBaseObject}, "(objectClass=*)", attrs...)
}

// refused reports whether the error is the server's answer, and not a broken connection.
func refused(err error) bool {
	result, ok := errors.AsType[*ldap.Error](err)
	return ok && result.ResultCode < ldap.ErrorNetwork
}

// suffixOf returns the longest of the naming contexts that is the base or above it.
func suffixOf(contexts []string, base string) (longest string) {
	below, err := ldap.ParseDN(base)
	if err != nil {
		return ""
	}
	depth := -1
	for _, text := range contexts {
		dn, err := ldap.ParseDN(text)
		if err == nil && len(dn.RDNs) > depth && (dn.EqualFold(below) || dn.AncestorOfFold(below)) {
			longest, depth = text, len(dn.RDNs)
		}
	}
	return longest
}

// fine, unknown, warning and problem make advice.
func fine(check, format string, args ...any) control.Advice {
	return control.Advice{Check: check, Level: "ok", Message: fmt.Sprintf(format, args...)}
}

func unknown(check, format string, args ...any) control.Advice {
	return control.Advice{Check: check, Level: "unknown", Message: "could not be looked at: " + fmt.Sprintf(format, args...)}
}

func warning(check, ldif, format string, args ...any) control.Advice {
	return control.Advice{Check: check, Level: "warning", Message: fmt.Sprintf(format, args...), LDIF: ldif}
}

func problem(check, ldif, format string, args ...any) control.Advice {
	return control.Advice{Check: check, Level: "problem", Message: fmt.Sprintf(format, args...), LDIF: ldif}
}

// identity is who we are to the server's access rules, "" when that is not a DN.
func (s *server) identity() string { return s.cfg.Server.BindDN }

// name is how the identity is called in messages.
func (s *server) name() string { return cmp.Or(s.identity(), "the daemon") }
