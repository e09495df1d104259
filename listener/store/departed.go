package store

import (
	"bytes"
	"slices"
	"time"

	"github.com/mailreg/mailreg/schema"
)

var (
	bucketDeparted   = []byte("departed")
	bucketDepartures = []byte("departures")
)

// Departed is an entry that is gone, as the handler had acknowledged it before.
type Departed struct {
	// At is when the handler has acknowledged that.
	At     time.Time
	Entry  *schema.Entry
	Claims []string
}

// PutDeparted remembers an entry by its name, in the form of the caller, and forgets those that went before the horizon.
func (h *Handler) PutDeparted(name string, d Departed, horizon time.Time) {
	h.ForgetDeparted(name)
	c := h.departures.Cursor()
	var old [][]byte
	for k, _ := c.First(); k != nil && bytes.Compare(k[:8], timeKey(horizon)) < 0; k, _ = c.Next() {
		old = append(old, slices.Clone(k[8:]))
	}
	for _, k := range old {
		h.ForgetDeparted(string(k))
	}
	e := encoder{b: make([]byte, 0, 512)}
	e.time(d.At)
	e.strs(d.Claims)
	e.entry(d.Entry)
	h.t.put(h.departed, []byte(name), e.seal([]byte(name)))
	at := append(timeKey(d.At), name...)
	h.t.put(h.departures, at, new(encoder).seal(at))
}

// Departed returns the last entry of a name that is gone, and whether one is known.
func (h *Handler) Departed(name string) (Departed, bool) {
	r := h.t.get(h.departed, []byte(name))
	if r == nil {
		return Departed{}, false
	}
	d := Departed{At: r.time(), Claims: r.strs(), Entry: r.entry()}
	h.t.fail(r.end())
	return d, h.t.err == nil
}

// AnyDeparted reports whether any is known.
func (h *Handler) AnyDeparted() bool {
	k, _ := h.departed.Cursor().First()
	return k != nil
}

// ForgetDeparted removes what is remembered under a name.
func (h *Handler) ForgetDeparted(name string) {
	if d, ok := h.Departed(name); ok {
		h.t.remove(h.departures, append(timeKey(d.At), name...))
		h.t.remove(h.departed, []byte(name))
	}
}
