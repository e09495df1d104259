package psearch

import (
	"hash/maphash"
	"strings"
	"sync"

	"github.com/mailreg/mailreg/schema"
)

// names knows which entry has had a name last. A hash stands for the name: of a hundred thousand entries that takes a few
// MiB. A name that an entry has lost stays; who is said to be gone is looked up before that counts.
type names struct {
	seed maphash.Seed

	mu sync.Mutex // scan and search are read by two goroutines
	of map[uint64]schema.UUID
}

func newNames() *names { return &names{seed: maphash.MakeSeed(), of: map[uint64]schema.UUID{}} }

func (n *names) hash(dn string) uint64 {
	folded := strings.ToLower(dn)
	if parsed, err := schema.ParseDN(dn); err == nil {
		folded = parsed.String()
	}
	return maphash.String(n.seed, folded)
}

func (n *names) learn(e *schema.Entry) {
	key := n.hash(e.DN)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.of[key] = e.UUID
}

func (n *names) find(dn string) (schema.UUID, bool) {
	key := n.hash(dn)
	n.mu.Lock()
	defer n.mu.Unlock()
	uuid, known := n.of[key]
	return uuid, known
}
