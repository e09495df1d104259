package listener

import (
	"cmp"
	"slices"

	"github.com/mailreg/mailreg/schema"
)

// stand is where an entry stands with its handler.
type stand int

const (
	// clean: nothing is to be done.
	clean stand = iota
	// active: something will be done without a person.
	active
	// parked and held: nothing will be done before a person acts or an entry changes.
	parked
	held
)

// moment orders the transactions from which on marks can be worked on; those of one refresh have the same.
type moment struct{ generation, known uint64 }

func (m moment) compare(o moment) int {
	return cmp.Or(cmp.Compare(m.generation, o.generation), cmp.Compare(m.known, o.known))
}

// party is what must be known of an entry to settle a dispute about a resource.
type party struct {
	stand stand
	// wants are the claims of its newest state, which can be had since due; those of a clean entry are what it owns.
	wants []string
	due   moment
	// tried are claims of earlier states that a call without an answer may have taken, and since when.
	tried map[string]moment
	// created is the createTimestamp, which sorts as text (RFC 4517 §3.3.13, always in UTC).
	created string
}

// since returns from when on a party that wants a resource can have had it.
func (p party) since(resource string) moment {
	if m, ok := p.tried[resource]; ok {
		return m
	}
	return p.due
}

// claimant is an entry that wants a resource.
type claimant struct {
	uuid schema.UUID
	party
}

// precedes reports whether one claimant, rather than another, gets a resource that both claim and neither owns: the one
// that could have it first, because it may have it already; among those of one transaction, such as all of a refresh, the
// elder, else the lower UUID. All of that is stored, so that it comes out the same after a crash.
func (c claimant) precedes(o claimant, resource string) bool {
	late := func(p party) string { return cmp.Or(p.created, "~") }
	return cmp.Or(
		c.since(resource).compare(o.since(resource)),
		cmp.Compare(late(c.party), late(o.party)),
		compareUUID(c.uuid, o.uuid),
	) < 0
}

// claimView is what a judgement rests on.
type claimView interface {
	// owner returns who has been acknowledged with the resource.
	owner(resource string) (schema.UUID, bool)
	// user returns whose call that claims the resource has not been acknowledged yet.
	user(resource string) (schema.UUID, bool)
	// rivals returns whose newest state claims the resource without being acknowledged, or whose earlier one may have
	// taken it. There may be some among them for whom that is not true any more.
	rivals(resource string) []schema.UUID
	party(uuid schema.UUID) party
}

// judgement says whether an entry may have what it claims.
type judgement struct {
	// by is the entry in the way, zero when the way is free.
	by       schema.UUID
	resource string
	// conflict is set when by lives and claims the resource as well and comes first.
	conflict bool
	// owned is set when by owns the resource and is to let go of it; else it only comes first.
	owned bool
	// maybe is set when by only may have the resource.
	maybe bool
	stand stand
}

// judge decides whether an entry may be called with what it claims: each resource must be its own, or free. Whoever owns
// one and does not claim it any more goes first; whoever owns and claims it keeps it. For a free one the first of two
// claimants goes first, and keeps it.
func judge(view claimView, uuid schema.UUID) judgement {
	self := claimant{uuid, view.party(uuid)}
	for _, r := range self.wants {
		if j := judgeOne(view, self, r); !j.by.IsZero() {
			return j
		}
	}
	return judgement{}
}

func judgeOne(view claimView, self claimant, resource string) judgement {
	owner, owned := view.owner(resource)
	if owned && owner == self.uuid {
		return judgement{}
	}
	if user, used := view.user(resource); used && user != self.uuid {
		return judgement{by: user, resource: resource, stand: active, owned: owned && owner == user}
	}
	if owned {
		p := view.party(owner)
		keeps := p.stand == clean || slices.Contains(p.wants, resource)
		return judgement{by: owner, resource: resource, conflict: keeps, owned: !keeps, stand: p.stand}
	}
	for _, rival := range view.rivals(resource) {
		if rival == self.uuid {
			continue
		}
		p := view.party(rival)
		_, maybe := p.tried[resource]
		switch wants := slices.Contains(p.wants, resource); {
		case wants && (claimant{rival, p}).precedes(self, resource):
			return judgement{by: rival, resource: resource, conflict: p.stand != active, stand: p.stand}
		case !wants && maybe:
			return judgement{by: rival, resource: resource, owned: true, maybe: true, stand: p.stand}
		}
	}
	return judgement{}
}

