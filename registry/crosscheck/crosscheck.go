// Package crosscheck knows which variables must fit each other: settings that are right one by one and wrong together. It
// is pure and asks neither files nor programs; what depends on the host is asked by package registry.
package crosscheck

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mailreg/mailreg/registry/settings"
	"github.com/mailreg/mailreg/registry/value"
	"github.com/mailreg/mailreg/schema"
)

// Conflict is settings that do not fit each other.
type Conflict struct {
	// Keys are those in Text, in its order, each once.
	Keys []string
	// Text says what is wrong and what to do: one clause with every key and its value, but for the values of secrets.
	Text string
	// Works says that the servers do their work all the same, if not as meant: a warning, never a refusal.
	Works bool
}

// View is the settings as the rules see them; *settings.View is one.
type View interface {
	Get(key string) (string, bool)
	String(key string) string
	Bool(key string) bool
	Int(key string) int64
	Duration(key string) time.Duration
	List(key string) []string
	Prefix(prefix string) []settings.Pair
	Declaration(key string) (schema.Declaration, bool)
}

// rule is one row of the table.
type rule struct {
	// keys are all that find reads; one that ends in a slash stands for all below it.
	keys []string
	// works is that of Conflict.
	works bool
	// find returns a clause for each conflict, "" for none. Keys stand in it as {KEY}.
	find func(v View) []string
}

// All returns what does not fit in a view, in the order of the table.
func All(v View) []Conflict {
	var all []Conflict
	for _, r := range table() {
		all = append(all, r.conflicts(v)...)
	}
	return all
}

// New returns what an edit of these keys has brought about. What did not fit before and was left as it is does not count:
// it must not stand in the way of other edits.
func New(before, after View, edited []string) []Conflict {
	var fresh []Conflict
	for _, r := range table() {
		if !slices.ContainsFunc(edited, r.reads) {
			continue
		}
		was := r.conflicts(before)
		for _, now := range r.conflicts(after) {
			// The text has all values in it, so one that is the same is the former conflict.
			if !slices.ContainsFunc(was, func(c Conflict) bool { return c.Text == now.Text }) {
				fresh = append(fresh, now)
			}
		}
	}
	return fresh
}

// table is all rules, in the order in which their conflicts are told.
func table() []rule {
	return slices.Concat(postfixRules, relayRules, dovecotRules, cyrusRules, filterRules, listenRules)
}

// reads reports whether the rule looks at a key.
func (r rule) reads(key string) bool {
	return slices.ContainsFunc(r.keys, func(own string) bool {
		return own == key || strings.HasSuffix(own, "/") && strings.HasPrefix(key, own)
	})
}

func (r rule) conflicts(v View) []Conflict {
	var all []Conflict
	for _, clause := range r.find(v) {
		if clause == "" {
			continue
		}
		if c := told(v, clause, r.works); !slices.ContainsFunc(c.Keys, func(key string) bool { return unfit(v, key) }) {
			all = append(all, c)
		}
	}
	return all
}

// unfit reports a value that does not fit its type: rules have read it as zero or as nothing, which it is not.
func unfit(v View, key string) bool {
	text, set := v.Get(key)
	d, declared := v.Declaration(key)
	return set && declared && value.Check(d, text) != nil
}

var keyInClause = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\{[^{}]+\}`) })

// told makes a conflict of a clause: {KEY} becomes the key and, where it stands first, its value.
func told(v View, clause string, works bool) Conflict {
	c := Conflict{Works: works}
	c.Text = keyInClause().ReplaceAllStringFunc(clause, func(marked string) string {
		key := strings.Trim(marked, "{}")
		if slices.Contains(c.Keys, key) {
			return key
		}
		c.Keys = append(c.Keys, key)
		return key + " (" + shown(v, key) + ")"
	})
	return c
}

// shown is a value as a person is told of it.
func shown(v View, key string) string {
	const most = 60
	text, set := v.Get(key)
	d, _ := v.Declaration(key)
	switch {
	case !set:
		return "unset"
	case d.Secret:
		return "<secret>"
	case text == "":
		return "empty"
	case len(text) > most:
		text = strings.ToValidUTF8(text[:most], "") + "..."
	}
	if quoted := fmt.Sprintf("%q", text); quoted != `"`+text+`"` {
		return quoted // control characters must not look like another line
	}
	return text
}

// when returns a clause if it holds.
func when(holds bool, clause string) []string {
	if !holds {
		return nil
	}
	return []string{clause}
}

// isSet reports whether a key has a value that is not empty.
func isSet(v View, key string) bool { return v.String(key) != "" }

// isOneOf reports whether a key has one of these values.
func isOneOf(v View, key string, words ...string) bool { return slices.Contains(words, v.String(key)) }
