package probe

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/go-ldap/ldap/v3"

	"github.com/mailreg/mailreg/listener"
	"github.com/mailreg/mailreg/listener/wire"
	"github.com/mailreg/mailreg/schema"
)

// errNoVerdict is for answers that prove nothing.
var errNoVerdict = errors.New("no verdict")

// Verify looks for the entry: below the base by its UUID; in the server's other naming contexts; and under its last DN,
// "" when it is not known. It is Deleted only when the same connection has shown that entryUUID can be searched at all:
// else an access rule that hides this one attribute would look like a directory without entries.
func (p *Probe) Verify(ctx context.Context, uuid schema.UUID, lastDN string) (listener.Verdict, *schema.Entry, error) {
	var verdict listener.Verdict
	var entry *schema.Entry
	err := p.ask(ctx, func(c *conn) (err error) {
		verdict, entry, err = p.verify(c, uuid, lastDN)
		return err
	})
	if _, tooLarge := errors.AsType[*wire.TooLarge](err); tooLarge {
		return listener.OutOfScope, nil, nil // it is there, and cannot be read
	}
	if err != nil {
		return 0, nil, fmt.Errorf("verifying %s: %w", uuid, err)
	}
	return verdict, entry, nil
}

func (p *Probe) verify(c *conn, uuid schema.UUID, lastDN string) (listener.Verdict, *schema.Entry, error) {
	filter := c.words.Identity.Filter(uuid)
	// A base that is hidden is an error like others: it is no reason to delete what was below it.
	found, err := c.search(query{
		dn: p.config.Base, scope: ldap.ScopeWholeSubtree, filter: filter, attrs: c.words.Ask,
	})
	if err != nil {
		return 0, nil, err
	}
	if len(found) > 0 {
		return listener.InScope, c.entry(uuid, found[0]), nil
	}
	elsewhere, err := c.elsewhere(filter)
	if err != nil {
		return 0, nil, err
	}
	if elsewhere {
		return listener.OutOfScope, nil, nil
	}
	if c.words.Identity == schema.ObjectGUID {
		if dead, err := c.tombstone(uuid); err != nil || dead {
			return listener.Deleted, nil, err
		}
	}
	verdict, entry, err := p.atLastDN(c, uuid, lastDN)
	if err != nil || verdict != listener.Deleted {
		return verdict, entry, err
	}
	return listener.Deleted, nil, p.canSearchUUIDs(c)
}

// elsewhere reports whether the entry is found in any naming context. Those that are hidden from us cannot hold it: it
// could only have come there by being deleted and added, with another UUID.
func (c *conn) elsewhere(filter string) (bool, error) {
	contexts, err := c.namingContexts()
	if err != nil {
		return false, err
	}
	for _, context := range contexts {
		found, err := c.search(query{dn: context, scope: ldap.ScopeWholeSubtree, filter: filter, attrs: []string{"1.1"}})
		if err != nil && !hidden(err) {
			return false, err
		}
		if len(found) > 0 {
			return true, nil
		}
	}
	return false, nil
}

// atLastDN reads the entry under its last DN. Deleted means that no entry with the UUID is to be seen there.
func (p *Probe) atLastDN(c *conn, uuid schema.UUID, lastDN string) (listener.Verdict, *schema.Entry, error) {
	if lastDN == "" {
		return listener.Deleted, nil, nil
	}
	found, err := c.read(lastDN, c.words.Ask...)
	switch {
	case forbidden(err):
		return listener.OutOfScope, nil, nil
	case err != nil && !hidden(err):
		return 0, nil, err
	case len(found) == 0:
		mayHide := p.mayHide
		if c.words.Identity == schema.ObjectGUID {
			mayHide = p.mayConceal
		}
		if hides, err := mayHide(c, lastDN); err != nil || hides {
			return listener.OutOfScope, nil, err
		}
		return listener.Deleted, nil, nil
	}
	shown := found[0].GetEqualFoldAttributeValue(string(c.words.Identity))
	if shown == "" {
		// Its identity is hidden: it may be the entry, and cannot be followed.
		return listener.OutOfScope, nil, nil
	}
	if other, err := c.words.Identity.Parse(shown); err != nil || other != uuid {
		return listener.Deleted, nil, err
	}
	dn, err := ldap.ParseDN(found[0].DN)
	if err != nil {
		return 0, nil, fmt.Errorf("DN %q: %w", found[0].DN, err)
	}
	if !p.base.EqualFold(dn) && !p.base.AncestorOfFold(dn) {
		return listener.OutOfScope, nil, nil
	}
	// It can be read, but its identity not be searched.
	return listener.InScope, c.entry(uuid, found[0]), nil
}

