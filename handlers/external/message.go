package external

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/mailreg/mailreg/schema"
)

// Message is what a program reads: one JSON object on a line.
type Message struct {
	Handler string      `json:"handler"`
	UUID    schema.UUID `json:"uuid"`
	// Change is add, modify, rename, remove, or again when nothing that the program reads is different.
	Change string `json:"change"`
	// DN is the newest known.
	DN string `json:"dn"`
	// Old is the entry as the program has last acknowledged it, New as it is now; null when there is none.
	Old *Side `json:"old"`
	New *Side `json:"new"`
}

// Side is an entry as a program sees it.
type Side struct {
	DN string `json:"dn"`
	// Attributes are spelt as in the handler's file; those whose values are no text are in Binary, in base64.
	Attributes map[string][]string `json:"attributes"`
	Binary     map[string][]string `json:"binary,omitempty"`
}

func message(c schema.Change, f File) ([]byte, error) {
	m := Message{Handler: f.Name, UUID: c.UUID, DN: c.DN(), Old: shown(c.Old, f), New: shown(c.New, f)}
	switch {
	case m.Old == nil && m.New == nil:
		m.Change = "remove" // of an entry that came and went, in case a lost run has seen it
	case m.Old == nil:
		m.Change = "add"
	case m.New == nil:
		m.Change = "remove"
	case m.Old.DN != m.New.DN:
		m.Change = "rename"
	case m.Old.equal(m.New):
		m.Change = "again"
	default:
		m.Change = "modify"
	}
	text, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("writing down the change of %s: %w", c.DN(), err)
	}
	return text, nil
}

// shown returns what a program may see of an entry.
func shown(e *schema.Entry, f File) *Side {
	if e == nil {
		return nil
	}
	s := &Side{DN: strings.ToValidUTF8(e.DN, "?"), Attributes: map[string][]string{}}
	for _, a := range e.Attrs {
		base, option, _ := strings.Cut(a.Name, ";")
		at := slices.IndexFunc(f.Attributes, func(name string) bool { return strings.EqualFold(name, base) })
		if at < 0 {
			continue
		}
		name := f.Attributes[at]
		if option != "" {
			name += ";" + option
		}
		if slices.ContainsFunc(a.Values, func(v string) bool { return !utf8.ValidString(v) }) || strings.Contains(option, "binary") {
			s.binary(name, a.Values)
			continue
		}
		s.Attributes[name] = a.Values
	}
	return s
}

func (s *Side) binary(name string, values []string) {
	if s.Binary == nil {
		s.Binary = map[string][]string{}
	}
	for _, v := range values {
		s.Binary[name] = append(s.Binary[name], base64.StdEncoding.EncodeToString([]byte(v)))
	}
}

// equal reports whether a program would see the same.
func (s *Side) equal(o *Side) bool {
	return s.DN == o.DN && maps.EqualFunc(s.Attributes, o.Attributes, slices.Equal) && maps.EqualFunc(s.Binary, o.Binary, slices.Equal)
}