// edge says for whom an entry waits.
type edge struct {
	by    schema.UUID
	owned bool
	first uint64
}

type waiting struct {
	uuid  schema.UUID
	first uint64
}

// claims is the memory of a worker about who wants what and who waits for whom.
type claims struct {
	wanted  map[schema.UUID][]string
	wanters map[string][]schema.UUID
	held    map[schema.UUID][]string
	holders map[string][]schema.UUID
	used    map[string]schema.UUID
	waits   map[schema.UUID]edge
	waiters map[schema.UUID][]schema.UUID
}

func newClaims() claims {
	return claims{
		wanted: map[schema.UUID][]string{}, wanters: map[string][]schema.UUID{},
		held: map[schema.UUID][]string{}, holders: map[string][]schema.UUID{}, used: map[string]schema.UUID{},
		waits: map[schema.UUID]edge{}, waiters: map[schema.UUID][]schema.UUID{},
	}
}

// want replaces what the newest state of an entry claims and what its earlier ones may hold.
func (c *claims) want(uuid schema.UUID, wanted, held []string) {
	replace(c.wanted, c.wanters, uuid, wanted)
	replace(c.held, c.holders, uuid, held)
}

// replace keeps a map of lists and its inverse in step.
func replace(lists map[schema.UUID][]string, inverse map[string][]schema.UUID, uuid schema.UUID, list []string) {
	if slices.Equal(lists[uuid], list) {
		return
	}
	for _, r := range lists[uuid] {
		left := slices.DeleteFunc(inverse[r], func(u schema.UUID) bool { return u == uuid })
		if inverse[r] = left; len(left) == 0 {
			delete(inverse, r)
		}
	}
	delete(lists, uuid)
	if len(list) == 0 {
		return
	}
	lists[uuid] = list
	for _, r := range list {
		inverse[r] = append(inverse[r], uuid)
	}
}

// forget removes an entry that has no mark any more.
func (c *claims) forget(uuid schema.UUID) {
	c.want(uuid, nil, nil)
	c.unwait(uuid)
}

func (c *claims) wait(uuid schema.UUID, e edge) {
	c.unwait(uuid)
	c.waits[uuid] = e
	c.waiters[e.by] = append(c.waiters[e.by], uuid)
}

func (c *claims) unwait(uuid schema.UUID) {
	e, ok := c.waits[uuid]
	if !ok {
		return
	}
	delete(c.waits, uuid)
	left := slices.DeleteFunc(c.waiters[e.by], func(u schema.UUID) bool { return u == uuid })
	if c.waiters[e.by] = left; len(left) == 0 {
		delete(c.waiters, e.by)
	}
}

// woken takes out and returns those that wait for an entry.
func (c *claims) woken(by schema.UUID) []waiting {
	var list []waiting
	for _, uuid := range c.waiters[by] {
		list = append(list, waiting{uuid, c.waits[uuid].first})
		delete(c.waits, uuid)
	}
	delete(c.waiters, by)
	return list
}

func (c *claims) use(uuid schema.UUID, resources []string) {
	for _, r := range resources {
		c.used[r] = uuid
	}
}

func (c *claims) unuse(uuid schema.UUID, resources []string) {
	for _, r := range resources {
		if c.used[r] == uuid {
			delete(c.used, r)
		}
	}
}

// cycle returns the entries that wait for each other once uuid waits too, nil when they do not come back to it; and of
// those that own what another of them waits for the lowest, which is to be set aside. There is always one: where nobody
// owns, the elder goes first, and that has no cycles.
func (c *claims) cycle(uuid schema.UUID, e edge) (members []schema.UUID, pivot schema.UUID) {
	at := uuid
	for range len(c.waits) + 1 {
		members = append(members, at)
		if e.owned && (pivot.IsZero() || compareUUID(e.by, pivot) < 0) {
			pivot = e.by
		}
		if e.by == uuid {
			return members, pivot
		}
		at = e.by
		next, ok := c.waits[at]
		if !ok {
			break
		}
		e = next
	}
	return nil, schema.UUID{}
}
