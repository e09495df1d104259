package main

import (
	"strings"

	"github.com/mailreg/mailreg/registry"
	"github.com/mailreg/mailreg/schema"
	"github.com/mailreg/mailreg/schema/plain"
)

// shownSecret stands for the value of a secret wherever more than that value is printed.
const shownSecret = "<secret>"

// variable is one variable, or one declared pattern, as search and info show it.
type variable struct {
	key string
	// value is the merged value; set tells an empty one from none.
	value string
	set   bool
	layer registry.Layer
	// hidden is a secret that the caller may not see, set or not.
	hidden bool
	// declared is false for a variable that nobody declared.
	declared    bool
	declaration schema.Declaration
}

// variableOf looks a key up in all that is known about it.
func variableOf(view *registry.View, key string) variable {
	v := variable{key: key}
	v.value, v.set = view.Get(key)
	v.layer, _ = view.Source(key)
	v.declaration, v.declared = view.Declaration(key)
	v.hidden = view.Hidden(key)
	return v
}

// shown returns the value as people see it.
func (v variable) shown() string {
	switch {
	case v.hidden:
		return shownSecret
	case v.value == "":
		return "<empty>"
	case v.declaration.Secret:
		return shownSecret
	default:
		return oneLine(v.value)
	}
}

// description returns the sentence in German when that is wanted and there is one.
func (v variable) description(german bool) string {
	if german && v.declaration.DescriptionDE != "" {
		return v.declaration.DescriptionDE
	}
	return v.declaration.DescriptionEN
}

// details returns the lines of type, default, category and the reason why there is no effect, each with a blank in front.
func (v variable) details() []string {
	if !v.declared {
		return nil
	}
	d := v.declaration
	lines := []string{" Type: " + d.Type}
	if d.Element != "" {
		lines[0] += " of " + d.Element
	}
	if len(d.Enum) > 0 {
		lines[0] += " (" + strings.Join(d.Enum, ", ") + ")"
	}
	if d.HasDefault {
		lines = append(lines, " Default: "+oneLine(d.Default))
	}
	if d.Category != "" {
		lines = append(lines, " Categories: "+d.Category)
	}
	if d.Unread != "" {
		lines = append(lines, " Without effect: "+d.Unread)
	}
	return lines
}

// variableJSON is what search and info print with --json.
type variableJSON struct {
	Key string `json:"key"`
	// Value is absent when no layer has one, and "<secret>" for a secret.
	Value       *string `json:"value,omitempty"`
	Layer       string  `json:"layer,omitempty"`
	Type        string  `json:"type,omitempty"`
	Default     *string `json:"default,omitempty"`
	Category    string  `json:"category,omitempty"`
	Description string  `json:"description,omitempty"`
	// Unread says why the variable has no effect yet.
	Unread string `json:"unread,omitempty"`
}

// json returns what programs get to see.
func (v variable) json(german bool) variableJSON {
	d := v.declaration
	out := variableJSON{Key: v.key, Type: d.Type, Category: d.Category, Description: v.description(german), Unread: d.Unread}
	if v.set {
		value := v.value
		if d.Secret && value != "" {
			value = shownSecret
		}
		out.Value, out.Layer = &value, v.layer.String()
	}
	if d.HasDefault {
		out.Default = &d.Default
	}
	return out
}

// oneLine is how values are shown to people.
func oneLine(value string) string { return plain.Line(value) }
