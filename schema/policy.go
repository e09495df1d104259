package schema

import (
	"encoding/hex"
	"maps"
	"slices"
	"strings"
)

// Names of the attributes and classes of policies (the names of UCS, but for the two that begin with mailreg).
const (
	ClassPolicyRegistry = "univentionPolicyRegistry"
	ClassPolicy         = "mailregPolicy"

	AttrPolicyReference   = "univentionPolicyReference"
	AttrRegistry          = "univentionRegistry"
	AttrVariable          = "mailregVariable"
	AttrRequiredClasses   = "requiredObjectClasses"
	AttrProhibitedClasses = "prohibitedObjectClasses"
	AttrFixed             = "fixedAttributes"
	AttrEmpty             = "emptyAttributes"
	AttrPolicyFilter      = "ldapFilter"
	AttrServerRole        = "univentionServerRole"
)

// registryOption is the prefix of the attribute option that names a key: univentionRegistry;entry-hex-HEX.
const registryOption = "entry-hex-"

// PolicyAttributes are the names of the attributes that say what policies are and to whom they apply.
func PolicyAttributes() []string {
	return []string{
		AttrPolicyReference, AttrRegistry, AttrVariable, AttrRequiredClasses, AttrProhibitedClasses, AttrFixed, AttrEmpty,
		AttrPolicyFilter,
	}
}

// Policy is the typed view of a registry policy.
type Policy struct {
	// UUID and DN identify the entry.
	UUID UUID
	DN   string
	// Values are the values by key, byte for byte as the directory has them; keys and values are unchecked.
	Values map[string]string
	// Unclear are keys to which the entry gives several values at once, sorted.
	Unclear []string
	// Fixed are keys whose value here no nearer policy can replace, Empty those that have no value from policies farther away,
	// sorted.
	Fixed, Empty []string
	// Required and Prohibited are object classes that the host must have and must not have.
	Required, Prohibited []string
	// Filter is an LDAP filter that the host must match, "" for none.
	Filter string
	// Faults are what of the entry nobody can make sense of, one text each.
	Faults []string
}

// IsPolicy reports whether the entry is a registry policy.
func IsPolicy(e *Entry) bool {
	return e != nil && (e.HasClass(ClassPolicyRegistry) || e.HasClass(ClassPolicy))
}

// ParsePolicy returns the view of a policy. Of several values of one option the last counts, as in the peer; of several
// values of one key in AttrVariable, which have no order, none does.
func ParsePolicy(e *Entry) Policy {
	p := Policy{
		UUID: e.UUID, DN: e.DN, Values: map[string]string{}, Filter: e.First(AttrPolicyFilter),
		Required: e.Values(AttrRequiredClasses), Prohibited: e.Values(AttrProhibitedClasses),
	}
	for _, attr := range e.Attrs {
		key, named, err := optionKey(attr.Name)
		switch {
		case err != nil:
			p.Faults = append(p.Faults, attr.Name+" names no key: "+err.Error())
		case named:
			p.Values[key] = attr.Values[len(attr.Values)-1]
		}
	}
	variables := p.variables(e.Values(AttrVariable))
	for _, name := range e.Values(AttrFixed) {
		p.Fixed = append(p.Fixed, attributeKeys(name, variables)...)
	}
	for _, name := range e.Values(AttrEmpty) {
		p.Empty = append(p.Empty, attributeKeys(name, nil)...)
	}
	for _, keys := range []*[]string{&p.Unclear, &p.Fixed, &p.Empty} {
		slices.Sort(*keys)
		*keys = slices.Compact(*keys)
	}
	return p
}

// variables takes in the values of AttrVariable and returns their keys.
func (p *Policy) variables(values []string) []string {
	seen := map[string]bool{}
	for _, pair := range values {
		key, value, ok := strings.Cut(pair, "=")
		if !ok {
			p.Faults = append(p.Faults, AttrVariable+" has a value without =")
			continue
		}
		if was, twice := p.Values[key]; twice && was != value {
			p.Unclear = append(p.Unclear, key)
		}
		p.Values[key] = value
		seen[key] = true
	}
	return slices.Sorted(maps.Keys(seen))
}

// optionKey returns the key that an attribute name such as univentionregistry;entry-hex-6162 stands for.
func optionKey(name string) (key string, named bool, err error) {
	options := strings.Split(strings.ToLower(name), ";")
	if options[0] != strings.ToLower(AttrRegistry) {
		return "", false, nil
	}
	for _, option := range options[1:] {
		if digits, ok := strings.CutPrefix(option, registryOption); ok {
			key, err := hex.DecodeString(digits)
			return string(key), err == nil, err
		}
	}
	return "", false, nil
}

// attributeKeys returns the keys that a value of fixedAttributes or emptyAttributes speaks of: one that is named as an
// option, or all variables of the policy itself.
func attributeKeys(name string, variables []string) []string {
	if key, named, _ := optionKey(name); named {
		return []string{key}
	}
	if strings.EqualFold(name, AttrVariable) {
		return variables
	}
	return nil
}
