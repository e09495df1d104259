package dirsync

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/mailreg/mailreg/listener/connect"
	"github.com/mailreg/mailreg/listener/search"
	"github.com/mailreg/mailreg/listener/wire"
	"github.com/mailreg/mailreg/schema"
)

// rootDSE is what the server says of itself.
type rootDSE struct {
	contexts []string
	// service names the server among those of its domain.
	service string
	// usn is the number of its last write.
	usn  uint64
	time time.Time
}

// readRoot reads the root DSE of a server that must serve DirSync.
func readRoot(ctx context.Context, conn *connect.Conn) (rootDSE, error) {
	attrs, err := search.Read(ctx, conn, "", "supportedControl", "namingContexts", "dsServiceName", "highestCommittedUSN", "currentTime")
	if err != nil {
		return rootDSE{}, err
	}
	e := schema.NewEntry(schema.UUID{}, "", attrs...)
	if !slices.Contains(e.Values("supportedControl"), OID) {
		return rootDSE{}, errors.New("the server does not know the DirSync control: it is no Active Directory")
	}
	r := rootDSE{contexts: e.Values("namingContexts"), service: e.First("dsServiceName")}
	if r.usn, err = strconv.ParseUint(e.First("highestCommittedUSN"), 10, 64); err != nil {
		return rootDSE{}, fmt.Errorf("highestCommittedUSN: %w", err)
	}
	if r.time, err = time.Parse("20060102150405.0Z", e.First("currentTime")); err != nil {
		return rootDSE{}, fmt.Errorf("currentTime: %w", err)
	}
	return r, nil
}

// context returns the naming context that holds the base: DirSync is for whole ones only.
func (r rootDSE) context(base schema.DN) (longest string, err error) {
	depth := 0
	for _, text := range r.contexts {
		dn, err := schema.ParseDN(text)
		if err == nil && len(dn) > depth && within(base, dn) {
			longest, depth = text, len(dn)
		}
	}
	if longest == "" {
		return "", fmt.Errorf("%s is in none of the server's naming contexts (%s)", base, strings.Join(r.contexts, "; "))
	}
	return longest, nil
}

// within reports whether a DN is the other one or below it.
func within(dn, other schema.DN) bool { return dn.Equal(other) || dn.Below(other) }

// seesDeleted reports whether we may read the container of deleted objects. Its name is the same everywhere. Samba shows
// it to all, but none of its attributes.
func seesDeleted(ctx context.Context, conn *connect.Conn, context string) (sees bool, err error) {
	q := search.Query{Base: "CN=Deleted Objects," + context, Scope: search.Entry, Attributes: []string{"objectGUID"}}
	decoder := search.NewDecoder(&schema.Vocabulary{Ask: q.Attributes})
	end, err := ask(ctx, conn, q, [][]byte{wire.Control(oidShowDeleted, true, nil)}, func(value string) error {
		_, attrs, err := decoder.Attributes(value)
		sees = sees || len(attrs) > 0
		return err
	})
	if err != nil {
		return false, err
	}
	result, err := end.Result()
	if err == nil && !missing(result) {
		err = result.Err()
	}
	return sees, err
}

// missing reports whether a result says that there is no such entry for us.
func missing(result *wire.Result) bool {
	return result.Code == ldap.LDAPResultNoSuchObject || result.Code == ldap.LDAPResultInsufficientAccessRights
}

// patience is how long a server may send nothing in its answer. How long all of it takes is not bounded: Samba sends the
// whole directory at once.
const patience = 2 * time.Minute

// ask runs a search with controls of our own, passes on the value of each entry, and returns the message that ends it.
func ask(ctx context.Context, conn *connect.Conn, q search.Query, controls [][]byte, take func(string) error) (end wire.Message, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	late := time.AfterFunc(patience, func() { cancel(fmt.Errorf("no answer within %s", patience)) })
	defer late.Stop()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	operation, err := q.Operation()
	if err != nil {
		return wire.Message{}, err
	}
	stream, err := search.Begin(conn, operation, controls...)
	if err != nil {
		return wire.Message{}, cmp.Or(context.Cause(ctx), err)
	}
	for {
		m, err := stream.Next()
		late.Reset(patience)
		switch {
		case err != nil:
			return wire.Message{}, cmp.Or(context.Cause(ctx), err)
		case m.Operation == wire.SearchDone:
			return m, nil
		case m.Operation == wire.SearchEntry:
			if err := take(m.Value); err != nil {
				return wire.Message{}, err
			}
		case m.Operation != wire.SearchReference: // what that points to is not in this server
			return wire.Message{}, fmt.Errorf("%w: operation %#x in a search", wire.ErrFormat, m.Operation)
		}
	}
}
