package schema

import (
	"fmt"
	"slices"
	"strings"
)

// Vocabulary translates between one server and this program: what to ask for, and what the answers mean. It may be used by
// several goroutines.
type Vocabulary struct {
	// Identity is what identifies entries on this server.
	Identity Identity
	// Ask are the names to ask for, in the directory's words.
	Ask []string

	profile Profile
	// plain says that all words are canonical.
	plain bool
	// attributes and classes are canonical names by the directory's in lower case; one of the directory's may stand for
	// several.
	attributes, classes map[string][]string
}

// Vocabulary returns that of a server which identifies entries by id, for attributes with these canonical names.
func (p Profile) Vocabulary(canonical []string, id Identity) *Vocabulary {
	v := &Vocabulary{
		Identity: id, Ask: p.Attributes(canonical, id), profile: p, plain: id == EntryUUID,
		attributes: map[string][]string{}, classes: map[string][]string{},
	}
	learn := func(words map[string][]string, name string) {
		own := p.Attribute(name)
		v.plain = v.plain && (strings.EqualFold(own, name) || name == AttrCommonName)
		if own = strings.ToLower(own); own != "" && !slices.Contains(words[own], name) {
			words[own] = append(words[own], name)
		}
	}
	for _, name := range canonical {
		if !strings.EqualFold(name, AttrEntryUUID) { // it is the identity, whatever that is called
			learn(v.attributes, name)
		}
	}
	for _, class := range append(mailClasses(), ClassPolicy, ClassPolicyRegistry) {
		learn(v.classes, class)
	}
	return v
}

// UUID reads an entry's identity from its attributes.
func (v *Vocabulary) UUID(attrs []Attribute) (UUID, error) {
	if value := first(attrs, string(v.Identity)); value != "" {
		return v.Identity.Parse(value)
	}
	return UUID{}, fmt.Errorf("an entry without %s: may we read that attribute?", v.Identity)
}

// Entry returns an entry in canonical words. In others than those of OpenLDAP and UCS, what was not asked for is left out,
// entryUUID is the UUID's printed form, and where there is no entryCSN one is made of the time of the last change.
func (v *Vocabulary) Entry(uuid UUID, dn string, attrs []Attribute) *Entry {
	if v.plain {
		return NewEntry(uuid, dn, attrs...)
	}
	out := make([]Attribute, 0, len(attrs)+2)
	for _, a := range attrs {
		base, options, optional := strings.Cut(a.Name, ";")
		if optional {
			options = ";" + options
		}
		for _, name := range v.attributes[strings.ToLower(base)] {
			out = append(out, Attribute{Name: name + options, Values: v.values(name, a.Values)})
		}
	}
	out = append(out, Attribute{Name: AttrEntryUUID, Values: []string{uuid.String()}})
	e := NewEntry(uuid, dn, out...)
	if csn := csnOf(first(attrs, v.profile.Attribute(AttrModified))); csn != "" && e.First(AttrEntryCSN) == "" {
		e = NewEntry(uuid, dn, append(out, Attribute{Name: AttrEntryCSN, Values: []string{csn}})...)
	}
	return e
}

// values returns the values of an attribute as they are called here: classes, and addresses without what tells their kind.
func (v *Vocabulary) values(canonical string, values []string) []string {
	prefix := v.profile.ValuePrefix(canonical)
	isClass := strings.EqualFold(canonical, attrClass)
	isComputer := isClass && slices.ContainsFunc(values, func(v string) bool { return strings.EqualFold(v, classComputer) })
	if prefix == "" && !isClass {
		return values
	}
	out := make([]string, 0, len(values))
	for _, value := range values {
		names, named := v.classes[strings.ToLower(value)]
		switch {
		case isComputer && strings.EqualFold(value, classUser):
			out = append(out, value) // it stands for nothing
		case isClass && named:
			out = append(out, names...)
		case isClass && v.misleading(value):
		case len(value) < len(prefix) || !strings.EqualFold(value[:len(prefix)], prefix):
		default:
			out = append(out, value[len(prefix):])
		}
	}
	return out
}

// misleading reports whether a class has by chance a name that stands for another one here.
func (v *Vocabulary) misleading(class string) bool {
	for _, names := range v.classes {
		if slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, class) }) {
			return true
		}
	}
	return false
}

// csnOf returns the time of a generalized time with a Z (RFC 4517 §3.3.13) in the form of OpenLDAP's entryCSN, "" when it
// is none.
func csnOf(time string) string {
	digits, _, _ := strings.Cut(strings.TrimSuffix(time, "Z"), ".")
	if len(digits) != 14 || strings.Trim(digits, "0123456789") != "" {
		return ""
	}
	return digits + ".000000Z#000000#000#000000"
}

// first returns the first value of an attribute, "" when it is not there.
func first(attrs []Attribute, name string) string {
	for _, a := range attrs {
		if name != "" && strings.EqualFold(a.Name, name) && len(a.Values) > 0 {
			return a.Values[0]
		}
	}
	return ""
}
