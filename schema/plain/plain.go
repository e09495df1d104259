// Package plain makes untrusted text fit to be shown: on a terminal, in the log, on a page.
package plain

import (
	"fmt"
	"strings"
	"unicode"
)

// Line keeps a text from looking like more than one line, and from steering the terminal: control characters and those that
// turn the direction of writing are written as Go writes them.
func Line(text string) string {
	if !strings.ContainsFunc(text, hidden) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if hidden(r) {
			quoted := fmt.Sprintf("%q", r)
			b.WriteString(quoted[1 : len(quoted)-1])
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func hidden(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }
