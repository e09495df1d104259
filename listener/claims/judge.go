package claims

import (
	"cmp"
	"slices"

	"github.com/mailreg/mailreg/schema"
)

// Stand is where an entry stands with its handler.
type Stand int

// The stands. Parked and Held alike wait for a person, or for a change of the entry; the reasons differ.
const (
	// Clean: nothing is to be done.
	Clean Stand = iota
	// Active: something will be done without a person.
	Active
	// Parked: the handler has given up.
	Parked
	// Held: the brake has stopped it.
	Held
)

// Moment is from when on a mark could be worked on: the generation of its refresh, and for those of daily work the number
// of its transaction. All that one refresh has made due have the same. Earlier moments are smaller.
type Moment struct{ Generation, Known uint64 }

func (m Moment) compare(o Moment) int {
	return cmp.Or(cmp.Compare(m.Generation, o.Generation), cmp.Compare(m.Known, o.Known))
}

// Party is what must be known of an entry to settle a dispute about a resource.
type Party struct {
	Stand Stand
	// Wants are the claims of its newest state, which can be had since Due; those of a clean entry are what it owns.
	Wants []string
	Due   Moment
	// Tried are claims of earlier states that a call without an answer may have taken, and since when.
	Tried map[string]Moment
	// Created is the createTimestamp, which sorts as text (RFC 4517 §3.3.13, always in UTC).
	Created string
}

// since returns from when on a party that wants a resource can have had it.
func (p Party) since(resource string) Moment {
	if m, ok := p.Tried[resource]; ok {
		return m
	}
	return p.Due
}

// claimant is an entry that wants a resource.
type claimant struct {
	uuid schema.UUID
	Party
}

// precedes reports whether one claimant, rather than another, gets a resource that both claim and neither owns: the one
// that could have it first, because it may have it already; among those of one transaction, such as all of a refresh, the
// elder, else the lower UUID. All of that is stored, so that it comes out the same after a crash.
func (c claimant) precedes(o claimant, resource string) bool {
	late := func(p Party) string { return cmp.Or(p.Created, "~") }
	return cmp.Or(
		c.since(resource).compare(o.since(resource)),
		cmp.Compare(late(c.Party), late(o.Party)),
		c.uuid.Compare(o.uuid),
	) < 0
}

// View is what a judgement rests on.
type View interface {
	// Owner returns who has been acknowledged with the resource.
	Owner(resource string) (schema.UUID, bool)
	// User returns whose call that claims the resource has not been acknowledged yet.
	User(resource string) (schema.UUID, bool)
	// Rivals returns whose newest state claims the resource without being acknowledged, or whose earlier one may have
	// taken it. There may be some among them for whom that is not true any more.
	Rivals(resource string) []schema.UUID
	// Party returns what is known of an entry.
	Party(uuid schema.UUID) Party
}

// Judgement says whether an entry may have what it claims.
type Judgement struct {
	// By is the entry in the way, zero when the way is free; Resource is what both want.
	By       schema.UUID
	Resource string
	// Conflict is set when By lives and claims the resource as well and comes first.
	Conflict bool
	// Owned is set when By owns the resource and is to let go of it; else it only comes first.
	Owned bool
	// Maybe is set when By only may have the resource, from a call without an answer.
	Maybe bool
	// Stand is that of By.
	Stand Stand
}

// Judge decides whether an entry may be called with what it claims: each resource must be its own, or free. Whoever owns
// one and does not claim it any more goes first; whoever owns and claims it keeps it. For a free one the first of two
// claimants goes first, and keeps it.
func Judge(view View, uuid schema.UUID) Judgement {
	self := claimant{uuid, view.Party(uuid)}
	for _, r := range self.Wants {
		if j := judgeOne(view, self, r); !j.By.IsZero() {
			return j
		}
	}
	return Judgement{}
}

func judgeOne(view View, self claimant, resource string) Judgement {
	owner, owned := view.Owner(resource)
	if owned && owner == self.uuid {
		return Judgement{}
	}
	if user, used := view.User(resource); used && user != self.uuid {
		return Judgement{By: user, Resource: resource, Stand: Active, Owned: owned && owner == user}
	}
	if owned {
		p := view.Party(owner)
		keeps := p.Stand == Clean || slices.Contains(p.Wants, resource)
		return Judgement{By: owner, Resource: resource, Conflict: keeps, Owned: !keeps, Stand: p.Stand}
	}
	for _, rival := range view.Rivals(resource) {
		if rival == self.uuid {
			continue
		}
		p := view.Party(rival)
		_, maybe := p.Tried[resource]
		switch wants := slices.Contains(p.Wants, resource); {
		case wants && (claimant{rival, p}).precedes(self, resource):
			return Judgement{By: rival, Resource: resource, Conflict: p.Stand != Active, Stand: p.Stand}
		case !wants && maybe:
			return Judgement{By: rival, Resource: resource, Owned: true, Maybe: true, Stand: p.Stand}
		}
	}
	return Judgement{}
}