// mayHide reports whether an entry that seems to be gone may merely be hidden, with all that is below an entry above it. An
// access rule that does not even disclose an entry has OpenLDAP answer as if it were gone, but without the name of the
// entry above it. Below an entry that is always hidden this cannot be told: there it counts whether others are shown.
func (p *Probe) mayHide(c *conn, dn string) (bool, error) {
	name, err := ldap.ParseDN(dn)
	if err != nil {
		return false, nil // nobody can have hidden what has no name
	}
	for at := name; len(at.RDNs) > len(p.base.RDNs); at = (&ldap.DN{RDNs: at.RDNs[1:]}) {
		if found, err := c.read(at.String(), "1.1"); err == nil && len(found) > 0 {
			return false, nil // what is above a visible entry does not matter
		}
		hides, err := c.hides(at)
		if err != nil {
			return false, err
		}
		if !hides {
			continue
		}
		shown, err := c.showsBelow(p.config.Base, at)
		return !shown, err
	}
	return false, nil
}

// showsBelow reports whether anything is to be seen below an entry that is hidden. OpenLDAP does not search below one, but
// knows what lies there; other servers search.
func (c *conn) showsBelow(base string, at *ldap.DN) (bool, error) {
	q := query{dn: base, scope: ldap.ScopeWholeSubtree, limit: 1, attrs: []string{"1.1"}}
	q.filter = "(&(entryUUID=*)(entryDN:dnSubtreeMatch:=" + ldap.EscapeFilter(at.String()) + "))"
	if c.words.Identity != schema.EntryUUID {
		q.dn, q.filter = at.String(), "("+string(c.words.Identity)+"=*)"
	}
	shown, err := c.search(q)
	if c.words.Identity != schema.EntryUUID && hidden(err) {
		return false, nil
	}
	return len(shown) > 0, err
}

// hides reports whether the server answers for a DN otherwise than for one beside it that never was.
func (c *conn) hides(dn *ldap.DN) (bool, error) {
	invented := &ldap.DN{RDNs: append([]*ldap.RelativeDN{{
		Attributes: []*ldap.AttributeTypeAndValue{{Type: "cn", Value: "mailreg-" + rand.Text()}},
	}}, dn.RDNs[1:]...)}
	there, err := c.missing(dn.String())
	if err != nil {
		return false, err
	}
	never, err := c.missing(invented.String())
	return there != never, err
}

// missing returns how the server says that there is no such entry: its code, and the entry that it could follow the name to.
func (c *conn) missing(dn string) (string, error) {
	found, err := c.read(dn, "1.1")
	result, ok := errors.AsType[*ldap.Error](err)
	switch {
	case ok && hidden(err):
		return fmt.Sprintf("%d below %q", result.ResultCode, result.MatchedDN), nil
	case err != nil:
		return "", err
	default:
		return fmt.Sprintf("%d entries", len(found)), nil
	}
}

// Lacks asks by a Compare: an attribute that we may not see is refused, one that is not there is said to be so.
func (p *Probe) Lacks(ctx context.Context, dn, name, value string) (lacks bool, err error) {
	err = p.ask(ctx, func(c *conn) error {
		own := p.config.Profile.Attribute(name)
		if own == "" {
			lacks = true // the directory has no such attribute
			return nil
		}
		equal, err := c.Compare(dn, own, p.config.Profile.ValuePrefix(name)+value)
		switch {
		case err == nil:
			lacks = !equal
		case ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchAttribute):
			lacks = true
		case ldap.IsErrorWithCode(err, ldap.LDAPResultInappropriateMatching):
			lacks, err = c.without(dn, own)
			return err
		case answered(err):
			lacks = false // it does not say so, for whatever reason
		default:
			return err
		}
		return nil
	})
	return lacks, err
}

// without reports whether the entry is found by having no such attribute, for those whose values cannot be compared. It is
// not found by what we may not see: that is neither true nor false of it (RFC 4511 §4.5.1.7).
func (c *conn) without(dn, name string) (bool, error) {
	found, err := c.search(query{dn: dn, scope: ldap.ScopeBaseObject, filter: "(!(" + name + "=*))", attrs: []string{"1.1"}})
	if answered(err) {
		return false, nil
	}
	return len(found) > 0, err
}

// canSearchUUIDs demands that an entry below the base is found by having an identity.
func (p *Probe) canSearchUUIDs(c *conn) error {
	filter := "(" + string(c.words.Identity) + "=*)"
	found, err := c.search(query{
		dn: p.config.Base, scope: ldap.ScopeWholeSubtree, limit: 1, filter: filter, attrs: []string{"1.1"},
	})
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("%w: no entry below %q is found by %s: may we search that attribute?", errNoVerdict, p.config.Base, filter)
	}
	return err
}

// entry turns an entry of the library's into one of ours.
func (c *conn) entry(uuid schema.UUID, e *ldap.Entry) *schema.Entry {
	attrs := make([]schema.Attribute, 0, len(e.Attributes))
	for _, a := range e.Attributes {
		attrs = append(attrs, schema.Attribute{Name: a.Name, Values: a.Values})
	}
	return c.words.Entry(uuid, e.DN, attrs)
}
