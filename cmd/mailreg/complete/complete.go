// Package complete proposes what a shell can complete from the settings: keys, values, layers, categories. A proposal is a
// word, or a word, a tab and a description.
package complete

import (
	"slices"
	"strings"

	"github.com/mailreg/mailreg/registry"
	"github.com/mailreg/mailreg/schema"
)

// Settings are what is proposed from. German chooses the language of descriptions.
type Settings struct {
	View   *registry.View
	German bool
}

// Known returns all keys that a layer sets or that are declared. Of a pattern there is what stands before the part that one
// is free to choose.
func (s Settings) Known() []string { return s.keys("", func(schema.Declaration) bool { return true }) }

// Assign returns what may follow on the command line of set: keys with "=", and behind the "=" of a key (or its "?") the
// values that its type allows, if they can be counted, and the one that it has.
func (s Settings) Assign(typed string) []string {
	if at := strings.IndexAny(typed, "=?"); at > 0 {
		var all []string
		for _, val := range s.values(typed[:at]) {
			all = append(all, typed[:at+1]+val)
		}
		return all
	}
	return s.keys("=", func(d schema.Declaration) bool { return !d.ReadOnly })
}

// Set returns the keys that a layer sets, those of any layer for registry.Default.
func (s Settings) Set(layer registry.Layer) []string {
	var all []string
	for l := registry.Normal; l <= registry.Forced; l++ {
		if layer != registry.Default && layer != l {
			continue
		}
		for key := range s.View.In(l) {
			d, _ := s.View.Declaration(key)
			all = append(all, s.described(key, d))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Categories returns the categories of all declarations.
func (s Settings) Categories() []string {
	var all []string
	for _, d := range s.View.Declarations() {
		for category := range strings.SplitSeq(d.Category, ",") {
			if category = strings.TrimSpace(category); category != "" {
				all = append(all, category)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Layers are the names of the layers that can be written, low to high.
func Layers() []string {
	var all []string
	for l := registry.Normal; l <= registry.Forced; l++ {
		all = append(all, l.String())
	}
	return all
}

// keys returns the wanted keys, each with a suffix.
func (s Settings) keys(suffix string, wanted func(schema.Declaration) bool) []string {
	var all []string
	for _, d := range s.View.Declarations() {
		switch before, _, pattern := strings.Cut(d.Key, ".*"); {
		case !wanted(d):
		case !pattern:
			all = append(all, s.described(d.Key+suffix, d))
		case before != "":
			all = append(all, s.described(before, d))
		}
	}
	for _, pair := range s.View.Pairs() {
		d, declared := s.View.Declaration(pair.Key)
		if wanted(d) && (!declared || d.Key != pair.Key) {
			all = append(all, s.described(pair.Key+suffix, d))
		}
	}
	slices.Sort(all)
	return slices.CompactFunc(all, func(a, b string) bool { return word(a) == word(b) })
}

func word(proposal string) string {
	before, _, _ := strings.Cut(proposal, "\t")
	return before
}

// described adds what a variable does. Shells print it on one line beside the word.
func (s Settings) described(word string, d schema.Declaration) string {
	text := d.DescriptionEN
	if s.German && d.DescriptionDE != "" {
		text = d.DescriptionDE
	}
	if text == "" {
		return word
	}
	return word + "\t" + strings.ReplaceAll(text, "\n", " ")
}

// values returns the values that a key may be given, and the one that it has; never that of a secret.
func (s Settings) values(key string) []string {
	d, _ := s.View.Declaration(key)
	var all []string
	switch d.Type {
	case "bool":
		all = []string{"yes", "no"}
	case "enum":
		all = slices.Clone(d.Enum)
	}
	if val, ok := s.View.Get(key); ok && !d.Secret && val != "" && !strings.ContainsAny(val, "\n\r\t") && !slices.Contains(all, val) {
		all = append(all, val)
	}
	return all
}
