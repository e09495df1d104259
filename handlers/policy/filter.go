package policy

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mailreg/mailreg/schema"
)

// truth is the outcome of a condition.
type truth int

const (
	no truth = iota
	yes
	unknown
)

// match reports whether an entry matches an LDAP filter (RFC 4515). Only what the replica knows of an entry can be asked
// for: a filter about another attribute is an error, and so are comparisons but for equality, presence and substrings.
func match(filter string, e *schema.Entry) (truth, error) {
	p := parser{rest: strings.TrimSpace(filter), entry: e}
	if !strings.HasPrefix(p.rest, "(") {
		p.rest = "(" + p.rest + ")" // as ldapsearch allows
	}
	matches, err := p.filter()
	if err == nil && p.rest != "" {
		err = fmt.Errorf("%q is left over", p.rest)
	}
	switch {
	case err != nil:
		return unknown, err
	case matches:
		return yes, nil
	default:
		return no, nil
	}
}

// parser reads a filter from left to right and decides on the way.
type parser struct {
	rest  string
	entry *schema.Entry
}

var errShort = errors.New("it ends in the middle")

func (p *parser) take(prefix string) bool {
	rest, ok := strings.CutPrefix(p.rest, prefix)
	if ok {
		p.rest = rest
	}
	return ok
}

// filter reads one filter in parentheses.
func (p *parser) filter() (matches bool, err error) {
	if !p.take("(") {
		return false, errShort
	}
	switch {
	case p.take("&"):
		matches, err = p.list(true)
	case p.take("|"):
		matches, err = p.list(false)
	case p.take("!"):
		matches, err = p.filter()
		matches = !matches
	default:
		return p.item()
	}
	if err == nil && !p.take(")") {
		err = errShort
	}
	return matches, err
}

// list reads filters in a row, of which all must match, or any.
func (p *parser) list(all bool) (bool, error) {
	matches := all
	for strings.HasPrefix(p.rest, "(") {
		one, err := p.filter()
		if err != nil {
			return false, err
		}
		if one != all {
			matches = one
		}
	}
	return matches, nil
}

// item reads a comparison and the parenthesis behind it.
func (p *parser) item() (bool, error) {
	text, rest, ok := strings.Cut(p.rest, ")")
	if !ok {
		return false, errShort
	}
	p.rest = rest
	name, pattern, ok := strings.Cut(text, "=")
	name = strings.TrimSpace(name)
	switch {
	case !ok || name == "" || strings.ContainsAny(name, "<>~:("):
		return false, fmt.Errorf("%q is no comparison that mailreg knows", text)
	case !slices.ContainsFunc(schema.Attributes(), func(known string) bool { return strings.EqualFold(known, name) }):
		return false, fmt.Errorf("mailreg does not follow the attribute %s", name)
	}
	var parts []string
	for part := range strings.SplitSeq(pattern, "*") {
		part, err := unescape(part)
		if err != nil {
			return false, err
		}
		parts = append(parts, strings.ToLower(part))
	}
	return slices.ContainsFunc(p.entry.Values(name), func(value string) bool { return like(strings.ToLower(value), parts) }), nil
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
