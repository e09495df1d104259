package folder

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/schema"
)

// binding says whom a right means.
type binding struct {
	Right schema.FolderRight `json:"right"`
	// Who is the entry that had the name when the right was first seen.
	Who schema.UUID `json:"who"`
}

// bindings are those of a folder by the identifiers of its rights.
type bindings map[string]binding

// bind settles whom the rights of a folder mean. What was settled stays, also when that entry is gone, as long as the right is the
// same. An identifier that nobody has is looked for again the next time.
func bind(f *schema.SharedFolder, before bindings, p *people) bindings {
	after := bindings{}
	for _, acl := range f.ACL {
		if acl.Identifier == schema.Anyone || acl.Identifier == schema.Authenticated {
			continue
		}
		who := p.find(acl.Identifier)
		if known, ok := before[acl.Identifier]; ok && known.Right == acl.Right {
			who = known.Who
		}
		if !who.IsZero() {
			after[acl.Identifier] = binding{Right: acl.Right, Who: who}
		}
	}
	return after
}

// find returns who has an identifier: a user by address, else a group by name.
func (p *people) find(identifier string) schema.UUID {
	if who := first(p.byAddress, identifier); !who.IsZero() {
		return who
	}
	return first(p.byName, strings.ToLower(identifier))
}

// grants returns the rights of a folder for those that they mean, as these are called now. Of two rights for one the lesser
// counts.
func grants(f *schema.SharedFolder, bound bindings, p *people) []backend.Grant {
	found := map[backend.Grant]schema.FolderRight{}
	for _, acl := range f.ACL {
		who, ok := reader(acl.Identifier, bound, p)
		if !ok || acl.Right == schema.RightNone {
			continue
		}
		if former, twice := found[who]; !twice || schema.CompareRights(acl.Right, former) < 0 {
			found[who] = acl.Right
		}
	}
	all := make([]backend.Grant, 0, len(found))
	for who, right := range found {
		who.Right = right
		all = append(all, who)
	}
	slices.SortFunc(all, func(a, b backend.Grant) int {
		return cmp.Or(cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Name, b.Name))
	})
	return all
}

// reader returns whom an identifier means, without a right.
func reader(identifier string, bound bindings, p *people) (backend.Grant, bool) {
	switch identifier {
	case schema.Anyone:
		return backend.Grant{Subject: backend.Anyone}, true
	case schema.Authenticated:
		return backend.Grant{Subject: backend.Authenticated}, true
	}
	who := bound[identifier].Who
	if u, ok := p.users[who]; ok {
		return backend.Grant{Subject: backend.User, Name: u.address}, true
	}
	if g, ok := p.groups[who]; ok {
		return backend.Grant{Subject: backend.Group, Name: g.name}, true
	}
	return backend.Grant{}, false
}

// members returns the groups of each user, of those groups that have a right to one of the folders.
func (p *people) members(all []*schema.SharedFolder, bound map[schema.UUID]bindings) map[string][]string {
	wanted := map[schema.UUID]bool{}
	for _, f := range all {
		for _, b := range bound[f.UUID] {
			if p.groups[b.Who] != nil && b.Right != schema.RightNone {
				wanted[b.Who] = true
			}
		}
	}
	found := map[string][]string{}
	for _, uuid := range slices.SortedFunc(maps.Keys(wanted), schema.UUID.Compare) {
		name := p.groups[uuid].name
		p.everybody(uuid, func(address string) { found[address] = append(found[address], name) })
	}
	return found
}
