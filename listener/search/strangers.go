package search

import (
	"fmt"
	"log/slog"

	"github.com/mailreg/mailreg/schema"
)

// Strangers are the entries of an answer that cannot be identified, since we may not read that attribute of them. The others
// must not wait for a person who mends that, so such entries are passed over: one that was known before is missed then, looked
// up, and found to be out of reach. The zero value is ready.
type Strangers struct {
	// Log is told of the first one; nobody when nil.
	Log *slog.Logger

	first error
	known int
}

// Entry reads a search result entry, and its UUID from the attribute that identifies entries. It is nil for one to be passed
// over.
func (s *Strangers) Entry(d *Decoder, value string) (*schema.Entry, error) {
	dn, attrs, err := d.Attributes(value)
	if err != nil {
		return nil, err
	}
	uuid, err := d.words.UUID(attrs)
	if s.Judge(dn, err) {
		return nil, nil
	}
	return d.words.Entry(uuid, dn, attrs), nil
}

// Judge takes in what became of reading an entry's identity, and reports whether the entry is to be passed over.
func (s *Strangers) Judge(dn string, err error) bool {
	if err == nil {
		s.known++
		return false
	}
	if s.first != nil {
		return true
	}
	s.first = fmt.Errorf("%s: %w", dn, err)
	if s.Log != nil {
		s.Log.Warn("passing over entries that cannot be identified", "op", "follow", "dn", dn, "err", err)
	}
	return true
}

// Only returns why, when no entry could be identified at all: then it is the rights that are wrong, not an entry.
func (s *Strangers) Only() error {
	if s.known > 0 {
		return nil
	}
	return s.first
}
