package ucr

import (
	"cmp"
	"slices"

	"github.com/mailreg/mailreg/cmd/mailreg/shell"
	"github.com/mailreg/mailreg/schema/plain"
)

// layout says what is printed of each entry beside key and value.
type layout struct {
	// layer is the layer whose value is in force, in brackets after the key.
	layer bool
	// description and categories are lines of their own; details are the default and the type.
	description, categories, details bool
}

// print prints entries through the filters, sorted as the peer sorts them: by their lines, not by their keys, so that
// "a/b: x" comes before "a: x". The filter --keys-only works before that.
func (p *Program) print(entries []entry, l layout) {
	rest := ": "
	if p.call.keysOnly {
		rest = ""
	}
	slices.SortStableFunc(entries, func(a, b entry) int { return cmp.Compare(a.key+rest, b.key+rest) })
	w := shell.Writer{Warn: p.warnf}
	for _, e := range entries {
		switch {
		case p.call.shell:
			value := e.value
			if p.call.keysOnly { // the peer's filters work on lines, one after the other
				value = ""
			}
			if line, ok := w.Assignment(e.key, value); ok {
				p.printf("%s\n", line)
			}
		case p.call.keysOnly:
			p.printf("%s\n", e.key)
		default:
			p.printEntry(e, l)
		}
	}
}

// printEntry prints one entry: a line "key: value" and, unless that is all, more lines and an empty one.
func (p *Program) printEntry(e entry, l layout) {
	value := "<empty>"
	if e.set {
		value = plain.Line(e.value)
	}
	scope := ""
	if l.layer && e.set {
		scope = " (" + e.layer.String() + ")"
	}
	p.printf("%s%s: %s\n", e.key, scope, value)
	d := e.declaration
	if e.declared && l.description {
		p.printf(" %s\n", cmp.Or(d.DescriptionEN, "no description available"))
	}
	if e.declared && l.categories {
		p.printf(" Categories: %s\n", cmp.Or(d.Category, "none"))
	}
	if e.declared && l.details {
		standard := "(not set)"
		if d.HasDefault {
			standard = plain.Line(d.Default)
		}
		p.printf(" Default: %s\n Type: %s\n", standard, d.Type)
	}
	if l.description || l.categories {
		p.printf("\n")
	}
}
