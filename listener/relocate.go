package listener

import (
	"slices"

	"github.com/mailreg/mailreg/listener/store"
	"github.com/mailreg/mailreg/schema"
)

// A directory tells of a container that gets another name and not of what lies below it. So the containers are followed
// with the rest, and the entries below one that was renamed are given their new names here, which handlers see as a change
// like any other. It needs no index: containers are renamed seldom, and one pass over the replica takes a fraction of a
// second. What cannot be told from the containers alone is left to an audit.

// relocation is a container's rename.
type relocation struct {
	from schema.DN
	to   string
}

// renamed returns the rename of a container from what the replica holds to a newer state.
func (e *edit) renamed(entry *schema.Entry) (relocation, bool) {
	if !schema.IsContainer(entry) {
		return relocation{}, false
	}
	known := e.tx.Entry(entry.UUID)
	if known == nil || known.DN == entry.DN {
		return relocation{}, false
	}
	from, err := schema.ParseDN(known.DN)
	to, err2 := schema.ParseDN(entry.DN)
	if err != nil || err2 != nil || from.Equal(to) {
		return relocation{}, false
	}
	return relocation{from, entry.DN}, true
}

// relocate gives the entries below renamed containers their new names, all renames at once: of nested ones the innermost
// counts, and two may have changed places. Entries whose name came from the directory together with the renames are left
// alone: told says which. It returns how many entries got another name.
func (e *edit) relocate(moves []relocation, generation uint64, told func(schema.UUID) bool) int {
	if len(moves) == 0 {
		return 0
	}
	type move struct {
		uuid schema.UUID
		dn   string
	}
	var list []move
	for entry := range e.tx.Entries(schema.UUID{}) {
		if told(entry.UUID) {
			continue
		}
		if dn, moved := rebase(entry.DN, moves); moved {
			list = append(list, move{entry.UUID, dn})
		}
	}
	for _, m := range list {
		moved := *e.tx.Entry(m.uuid)
		moved.DN = m.dn
		e.record(finding{uuid: m.uuid, entry: &moved}, generation)
	}
	if len(list) > 0 {
		e.l.log.Info("containers were renamed", "op", "rename", "dn", moves[0].to, "containers", len(moves), "entries", len(list))
	}
	return len(list)
}

// rebase returns the name that an entry has after renames of what is above it.
func rebase(text string, moves []relocation) (string, bool) {
	dn, err := schema.ParseDN(text)
	if err != nil {
		return "", false
	}
	best := relocation{}
	for _, m := range moves {
		if dn.Below(m.from) && len(m.from) > len(best.from) {
			best = m
		}
	}
	if best.from == nil {
		return "", false
	}
	moved, err := schema.Rebase(text, len(dn)-len(best.from), best.to)
	return moved, err == nil
}

// orphans returns what lies below containers that have left the result, but for what the directory has told of: when such a
// container moves out of the base, nothing is said of what it takes along. Those entries are to be looked up one by one.
func orphans(tx *store.Tx, gone []schema.UUID, told func(schema.UUID) bool) (list []schema.UUID) {
	var left []schema.DN
	for _, uuid := range gone {
		if entry := tx.Entry(uuid); schema.IsContainer(entry) {
			if dn, err := schema.ParseDN(entry.DN); err == nil {
				left = append(left, dn)
			}
		}
	}
	if len(left) == 0 {
		return nil
	}
	for entry := range tx.Entries(schema.UUID{}) {
		dn, err := schema.ParseDN(entry.DN)
		if err == nil && !told(entry.UUID) && slices.ContainsFunc(left, dn.Below) {
			list = append(list, entry.UUID)
		}
	}
	return list
}

// hasCome reports whether a container is new here and may hold entries already, so that it was not created but has come into
// the base or into sight: it has changed since it was created.
func hasCome(tx *store.Tx, entry *schema.Entry) bool {
	if !schema.IsContainer(entry) || tx.HasEntry(entry.UUID) {
		return false
	}
	created, changed := entry.First("createTimestamp"), entry.First("entryCSN")
	return len(created) < 14 || len(changed) < 14 || created[:14] != changed[:14]
}

// doubtNames asks for an audit when names may be wrong that the directory does not tell of: an entry that it sent on its
// own, just before the rename of what is above it, may have come with either name.
func (l *Listener) doubtNames(strange bool, moved int) {
	switch {
	case strange:
		l.suspect("a container came into the base or into sight")
	case moved > 0:
		l.suspect("a container was renamed")
	}
}
