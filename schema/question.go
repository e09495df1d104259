package schema

import (
	"fmt"
	"strings"
)

// Question returns what a mail server asks this directory in place of filters in canonical words, one behind the other, of
// which all must match. No entry has an attribute that the directory does not have, so that a comparison with one never
// matches: it is left out, and so is what it decides. What nothing can match any more is "(!(objectClass=*))". Values stand
// as they are, variables of the server's among them, but have no parentheses.
func (p Profile) Question(canonical string) (string, error) {
	q := question{profile: p, rest: canonical}
	terms, err := q.terms()
	if err == nil && q.rest != "" {
		err = fmt.Errorf("%q is left over", q.rest)
	}
	if err != nil {
		return "", fmt.Errorf("filter %q: %w", canonical, err)
	}
	text := ""
	for _, t := range terms {
		if t.truth == never {
			return "(!(" + attrClass + "=*))", nil
		}
		text += t.text
	}
	return text, nil
}

// term is a part of a filter.
type term struct {
	// text is the part with its parentheses; "" when its truth is known.
	text  string
	truth truth
}

// truth is what is known of a term whatever the entry.
type truth int

const (
	depends truth = iota
	always
	never
)

// question reads a filter from left to right.
type question struct {
	profile Profile
	rest    string
	depth   int
}

// maxQuestion bounds how deep parentheses may be nested.
const maxQuestion = 50

func (q *question) take(prefix string) bool {
	rest, ok := strings.CutPrefix(q.rest, prefix)
	if ok {
		q.rest = rest
	}
	return ok
}

// terms reads filters in a row.
func (q *question) terms() (list []term, err error) {
	for q.take("(") {
		t, err := q.term()
		if err != nil {
			return nil, err
		}
		list = append(list, t)
	}
	return list, nil
}

// term reads the rest of a filter behind its first parenthesis.
func (q *question) term() (term, error) {
	if q.depth++; q.depth > maxQuestion {
		return term{}, fmt.Errorf("it is nested more than %d deep", maxQuestion)
	}
	defer func() { q.depth-- }()
	for _, sign := range "&|!" {
		if !q.take(string(sign)) {
			continue
		}
		list, err := q.terms()
		switch {
		case err != nil:
			return term{}, err
		case !q.take(")"):
			return term{}, fmt.Errorf("a parenthesis is missing before %q", q.rest)
		case sign == '!' && len(list) != 1:
			return term{}, fmt.Errorf("%d filters behind an exclamation mark", len(list))
		case sign == '!':
			return negated(list[0]), nil
		}
		return joined(byte(sign), list), nil
	}
	item, rest, closed := strings.Cut(q.rest, ")")
	name, _, compares := strings.Cut(item, "=")
	if !closed || !compares || strings.ContainsAny(item, "(\n") {
		return term{}, fmt.Errorf("%q is no comparison", item)
	}
	q.rest = rest
	return q.profile.asked(name, item), nil
}

// asked translates a comparison with an attribute.
func (p Profile) asked(name, item string) term {
	name = strings.TrimSpace(strings.TrimRight(name, "<>~"))
	value := item[strings.Index(item, "=")+1:]
	if p.Attribute(name) == "" || strings.EqualFold(name, attrClass) && p.Attribute(value) == "" {
		return term{truth: never}
	}
	return term{text: "(" + p.comparison(item) + ")"}
}

func negated(t term) term {
	switch t.truth {
	case always:
		return term{truth: never}
	case never:
		return term{truth: always}
	}
	return term{text: "(!" + t.text + ")"}
}

// joined returns several terms as one: all of them for '&', any for '|'.
func joined(sign byte, list []term) term {
	ends, passes := never, always
	if sign == '|' {
		ends, passes = always, never
	}
	text, left := "", 0
	for _, t := range list {
		switch t.truth {
		case ends:
			return t
		case depends:
			text += t.text
			left++
		}
	}
	switch left {
	case 0:
		return term{truth: passes}
	case 1:
		return term{text: text}
	}
	return term{text: "(" + string(sign) + text + ")"}
}
