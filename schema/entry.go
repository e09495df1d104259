package schema

import (
	"slices"
	"strings"
)

// Entry is one directory entry at one moment. It is immutable once it has left the place that made it.
type Entry struct {
	// UUID is the entry's identity.
	UUID UUID
	// DN is the distinguished name as the provider printed it.
	DN string
	// Attrs are sorted by name; the names are in lower case and unique. Values are raw bytes in a string: they are
	// untrusted and need not be UTF-8.
	Attrs []Attribute
}

// Attribute is an attribute with its values in the provider's order.
type Attribute struct {
	// Name is in lower case and includes options.
	Name string
	// Values hold at least one value.
	Values []string
}

// NewEntry returns an entry whose attributes are sorted and whose names are in lower case. Attributes without values
// are left out; attributes that differ only in the case of their name are joined.
func NewEntry(uuid UUID, dn string, attrs ...Attribute) *Entry {
	e := &Entry{UUID: uuid, DN: dn, Attrs: make([]Attribute, 0, len(attrs))}
	for _, a := range attrs {
		if len(a.Values) == 0 {
			continue
		}
		name := strings.ToLower(a.Name)
		at, found := e.find(name)
		if found {
			joined := slices.Concat(e.Attrs[at].Values, a.Values)
			e.Attrs[at].Values = joined
			continue
		}
		e.Attrs = slices.Insert(e.Attrs, at, Attribute{Name: name, Values: a.Values})
	}
	return e
}

func (e *Entry) find(lower string) (int, bool) {
	return slices.BinarySearchFunc(e.Attrs, lower, func(a Attribute, name string) int {
		return strings.Compare(a.Name, name)
	})
}

// Values returns the values of an attribute, nil when it is absent. The name is compared without regard to case.
func (e *Entry) Values(name string) []string {
	if at, found := e.find(strings.ToLower(name)); found {
		return e.Attrs[at].Values
	}
	return nil
}

// First returns the first value of an attribute, "" when it is absent.
func (e *Entry) First(name string) string {
	if values := e.Values(name); len(values) > 0 {
		return values[0]
	}
	return ""
}

// HasClass reports whether the entry has an object class. The name is compared without regard to case.
func (e *Entry) HasClass(class string) bool {
	return slices.ContainsFunc(e.Values("objectClass"), func(v string) bool { return strings.EqualFold(v, class) })
}

// Equal reports whether both entries have the same identity, DN, attributes and values in the same order.
func (e *Entry) Equal(o *Entry) bool {
	if e == nil || o == nil {
		return e == o
	}
	return e.UUID == o.UUID && e.DN == o.DN && slices.EqualFunc(e.Attrs, o.Attrs, func(a, b Attribute) bool {
		return a.Name == b.Name && slices.Equal(a.Values, b.Values)
	})
}
