package probe

import (
	"github.com/go-ldap/ldap/v3"

	"github.com/mailreg/mailreg/schema"
)

// tombstone reports whether an Active Directory shows us what it keeps of an entry that was deleted. That is proof; who may
// not read the container of deleted objects does not get it.
func (c *conn) tombstone(uuid schema.UUID) (bool, error) {
	found, err := c.search(query{
		dn: "<GUID=" + uuid.String() + ">", scope: ldap.ScopeBaseObject, filter: "(isDeleted=TRUE)", attrs: []string{"isDeleted"},
		controls: []ldap.Control{ldap.NewControlMicrosoftShowDeleted()},
	})
	if hidden(err) {
		return false, nil
	}
	return len(found) > 0, err
}

// mayConceal is mayHide for an Active Directory. One that hides what is in a container answers as if it were empty, also
// for names in it. So only a container that shows something lacks what it does not show.
func (p *Probe) mayConceal(c *conn, dn string) (bool, error) {
	name, err := ldap.ParseDN(dn)
	if err != nil {
		return false, nil // nobody can have hidden what has no name
	}
	for at := name; len(at.RDNs) > len(p.base.RDNs); {
		at = &ldap.DN{RDNs: at.RDNs[1:]}
		found, err := c.read(at.String(), "1.1")
		if err != nil && !hidden(err) {
			return false, err
		}
		if len(found) == 0 {
			continue // it is gone or hidden itself
		}
		shown, err := c.search(query{
			dn: at.String(), scope: ldap.ScopeSingleLevel, limit: 1, filter: "(objectClass=*)", attrs: []string{"1.1"},
		})
		return len(shown) == 0, err
	}
	return true, nil
}
