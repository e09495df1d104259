package claims

import (
	"hash/maphash"
	"slices"

	"github.com/mailreg/mailreg/schema"
)

// Edge says for whom an entry waits.
type Edge struct {
	By schema.UUID
	// Owned is set when By owns what is waited for and is to let go of it.
	Owned bool
	// First is the place of who waits in the queue.
	First uint64
}

// Waiting is an entry that has waited, and its place in the queue.
type Waiting struct {
	UUID  schema.UUID
	First uint64
}

// Graph remembers, of entries with something to do, who wants what and who waits for whom. It is an index of what is
// stored elsewhere and can be built anew from there at any time, but for what Use says. It is not for several goroutines.
type Graph struct {
	// wanted has the claims of the entries' newest states, held those that their earlier ones may have.
	wanted, held index
	// used says whose running call touches a resource.
	used map[string]schema.UUID
	// waits has for each entry that waits whom it waits for; waiters is the same the other way round.
	waits   map[schema.UUID]Edge
	waiters map[schema.UUID][]schema.UUID
}

// NewGraph returns an empty one.
func NewGraph() *Graph {
	seed := maphash.MakeSeed()
	return &Graph{
		wanted: newIndex(seed), held: newIndex(seed), used: map[string]schema.UUID{},
		waits: map[schema.UUID]Edge{}, waiters: map[schema.UUID][]schema.UUID{},
	}
}

// Want replaces what the newest state of an entry claims and what its earlier ones may hold.
func (g *Graph) Want(uuid schema.UUID, wanted, held []string) {
	g.wanted.set(uuid, wanted)
	g.held.set(uuid, held)
}

// Forget removes an entry that has no mark any more.
func (g *Graph) Forget(uuid schema.UUID) {
	g.Want(uuid, nil, nil)
	g.Unwait(uuid)
}

// Rivals returns those of whom Want has said that they want the resource or may have it. Once in a very long time there is
// one among them that is after another resource.
func (g *Graph) Rivals(resource string) []schema.UUID {
	return slices.Concat(g.wanted.of(resource), g.held.of(resource))
}

// Wait notes for whom an entry waits; it waits for one at a time.
func (g *Graph) Wait(uuid schema.UUID, e Edge) {
	g.Unwait(uuid)
	g.waits[uuid] = e
	g.waiters[e.By] = append(g.waiters[e.By], uuid)
}

// Unwait notes that an entry waits for nobody.
func (g *Graph) Unwait(uuid schema.UUID) {
	e, ok := g.waits[uuid]
	if !ok {
		return
	}
	delete(g.waits, uuid)
	left := slices.DeleteFunc(g.waiters[e.By], func(u schema.UUID) bool { return u == uuid })
	if g.waiters[e.By] = left; len(left) == 0 {
		delete(g.waiters, e.By)
	}
}

// Woken takes out and returns those that wait for an entry.
func (g *Graph) Woken(by schema.UUID) []Waiting {
	var list []Waiting
	for _, uuid := range g.waiters[by] {
		list = append(list, Waiting{uuid, g.waits[uuid].First})
		delete(g.waits, uuid)
	}
	delete(g.waiters, by)
	return list
}

// Use notes that a call for the entry, which may touch the resources, is running.
func (g *Graph) Use(uuid schema.UUID, resources []string) {
	for _, r := range resources {
		g.used[r] = uuid
	}
}

// User returns whose running call may touch the resource.
func (g *Graph) User(resource string) (schema.UUID, bool) {
	uuid, ok := g.used[resource]
	return uuid, ok
}

// Unuse notes that the call for the entry is over.
func (g *Graph) Unuse(uuid schema.UUID, resources []string) {
	for _, r := range resources {
		if g.used[r] == uuid {
			delete(g.used, r)
		}
	}
}

// Cycle returns the entries that wait for each other once uuid waits too, nil when they do not come back to it; and of
// those that own what another of them waits for the lowest, which is to be set aside. There is always one: where nobody
// owns, the elder goes first, and that has no cycles.
func (g *Graph) Cycle(uuid schema.UUID, e Edge) (members []schema.UUID, pivot schema.UUID) {
	at := uuid
	for range len(g.waits) + 1 {
		members = append(members, at)
		if e.Owned && (pivot.IsZero() || e.By.Compare(pivot) < 0) {
			pivot = e.By
		}
		if e.By == uuid {
			return members, pivot
		}
		at = e.By
		next, ok := g.waits[at]
		if !ok {
			break
		}
		e = next
	}
	return nil, schema.UUID{}
}
