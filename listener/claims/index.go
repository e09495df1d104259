package claims

import (
	"hash/maphash"
	"slices"

	"github.com/mailreg/mailreg/schema"
)

// index has the resources of entries, and the entries of resources. A first load puts a claim of every user into it, so it
// knows resources by a hash only: two with the same one look like rivals, which Judge finds out.
type index struct {
	seed      maphash.Seed
	resources multimap[schema.UUID, uint64]
	entries   multimap[uint64, schema.UUID]
}

func newIndex(seed maphash.Seed) index {
	return index{seed, newMultimap[schema.UUID, uint64](), newMultimap[uint64, schema.UUID]()}
}

// set replaces the resources of an entry.
func (x *index) set(uuid schema.UUID, resources []string) {
	old := x.resources.all(uuid)
	hashes := make([]uint64, len(resources))
	for i, r := range resources {
		hashes[i] = maphash.String(x.seed, r)
	}
	if slices.Equal(old, hashes) {
		return
	}
	for _, hash := range old {
		x.entries.remove(hash, uuid)
	}
	x.resources.drop(uuid)
	for _, hash := range hashes {
		x.resources.add(uuid, hash)
		x.entries.add(hash, uuid)
	}
}

// of returns the entries of a resource.
func (x *index) of(resource string) []schema.UUID {
	return x.entries.all(maphash.String(x.seed, resource))
}

// multimap has several values for a key, in the order in which they came. Nearly all keys have one, which takes up no slice.
type multimap[K, V comparable] struct {
	first map[K]V
	more  map[K][]V
}

func newMultimap[K, V comparable]() multimap[K, V] { return multimap[K, V]{map[K]V{}, map[K][]V{}} }

func (m *multimap[K, V]) all(key K) []V {
	first, ok := m.first[key]
	if !ok {
		return nil
	}
	return append([]V{first}, m.more[key]...)
}

func (m *multimap[K, V]) add(key K, value V) {
	if _, ok := m.first[key]; ok {
		m.more[key] = append(m.more[key], value)
		return
	}
	m.first[key] = value
}

func (m *multimap[K, V]) remove(key K, value V) {
	left := slices.DeleteFunc(m.all(key), func(v V) bool { return v == value })
	m.drop(key)
	for _, v := range left {
		m.add(key, v)
	}
}

func (m *multimap[K, V]) drop(key K) {
	delete(m.first, key)
	delete(m.more, key)
}
