// Package markers reads templates of the peer, UCR: text with "@%@KEY@%@" where the value of a variable belongs, and with
// Python between "@!@" and "@!@". Values are put in once and never looked at again, and Python is never run: a template
// that needs it is refused, or left to who asked for the parts.
package markers

import "strings"

// Kind says what a part of a template is.
type Kind int

// The kinds of parts.
const (
	// Literal is text that is printed as it stands.
	Literal Kind = iota
	// Key stands for the value of a variable.
	Key
	// Warning stands for the notice that the file is generated.
	Warning
	// Code is Python whose output would stand here.
	Code
)

// Part is a piece of a template. Put together, the sources of all parts are the template.
type Part struct {
	Kind Kind
	// Text is the literal text, the name of the variable, the prefix of the notice's lines, or the Python.
	Text string
	// ASCII asks for a notice without letters beyond ASCII.
	ASCII bool
	// Source is the part as it stands in the template, markers included.
	Source string
	// Line is the number of the line on which the part begins, from 1.
	Line int
}

const (
	variableMarker = "@%@"
	codeMarker     = "@!@"
)

// warnings are the names that stand for the notice; the prefix of its lines follows.
var warnings = []string{"UCRWARNING=", "UCRWARNING_ASCII=", "BCWARNING="}

// Parse takes a template apart as the peer does: markers of variables are paired from the front, wherever they stand, then
// those of code. A marker without a partner is literal text. Variables within code are part of its Text.
func Parse(template string) []Part {
	var parts []Part
	from, line := 0, 1
	marks := codeMarkers(template)
	for i := 0; i+1 < len(marks); i += 2 {
		parts = append(parts, variables(template[from:marks[i]], line)...)
		line += strings.Count(template[from:marks[i]], "\n")
		from = marks[i+1] + len(codeMarker)
		source := template[marks[i]:from]
		text := template[marks[i]+len(codeMarker) : marks[i+1]]
		parts = append(parts, Part{Kind: Code, Text: text, Source: source, Line: line})
		line += strings.Count(source, "\n")
	}
	return append(parts, variables(template[from:], line)...)
}

// codeMarkers returns where markers of code stand. They are looked for in literal text only: a name between markers of
// variables is gone by the time that the peer looks for code.
func codeMarkers(template string) []int {
	var marks []int
	at := 0
	for _, p := range Variables(template) {
		for from := 0; p.Kind == Literal; {
			i := strings.Index(p.Source[from:], codeMarker)
			if i < 0 {
				break
			}
			marks = append(marks, at+from+i)
			from += i + len(codeMarker)
		}
		at += len(p.Source)
	}
	return marks
}

// Variables is Parse for a template in which "@!@" has no meaning.
func Variables(template string) []Part { return variables(template, 1) }

func variables(template string, line int) []Part {
	var parts []Part
	add := func(p Part) {
		if p.Source != "" {
			p.Line = line
			line += strings.Count(p.Source, "\n")
			parts = append(parts, p)
		}
	}
	for {
		before, rest, opened := strings.Cut(template, variableMarker)
		name, after, closed := strings.Cut(rest, variableMarker)
		if !opened || !closed {
			before = template
		}
		add(Part{Kind: Literal, Text: before, Source: before})
		if !opened || !closed {
			return parts
		}
		add(variable(name))
		template = after
	}
}

// variable returns the part of a name between two markers.
func variable(name string) Part {
	p := Part{Kind: Key, Text: name, Source: variableMarker + name + variableMarker}
	for _, word := range warnings {
		if prefix, ok := strings.CutPrefix(name, word); ok && prefix != "" {
			p.Kind, p.Text, p.ASCII = Warning, prefix, strings.Contains(word, "ASCII")
		}
	}
	return p
}
