package folder

import (
	"hash/maphash"
	"slices"
	"strings"

	"github.com/mailreg/mailreg/schema"
)

// people is the index of whom rights can be for. Large directories are in it, so DNs stand as hashes of their folded form.
type people struct {
	seed   maphash.Seed
	users  map[schema.UUID]user
	groups map[schema.UUID]*group

	// Several entries may have one name for a while; the first keeps it.
	byAddress, byName map[string][]schema.UUID
	byUID             map[string][]schema.UUID
	byDN              map[uint64]schema.UUID
}

type user struct {
	address, uid string
	dn           uint64
}

type group struct {
	name string
	dn   uint64
	// members are users and groups, uids users only.
	members []uint64
	uids    []string
}

func newPeople() *people {
	return &people{
		seed: maphash.MakeSeed(), users: map[schema.UUID]user{}, groups: map[schema.UUID]*group{},
		byAddress: map[string][]schema.UUID{}, byName: map[string][]schema.UUID{}, byUID: map[string][]schema.UUID{},
		byDN: map[uint64]schema.UUID{},
	}
}

func (p *people) hash(text string) uint64 {
	if plain(text) {
		return maphash.String(p.seed, strings.ToLower(text))
	}
	dn, err := schema.ParseDN(text)
	if err != nil {
		return maphash.String(p.seed, strings.ToLower(text))
	}
	return maphash.String(p.seed, dn.String())
}

// plain reports whether a DN in lower case is its folded form, as that of nearly every entry is: no escapes, no RDN of several
// parts, no blank that counts for nothing.
func plain(dn string) bool {
	for i := range len(dn) {
		switch c := dn[i]; {
		case c == ' ':
			if i == 0 || i+1 == len(dn) || strings.IndexByte(" ,=", dn[i-1]) >= 0 || strings.IndexByte(" ,=", dn[i+1]) >= 0 {
				return false
			}
		case c == '\\' || c == '+' || c < ' ' || c >= 0x80:
			return false
		}
	}
	return dn != ""
}

// put takes in an entry in place of what was known under its id; nil is one that is gone.
func (p *people) put(uuid schema.UUID, e *schema.Entry) {
	p.drop(uuid)
	switch {
	case schema.IsGroup(e):
		p.putGroup(uuid, e)
	case schema.IsMailbox(e):
		p.putUser(uuid, e)
	}
}

func (p *people) putUser(uuid schema.UUID, e *schema.Entry) {
	m, err := schema.ParseMailbox(e)
	if err != nil {
		return
	}
	u := user{address: m.Primary.String(), uid: m.Login, dn: p.hash(e.DN)}
	p.users[uuid], p.byDN[u.dn] = u, uuid
	add(p.byAddress, u.address, uuid)
	if u.uid != "" {
		add(p.byUID, u.uid, uuid)
	}
}

func (p *people) putGroup(uuid schema.UUID, e *schema.Entry) {
	view, err := schema.ParseGroup(e)
	if err != nil {
		return
	}
	g := &group{name: view.Name, dn: p.hash(e.DN), uids: view.UIDs, members: make([]uint64, len(view.Members))}
	for i, dn := range view.Members {
		g.members[i] = p.hash(dn)
	}
	p.groups[uuid], p.byDN[g.dn] = g, uuid
	add(p.byName, strings.ToLower(g.name), uuid)
}

func (p *people) drop(uuid schema.UUID) {
	if u, ok := p.users[uuid]; ok {
		remove(p.byAddress, u.address, uuid)
		remove(p.byUID, u.uid, uuid)
		p.dropDN(u.dn, uuid)
		delete(p.users, uuid)
	}
	if g, ok := p.groups[uuid]; ok {
		remove(p.byName, strings.ToLower(g.name), uuid)
		p.dropDN(g.dn, uuid)
		delete(p.groups, uuid)
	}
}

func (p *people) dropDN(dn uint64, uuid schema.UUID) {
	if p.byDN[dn] == uuid {
		delete(p.byDN, dn)
	}
}

func add(index map[string][]schema.UUID, key string, uuid schema.UUID) {
	index[key] = append(index[key], uuid)
}

func remove(index map[string][]schema.UUID, key string, uuid schema.UUID) {
	if rest := slices.DeleteFunc(index[key], func(u schema.UUID) bool { return u == uuid }); len(rest) > 0 {
		index[key] = rest
		return
	}
	delete(index, key)
}

func first(index map[string][]schema.UUID, key string) schema.UUID {
	if all := index[key]; len(all) > 0 {
		return all[0]
	}
	return schema.UUID{}
}

// everybody calls yield with the address of each user in a group or in a group in it, at any depth. A group that is in itself
// ends there.
func (p *people) everybody(uuid schema.UUID, yield func(address string)) {
	seen := map[schema.UUID]bool{}
	var visit func(schema.UUID)
	visit = func(uuid schema.UUID) {
		if seen[uuid] {
			return
		}
		seen[uuid] = true
		if u, ok := p.users[uuid]; ok {
			yield(u.address)
			return
		}
		g := p.groups[uuid]
		if g == nil {
			return
		}
		for _, dn := range g.members {
			if member, ok := p.byDN[dn]; ok {
				visit(member)
			}
		}
		for _, uid := range g.uids {
			if member := first(p.byUID, uid); !member.IsZero() {
				visit(member)
			}
		}
	}
	visit(uuid)
}
