package store

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// MaxSlots is the number of cookies that are kept. The one that was not used for the longest time goes first.
const MaxSlots = 8

// Slot is the position in the stream of one provider.
type Slot struct {
	// Fingerprint is that of what the cookie is bound to.
	Fingerprint string
	Cookie      []byte
	// Suspended slots stand behind what the replica holds: going on from there might bring never again what another
	// provider has overwritten.
	Suspended bool
}

// Fingerprint shortens what a cookie is bound to: the view, which is all that decides what the provider shows us, and the
// place where it was reached.
func Fingerprint(view, place string) string { return digest(view) + "-" + digest(place) }

// SameView reports whether two fingerprints differ at most in the place.
func SameView(a, b string) bool {
	a, _, _ = strings.Cut(a, "-")
	b, _, _ = strings.Cut(b, "-")
	return a == b
}

// digest keeps half of a SHA-256, which is enough to tell a few settings apart.
func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:16])
}

// Slot returns the slot of a fingerprint, which may be changed in place, nil when there is none.
func (s *State) Slot(fingerprint string) *Slot {
	for i := range s.Slots {
		if s.Slots[i].Fingerprint == fingerprint {
			return &s.Slots[i]
		}
	}
	return nil
}

// Cookie returns the position of the replica in the stream that it was last in step with, empty when that is not known.
func (s *State) Cookie() []byte {
	if slot := s.Slot(s.Fingerprint); slot != nil && !slot.Suspended {
		return slot.Cookie
	}
	return nil
}

// SetCookie makes a fingerprint the one in use, and keeps its cookie, or forgets it when it is empty.
func (s *State) SetCookie(fingerprint string, cookie []byte) {
	others := slices.DeleteFunc(slices.Clone(s.Slots), func(o Slot) bool { return o.Fingerprint == fingerprint })
	if len(cookie) > 0 {
		others = slices.Insert(others, 0, Slot{Fingerprint: fingerprint, Cookie: cookie})
	}
	s.Fingerprint, s.Slots = fingerprint, others[:min(len(others), MaxSlots)]
}

func (e *encoder) slots(list []Slot) {
	e.uint(uint64(len(list)))
	for _, s := range list {
		e.str(s.Fingerprint)
		e.str(string(s.Cookie))
		e.flags(s.Suspended)
	}
}

func (d *decoder) slots() []Slot {
	n := d.count()
	if n == 0 {
		return nil
	}
	list := make([]Slot, n)
	for i := range list {
		d.need()
		list[i] = Slot{Fingerprint: d.str(), Cookie: []byte(d.str())}
		d.flags(&list[i].Suspended)
	}
	return list
}
