// Package filter decides about entries as an LDAP server would: by the filters of RFC 4515, as far as they can be decided
// without the server's schema.
package filter

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mailreg/mailreg/schema"
)

// Filter is a condition on entries: equality, presence and substrings, joined by and, or and not. Values are compared
// without regard to case, as most attributes' rules have it. The zero value matches nothing.
type Filter struct {
	// kind is '&', '|' or '!' with terms, '=' with name and parts, 0 for the zero value.
	kind  byte
	terms []Filter
	name  string
	// parts are what stands between the asterisks, lower the same in lower case.
	parts, lower []string
}

// Parse reads a filter; the parentheses around a single comparison may be missing, as ldapsearch allows. Comparisons that
// need the rules of an attribute (>=, <=, ~=, :=) are an error.
func Parse(text string) (Filter, error) {
	p := parser{rest: strings.TrimSpace(text)}
	if !strings.HasPrefix(p.rest, "(") {
		p.rest = "(" + p.rest + ")"
	}
	f, err := p.filter()
	if err == nil && p.rest != "" {
		err = fmt.Errorf("%q is left over", p.rest)
	}
	if err != nil {
		return Filter{}, err
	}
	return f, nil
}

// Attributes returns the names of the attributes that the filter asks about, as they are written, each once.
func (f Filter) Attributes() []string {
	if f.kind == '=' {
		return []string{f.name}
	}
	var names []string
	for _, term := range f.terms {
		for _, name := range term.Attributes() {
			if !slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) }) {
				names = append(names, name)
			}
		}
	}
	return names
}

// String returns the filter as a server reads it.
func (f Filter) String() string {
	switch f.kind {
	case '&', '|', '!':
		text := "(" + string(f.kind)
		for _, term := range f.terms {
			text += term.String()
		}
		return text + ")"
	case '=':
		parts := make([]string, len(f.parts))
		for i, part := range f.parts {
			parts[i] = schema.EscapeFilter(part)
		}
		return "(" + f.name + "=" + strings.Join(parts, "*") + ")"
	default:
		return "(|)"
	}
}

// Match reports whether an entry matches. An attribute that it has not is false of it, and so true under a not.
func (f Filter) Match(e *schema.Entry) bool {
	matches := func(term Filter) bool { return term.Match(e) }
	switch f.kind {
	case '&':
		return !slices.ContainsFunc(f.terms, func(term Filter) bool { return !matches(term) })
	case '|':
		return slices.ContainsFunc(f.terms, matches)
	case '!':
		return !matches(f.terms[0])
	case '=':
		values := e.Values(f.name)
		if strings.EqualFold(f.name, "objectClass") {
			values = withSuperclasses(values)
		}
		return slices.ContainsFunc(values, func(value string) bool { return like(strings.ToLower(value), f.lower) })
	default:
		return false
	}
}

// withSuperclasses adds the classes of which entries are by their classes of people (RFC 4512 section 2.4, RFC 4519, RFC
// 2798): OpenLDAP keeps and shows only those that were written, and yet finds the entries by all.
func withSuperclasses(classes []string) []string {
	all := append(slices.Clone(classes), "top")
	for _, class := range classes {
		switch strings.ToLower(class) {
		case "inetorgperson":
			all = append(all, "organizationalPerson", "person")
		case "organizationalperson", "residentialperson":
			all = append(all, "person")
		}
	}
	return all
}

// like reports whether a value begins with the first part, ends in the last and has the others in between in this order.
func like(value string, parts []string) bool {
	if len(parts) == 1 {
		return value == parts[0]
	}
	value, ok := strings.CutPrefix(value, parts[0])
	for _, part := range parts[1 : len(parts)-1] {
		if ok {
			_, value, ok = strings.Cut(value, part)
		}
	}
	return ok && strings.HasSuffix(value, parts[len(parts)-1])
}

// parser reads a filter from left to right.
type parser struct {
	rest  string
	depth int
}

// maxDepth bounds how deep parentheses may be nested.
const maxDepth = 100

var (
	errShort = errors.New("it ends in the middle")
	errDeep  = fmt.Errorf("it is nested more than %d deep", maxDepth)
)

func (p *parser) take(prefix string) bool {
	rest, ok := strings.CutPrefix(p.rest, prefix)
	if ok {
		p.rest = rest
	}
	return ok
}

// filter reads one filter in parentheses.
func (p *parser) filter() (f Filter, err error) {
	if !p.take("(") {
		return f, errShort
	}
	if p.depth++; p.depth > maxDepth {
		return f, errDeep
	}
	defer func() { p.depth-- }()
	switch {
	case p.take("&"):
		f.kind = '&'
		f.terms, err = p.list()
	case p.take("|"):
		f.kind = '|'
		f.terms, err = p.list()
	case p.take("!"):
		f.kind, f.terms = '!', make([]Filter, 1)
		f.terms[0], err = p.filter()
	default:
		return p.item()
	}
	if err == nil && !p.take(")") {
		err = errShort
	}
	return f, err
}

// list reads filters in a row.
func (p *parser) list() (list []Filter, err error) {
	for strings.HasPrefix(p.rest, "(") {
		f, err := p.filter()
		if err != nil {
			return nil, err
		}
		list = append(list, f)
	}
	return list, nil
}

// item reads a comparison and the parenthesis behind it.
func (p *parser) item() (Filter, error) {
	text, rest, ok := strings.Cut(p.rest, ")")
	if !ok {
		return Filter{}, errShort
	}
	p.rest = rest
	name, pattern, ok := strings.Cut(text, "=")
	name = strings.TrimSpace(name)
	if !ok || name == "" || strings.ContainsAny(name, "<>~:(") {
		return Filter{}, fmt.Errorf("%q is no comparison that mailreg knows", text)
	}
	f := Filter{kind: '=', name: name}
	for part := range strings.SplitSeq(pattern, "*") {
		part, err := unescape(part)
		if err != nil {
			return Filter{}, err
		}
		f.parts, f.lower = append(f.parts, part), append(f.lower, strings.ToLower(part))
	}
	return f, nil
}

// unescape resolves the escapes of RFC 4515 section 3.
func unescape(text string) (string, error) {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, `\`)
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		code, err := hex.DecodeString(after[:min(2, len(after))])
		if err != nil || len(code) != 1 {
			return "", fmt.Errorf("%q is no escape", `\`+after)
		}
		b.Write(code)
		text = after[2:]
	}
}
