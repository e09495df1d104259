package registry

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"unicode/utf8"

	"github.com/mailreg/mailreg/registry/history"
	"github.com/mailreg/mailreg/registry/layerfile"
	"github.com/mailreg/mailreg/registry/value"
)

// applied is an edit carried out in memory.
type applied struct {
	layer    Layer
	view     *View              // with the edited layer
	values   map[string]string  // of the edited layer
	was      map[string]*string // what keys had that were touched, nil for none
	touched  []string
	keys     []KeyOutcome
	warnings []string
}

// keyChange is the old and the new value of a key in a layer; nil is unset.
type keyChange struct {
	layer    Layer
	key      string
	old, new *string
	made     bool // made up by the registry
}

// masked returns the change without its values: only that there are some.
func (c keyChange) masked() keyChange {
	secret := history.Secret
	if c.old != nil {
		c.old = &secret
	}
	if c.new != nil {
		c.new = &secret
	}
	return c
}

// apply checks an edit against the view and carries it out. Its error has a Refusal for each key at fault.
func apply(v *View, e Edit) (applied, error) {
	a := applied{layer: e.Layer, values: maps.Clone(v.In(e.Layer)), was: map[string]*string{}}
	if a.values == nil {
		a.values = map[string]string{}
	}
	var refused []error
	// All keys are looked at, so that the caller learns of all that is wrong at once.
	for _, set := range e.Set {
		refused = append(refused, a.set(v, e, set))
	}
	for _, key := range e.Unset {
		refused = append(refused, a.unset(v, e, key))
	}
	a.view = v.With(e.Layer, a.values)
	return a, errors.Join(refused...)
}

// set carries out one assignment, or returns why it is refused.
func (a *applied) set(v *View, e Edit, set Assignment) error {
	// Whether a key is created depends on this layer alone, as in the peer.
	outcome := KeyOutcome{Key: set.Key, Verb: "Create"}
	was, exists := a.values[set.Key]
	keep := exists && set.IfUnset
	switch {
	case keep:
		outcome.Verb = "Not updating"
	case exists:
		outcome.Verb = "Setting"
	}
	// A value that is not used matters only where it decides about the whole call.
	if !keep || !e.Skip {
		outcome.Refusal = checkAssignment(v, e, set)
	}
	if r := outcome.Refusal; r != nil && (r.Reason != BadValue || !e.IgnoreCheck) {
		outcome.Verb = "Not setting"
		return a.refuse(e, outcome)
	}
	if e.Layer == LDAP && v.Local(set.Key) {
		a.warnings = append(a.warnings, fmt.Sprintf("%s is local to this host: its value in layer %s is ignored", set.Key, LDAP))
	}
	if keep {
		set.Value, outcome.Refusal = was, nil
	}
	a.put(set.Key, &set.Value)
	outcome.HiddenBy = above(v, e.Layer, set.Key)
	a.keys = append(a.keys, outcome)
	return nil
}

// unset removes one key, or returns why that is refused.
func (a *applied) unset(v *View, e Edit, key string) error {
	outcome := KeyOutcome{Key: key}
	_, exists := a.values[key]
	if r := checkKey(v, e, key); r != nil && (exists || !e.Skip) { // in the peer no key is too odd not to be there
		outcome.Verb, outcome.Refusal = "Not unsetting", r
		return a.refuse(e, outcome)
	}
	if exists {
		outcome.Verb = "Unsetting"
	}
	a.put(key, nil)
	outcome.HiddenBy = above(v, e.Layer, key)
	a.keys = append(a.keys, outcome)
	return nil
}

// refuse notes a key that is left alone, or returns why it refuses the whole edit.
func (a *applied) refuse(e Edit, outcome KeyOutcome) error {
	if !e.Skip {
		return outcome.Refusal
	}
	a.keys = append(a.keys, outcome)
	return nil
}

// put gives a key another value, nil for none.
func (a *applied) put(key string, val *string) {
	if _, seen := a.was[key]; !seen {
		var was *string
		if text, exists := a.values[key]; exists {
			was = &text
		}
		a.was[key], a.touched = was, append(a.touched, key)
	}
	if val == nil {
		delete(a.values, key)
	} else {
		a.values[key] = *val
	}
}

// changes returns what has become of each key that was touched, in the order of the call: a key that was set twice has
// changed once, and one that has its former value again not at all.
func (a *applied) changes() []keyChange {
	var all []keyChange
	for _, key := range a.touched {
		c := keyChange{layer: a.layer, key: key, old: a.was[key]}
		if text, exists := a.values[key]; exists {
			c.new = &text
		}
		if c.old != c.new && (c.old == nil || c.new == nil || *c.old != *c.new) {
			all = append(all, c)
		}
	}
	return all
}

// above returns the highest layer over l that decides the value of a key, Default when none does.
func above(v *View, l Layer, key string) Layer {
	if source, ok := v.Source(key); ok && source > l {
		return source
	}
	return Default
}

// checkKey reports why an edit may not touch a key.
func checkKey(v *View, e Edit, key string) *Refusal {
	if err := layerfile.CheckKey(key); err != nil {
		return &Refusal{key, BadKey, err}
	}
	if d, _ := v.Declaration(key); d.ReadOnly && !e.Internal {
		return &Refusal{key, ReadOnly, fmt.Errorf("%s is read-only: the daemon writes it", key)}
	}
	return nil
}

// checkAssignment reports why an edit may not give a key that value; with IgnoreCheck a BadValue is no hindrance.
func checkAssignment(v *View, e Edit, set Assignment) *Refusal {
	if was, exists := v.In(e.Layer)[set.Key]; exists && was == set.Value {
		return nil // nothing happens, so that what dump prints can be set again
	}
	if r := checkKey(v, e, set.Key); r != nil {
		return r
	}
	d, declared := v.Declaration(set.Key)
	shown := fmt.Sprintf("value %q ", cut(set.Value))
	if d.Secret {
		shown = "the value "
	}
	switch {
	case !utf8.ValidString(set.Value):
		return &Refusal{set.Key, NotText, fmt.Errorf("%s: %smust be UTF-8 text", set.Key, shown)}
	case d.Secret && e.Layer != Normal:
		return &Refusal{set.Key, WrongLayer, fmt.Errorf("%s is a secret: only layer %s keeps secrets", set.Key, Normal)}
	case !declared:
		return nil
	}
	if err := value.Check(d, set.Value); err != nil {
		return &Refusal{set.Key, BadValue, fmt.Errorf("%s: %s%w", set.Key, shown, err)}
	}
	return nil
}

// cut shortens what is shown of a value.
func cut(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}
