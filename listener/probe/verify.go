package probe

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/go-ldap/ldap/v3"

	"github.com/mailreg/mailreg/listener"
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
	if err != nil {
		return 0, nil, fmt.Errorf("verifying %s: %w", uuid, err)
	}
	return verdict, entry, nil
}

func (p *Probe) verify(c *conn, uuid schema.UUID, lastDN string) (listener.Verdict, *schema.Entry, error) {
	filter := "(entryUUID=" + uuid.String() + ")"
	// A base that is hidden is an error like others: it is no reason to delete what was below it.
	found, err := c.search(query{
		dn: p.config.Base, scope: ldap.ScopeWholeSubtree, filter: filter, attrs: p.config.Attributes,
	})
	if err != nil {
		return 0, nil, err
	}
	if len(found) > 0 {
		return listener.InScope, entryOf(uuid, found[0]), nil
	}
	elsewhere, err := c.elsewhere(filter)
	if err != nil {
		return 0, nil, err
	}
	if elsewhere {
		return listener.OutOfScope, nil, nil
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
	attributes := append([]string{"entryUUID"}, p.config.Attributes...)
	found, err := c.read(lastDN, attributes...)
	switch {
	case forbidden(err):
		return listener.OutOfScope, nil, nil
	case err != nil && !hidden(err):
		return 0, nil, err
	case len(found) == 0:
		if hides, err := p.mayHide(c, lastDN); err != nil || hides {
			return listener.OutOfScope, nil, err
		}
		return listener.Deleted, nil, nil
	}
	shown := found[0].GetEqualFoldAttributeValue("entryUUID")
	if shown == "" {
		// Its identity is hidden: it may be the entry, and cannot be followed.
		return listener.OutOfScope, nil, nil
	}
	if other, err := schema.ParseUUID(shown); err != nil || other != uuid {
		return listener.Deleted, nil, err
	}
	dn, err := ldap.ParseDN(found[0].DN)
	if err != nil {
		return 0, nil, fmt.Errorf("DN %q: %w", found[0].DN, err)
	}
	if !p.base.EqualFold(dn) && !p.base.AncestorOfFold(dn) {
		return listener.OutOfScope, nil, nil
	}
	// It can be read, but entryUUID not be searched.
	return listener.InScope, entryOf(uuid, found[0]), nil
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
		below := "(&(entryUUID=*)(entryDN:dnSubtreeMatch:=" + ldap.EscapeFilter(at.String()) + "))"
		shown, err := c.search(query{dn: p.config.Base, scope: ldap.ScopeWholeSubtree, limit: 1, filter: below, attrs: []string{"1.1"}})
		return len(shown) == 0, err
	}
	return false, nil
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
		equal, err := c.Compare(dn, name, value)
		switch {
		case err == nil:
			lacks = !equal
		case ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchAttribute):
			lacks = true
		case ldap.IsErrorWithCode(err, ldap.LDAPResultInappropriateMatching):
			lacks, err = c.without(dn, name)
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

// canSearchUUIDs demands that an entry below the base is found by having an entryUUID.
func (p *Probe) canSearchUUIDs(c *conn) error {
	const filter = "(entryUUID=*)"
	found, err := c.search(query{
		dn: p.config.Base, scope: ldap.ScopeWholeSubtree, limit: 1, filter: filter, attrs: []string{"1.1"},
	})
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("%w: no entry below %q is found by %s: may we search that attribute?", errNoVerdict, p.config.Base, filter)
	}
	return err
}

// entryOf turns an entry of the library's into one of ours.
func entryOf(uuid schema.UUID, e *ldap.Entry) *schema.Entry {
	attrs := make([]schema.Attribute, 0, len(e.Attributes))
	for _, a := range e.Attributes {
		attrs = append(attrs, schema.Attribute{Name: a.Name, Values: a.Values})
	}
	return schema.NewEntry(uuid, e.DN, attrs...)
}
