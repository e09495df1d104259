package ucr

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/mailreg/mailreg/registry"
	"github.com/mailreg/mailreg/schema"
)

// shownSecret stands for the value of a secret where nobody has asked for that value.
const shownSecret = "<secret>"

// entry is one variable, or one declared pattern, as the output shows it.
type entry struct {
	key string
	// value is the merged value; set tells an empty one from none.
	value       string
	set         bool
	layer       registry.Layer
	declaration schema.Declaration
	declared    bool
}

// entryOf looks up all that is known about a key.
func entryOf(view *registry.View, key string) entry {
	e := entry{key: key}
	e.value, e.set = view.Get(key)
	e.layer, _ = view.Source(key)
	e.declaration, e.declared = view.Declaration(key)
	return e
}

// masked returns the entry without the value of a secret.
func (e entry) masked() entry {
	if e.declaration.Secret && e.value != "" {
		e.value = shownSecret
	}
	return e
}

// get prints nothing for a variable that is not set, which is no error: scripts compare the output with "".
func (p *Program) get(context.Context) error {
	view, err := p.Registry.View()
	if err != nil {
		return err
	}
	e := entryOf(view, p.call.args[0])
	switch {
	case !e.set:
	case p.call.shell:
		p.print([]entry{e}, layout{})
	default:
		p.printf("%s\n", e.value)
	}
	return nil
}

// dump prints everything that has a value.
func (p *Program) dump(context.Context) error {
	view, err := p.Registry.View()
	if err != nil {
		return err
	}
	var all []entry
	for _, pair := range view.Pairs() {
		all = append(all, entryOf(view, pair.Key))
	}
	p.print(all, layout{})
	return nil
}

// info prints all about the given variables; one that is neither set nor declared is a warning.
func (p *Program) info(context.Context) error {
	view, err := p.Registry.View()
	if err != nil {
		return err
	}
	var found []entry
	for _, key := range p.call.args {
		e := entryOf(view, key)
		if !e.set && !e.declared {
			p.warnf("Unknown key: \"%s\"", key)
			continue
		}
		found = append(found, e.masked())
	}
	p.print(found, layout{description: true, categories: true, details: true})
	return nil
}

// query is what search looks for.
type query struct {
	terms []*regexp.Regexp
	// texts are the terms as they were given.
	texts                     []string
	keys, values, description bool
	category                  string
	nonEmpty                  bool
}

// search prints the variables that match any of the terms. No match is no error.
func (p *Program) search(context.Context) error {
	q, err := p.query()
	if err != nil {
		return err
	}
	view, err := p.Registry.View()
	if err != nil {
		return err
	}
	if q.category != "" && !knownCategory(view, q.category) {
		return fmt.Errorf("unknown category: %q", q.category)
	}
	brief := p.call.has("brief") || p.call.shell || view.Bool("ucr/output/brief")
	l := layout{
		description: !brief || p.call.has("verbose"),
		categories:  p.call.has("verbose"),
		layer:       view.Bool("ucr/output/scope"),
	}
	var found []entry
	for _, e := range candidates(view) {
		switch {
		case !q.matches(e):
		case e.declaration.Secret && p.call.shell && !p.call.deprecated && e.value != "":
			p.warnf("%s is left out: it is a secret; get prints it", e.key)
		case p.call.deprecated:
			found = append(found, e)
		default:
			found = append(found, e.masked())
		}
	}
	if !p.call.shell && !q.nonEmpty {
		found = append(found, q.patterns(view)...)
	}
	p.print(found, l)
	return nil
}

// query reads the options and terms of a search.
func (p *Program) query() (query, error) {
	c := &p.call
	q := query{texts: c.args, category: c.options[valued], nonEmpty: c.has("non-empty")}
	scopes := 0
	for _, scope := range []string{"key", "value", "all"} {
		if c.has(scope) {
			scopes++
		}
	}
	if scopes > 1 {
		return q, errors.New("at most one out of [--key|--value|--all] may be set")
	}
	q.keys = !c.has("value")
	q.values = c.has("value") || c.has("all")
	q.description = c.has("all")
	for _, text := range q.texts {
		term, err := regexp.Compile(text)
		if err != nil {
			return q, fmt.Errorf("invalid regular expression: %w", err)
		}
		q.terms = append(q.terms, term)
	}
	return q, nil
}

// candidates returns every variable that is set or declared by its own name.
func candidates(view *registry.View) []entry {
	var keys []string
	for _, pair := range view.Pairs() {
		keys = append(keys, pair.Key)
	}
	for _, d := range view.Declarations() {
		if !isPattern(d.Key) {
			keys = append(keys, d.Key)
		}
	}
	slices.Sort(keys)
	var all []entry
	for _, key := range slices.Compact(keys) {
		all = append(all, entryOf(view, key))
	}
	return all
}

// matches reports whether a search finds a variable. The value of a secret is never looked at.
func (q *query) matches(e entry) bool {
	if q.nonEmpty && e.value == "" || !q.inCategory(e.declaration) {
		return false
	}
	if len(q.terms) == 0 {
		return true
	}
	return slices.ContainsFunc(q.terms, func(term *regexp.Regexp) bool {
		return q.keys && term.MatchString(e.key) ||
			q.values && e.value != "" && !e.declaration.Secret && term.MatchString(e.value) ||
			q.description && e.declared && term.MatchString(e.declaration.DescriptionEN)
	})
}

// inCategory is where the peer lets pass what is in no category at all.
func (q *query) inCategory(d schema.Declaration) bool { return q.category == "" || d.In(q.category) }

// patterns returns the declared patterns that the terms speak of: those in whose text a term is found, and those that a
// term is a name for.
func (q *query) patterns(view *registry.View) []entry {
	var found []entry
	for _, d := range view.Declarations() {
		if !isPattern(d.Key) || !q.keys || !q.inCategory(d) {
			continue
		}
		named := func(text string) bool {
			of, _ := view.Declaration(text)
			return of.Key == d.Key
		}
		in := func(term *regexp.Regexp) bool { return term.MatchString(d.Key) }
		if len(q.terms) == 0 || slices.ContainsFunc(q.terms, in) || slices.ContainsFunc(q.texts, named) {
			found = append(found, entry{key: d.Key, declaration: d, declared: true})
		}
	}
	return found
}

func isPattern(key string) bool { return strings.Contains(key, ".*") }

// knownCategory reports whether anything is declared under a category, in whatever case. A misspelt one would look like
// one without variables.
func knownCategory(view *registry.View, name string) bool {
	return slices.ContainsFunc(view.Declarations(), func(d schema.Declaration) bool { return d.In(name) })
}
