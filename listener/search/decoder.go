package search

import (
	"strings"

	"github.com/mailreg/mailreg/listener/wire"
	"github.com/mailreg/mailreg/schema"
)

// Decoder turns search entries into entries of ours. Values stay slices of the message; names are shared by all entries
// of a session. It is for one goroutine.
type Decoder struct {
	words  *schema.Vocabulary
	wanted map[string]bool   // lower-case names that were asked for
	all    bool              // everything was asked for
	names  map[string]string // as the server writes them -> lower case, "" for unwanted
}

// maxNames bounds the table of names: a directory has some dozens, only a hostile server has more.
const maxNames = 1000

// NewDecoder returns a decoder for the answers to a search for words.Ask and more.
func NewDecoder(words *schema.Vocabulary, more ...string) *Decoder {
	d := &Decoder{words: words, wanted: map[string]bool{}, names: map[string]string{}}
	for _, names := range [][]string{words.Ask, more} {
		for _, name := range names {
			d.wanted[strings.ToLower(name)] = true
			d.all = d.all || name == "*" || name == "+"
		}
	}
	return d
}

// Entry reads a search result entry (RFC 4511 §4.5.2) whose UUID is known from elsewhere.
func (d *Decoder) Entry(uuid schema.UUID, value string) (*schema.Entry, error) {
	dn, attrs, err := d.Attributes(value)
	if err != nil {
		return nil, err
	}
	return d.words.Entry(uuid, dn, attrs), nil
}

// Attributes reads a search result entry in the server's words, names in lower case. Attributes without values are left
// out, which only a strange server sends: the others have at least one.
func (d *Decoder) Attributes(value string) (dn string, attrs []schema.Attribute, err error) {
	dn, rest, err := wire.Expect(value, wire.TagOctets)
	if err != nil {
		return "", nil, err
	}
	list, _, err := wire.Expect(rest, wire.TagSequence)
	if err != nil {
		return "", nil, err
	}
	attrs = make([]schema.Attribute, 0, len(d.wanted))
	for list != "" {
		var attr string
		if attr, list, err = wire.Expect(list, wire.TagSequence); err != nil {
			return "", nil, err
		}
		a, err := d.attribute(attr)
		if err != nil {
			return "", nil, err
		}
		if a.Name != "" && len(a.Values) > 0 {
			attrs = append(attrs, a)
		}
	}
	return dn, attrs, nil
}

// attribute reads one attribute; its name is "" when it was not asked for.
func (d *Decoder) attribute(attr string) (a schema.Attribute, err error) {
	name, rest, err := wire.Expect(attr, wire.TagOctets)
	if err != nil {
		return schema.Attribute{}, err
	}
	set, _, err := wire.Expect(rest, wire.TagSet)
	if err != nil {
		return schema.Attribute{}, err
	}
	if a.Name = d.name(name); a.Name == "" {
		return a, nil
	}
	for set != "" {
		var value string
		if value, set, err = wire.Expect(set, wire.TagOctets); err != nil {
			return schema.Attribute{}, err
		}
		a.Values = append(a.Values, value)
	}
	return a, nil
}

// name returns the lower-case form of an attribute's name, "" when it was not asked for. Options such as ";binary" are
// part of the name, but not of the question.
func (d *Decoder) name(raw string) string {
	if name, known := d.names[raw]; known {
		return name
	}
	// A copy, or the table would hold on to whole messages.
	name := strings.Clone(strings.ToLower(raw))
	if base, _, _ := strings.Cut(name, ";"); !d.all && !d.wanted[base] {
		name = ""
	}
	if len(d.names) < maxNames {
		d.names[strings.Clone(raw)] = name
	}
	return name
}
