package listener

import (
	"slices"

	"github.com/mailreg/mailreg/listener/csn"
	"github.com/mailreg/mailreg/listener/store"
	"github.com/mailreg/mailreg/schema"
)

// Each provider has a cookie of its own, so that going back to one after another has failed needs no full load. But a
// cookie says "the replica holds what I held then", and a provider that lags behind may have overwritten that since; what
// it has overwritten would never come again. So a slot is suspended when something is written that may be older than it,
// and is good again once the replica has followed another provider past it.

// origin is a session as the source of what is written.
type origin struct {
	// fingerprint is what its cookies are bound to.
	fingerprint string
	// from is the cookie that it goes on from, empty when it begins anew.
	from []byte
	// persists is set once its refresh has ended. Until then only from tells what the replica may be compared with.
	persists bool
}

// position returns the cookie that all that comes now is newer than, empty when that is not known.
func (e *edit) position() []byte {
	if e.persists {
		return e.tx.State().Cookie()
	}
	return e.from
}

// overwrites notes that an entry of the replica changes. When its content does without a new entryCSN, this provider
// shows us something else than the one before, and no position says what the other would show.
func (e *edit) overwrites(known, entry *schema.Entry) {
	e.wrote = true
	if known == nil || entry == nil {
		return
	}
	at := entry.First("entryCSN")
	moved := *known
	moved.DN = entry.DN // children of a container that was renamed keep their entryCSN
	e.differs = e.differs || at != "" && at == known.First("entryCSN") && !moved.Equal(entry)
}

// judgeSlots finds out which of the other providers' cookies still stand for what the replica holds. before is the
// position that this transaction began from.
func (e *edit) judgeSlots(before []byte) {
	state := e.tx.State()
	own := func(s store.Slot) bool {
		return s.Fingerprint == e.fingerprint && (e.persists || len(e.from) > 0)
	}
	if e.differs {
		state.Slots = slices.DeleteFunc(slices.Clone(state.Slots), func(s store.Slot) bool { return !own(s) })
	}
	for i := range state.Slots {
		s := &state.Slots[i]
		if e.wrote && !own(*s) && !csn.Passes(string(before), string(s.Cookie)) {
			s.Suspended = true
		}
		if s.Suspended && e.persists && store.SameView(s.Fingerprint, e.fingerprint) && csn.Passes(string(state.Cookie()), string(s.Cookie)) {
			s.Suspended = false
		}
	}
}
