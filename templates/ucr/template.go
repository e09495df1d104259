package ucr

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/mailreg/mailreg/templates/markers"
)

// nothing is an action that prints nothing; it takes the line ends around it away.
const nothing = "\n{{- /* */ -}}\n"

// convert turns a template of the peer into one of ours. What it cannot, it returns as findings.
func convert(file, text string) (string, []Finding) {
	if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return "", []Finding{{File: file, Line: 1, Reason: "not UTF-8 text"}}
	}
	var out strings.Builder
	var findings []Finding
	parts := markers.Parse(text)
	for i, part := range parts {
		switch part.Kind {
		case markers.Literal:
			literal(&out, part.Text)
		case markers.Key:
			if strings.HasSuffix(out.String(), "{") { // it would become part of the delimiter
				out.WriteString(nothing)
			}
			fmt.Fprintf(&out, "{{get %q}}", part.Text)
		case markers.Warning: // the notice has several lines, and none with anything else
			if s := out.String(); s != "" && !strings.HasSuffix(s, "\n") {
				out.WriteByte('\n')
			}
			fmt.Fprintf(&out, "{{header %q}}", strings.TrimRight(part.Text, " \t"))
			if i+1 < len(parts) && !strings.HasPrefix(parts[i+1].Source, "\n") {
				out.WriteByte('\n')
			}
		case markers.Code:
			findings = append(findings, Finding{
				File: file, Line: part.Line, Reason: "Python in the template", Code: codeLines(part.Text, part.Line),
			})
		}
	}
	return out.String(), findings
}

// literal writes text so that it stands for itself: no two braces in a row.
func literal(out *strings.Builder, text string) {
	for i := range len(text) {
		if i > 0 && text[i] == '{' && text[i-1] == '{' {
			out.WriteString(nothing)
		}
		out.WriteByte(text[i])
	}
}

// codeLines returns the lines of Python that somebody has to look at: not the empty ones.
func codeLines(code string, first int) []CodeLine {
	var all []CodeLine
	for i, line := range strings.Split(code, "\n") {
		if strings.TrimSpace(line) != "" {
			all = append(all, CodeLine{Line: first + i, Text: strings.TrimRight(line, " \t\r")})
		}
	}
	return all
}
