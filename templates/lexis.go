package templates

import "strings"

// lexis says how a reader takes apart a text in which quotes and comments begin anywhere and may span lines.
type lexis struct {
	// quotes are the characters that begin and end quoted text; in those of raw a backslash stands for itself.
	quotes, raw string
	// escapes says that a backslash takes the meaning from the next character outside quotes, too.
	escapes bool
	// words are the characters behind which "#" begins a comment; anywhere when empty.
	words string
	// blocks says that "/*" and "*/" enclose comments, nested that these nest.
	blocks, nested bool
	// other finds what else begins at the head of text, whose last character before is given. It returns the length of
	// what it has followed to its end, or -1 when text ends inside of it, and what that inside is called.
	other func(before byte, text string) (length int, inside within)
}

// within is what a place in such a text lies in: nothing (plain), a quote character, or one of the constants.
type within byte

const (
	plainText    within = 0
	lineComment  within = '#'
	blockComment within = '*'
	// textBlock is the text: block of Sieve.
	textBlock within = 't'
	// unknown is what is not followed, such as a command in a string of the shell.
	unknown within = '?'
)

// at returns what a place lies in.
func (l lexis) at(p place) within {
	known := 0
	if p.known != nil {
		known = *p.known
	}
	before := byte('\n')
	if known > 0 {
		before = p.above[known-1]
	}
	text := p.above[known:] + p.before
	for i := 0; i < len(text); {
		length, in := l.next(before, text[i:])
		if length < 0 {
			return in
		}
		before = text[i+length-1]
		// Pieces that end with a line above end there whatever follows.
		if i += length; p.known != nil && before == '\n' && known+i <= len(p.above) {
			*p.known = known + i
		}
	}
	return plainText
}

// next returns the length of the piece that text begins with, -1 when text ends within it.
func (l lexis) next(before byte, text string) (int, within) {
	c := text[0]
	if l.other != nil {
		if length, in := l.other(before, text); length != 0 {
			return length, in
		}
	}
	switch {
	case c == '\\' && l.escapes:
		return min(2, len(text)), plainText
	case strings.IndexByte(l.quotes, c) >= 0:
		return l.quoted(text), within(c)
	case c == '#' && (l.words == "" || strings.IndexByte(l.words, before) >= 0):
		return strings.IndexByte(text, '\n'), lineComment
	case l.blocks && strings.HasPrefix(text, "/*"):
		return l.block(text), blockComment
	}
	return 1, plainText
}

// quoted returns the length of the quoted text that text begins with, -1 when it does not end.
func (l lexis) quoted(text string) int {
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == text[0]:
			return i + 1
		case text[i] == '\\' && strings.IndexByte(l.raw, text[0]) < 0:
			i++
		}
	}
	return -1
}

// block returns the length of the comment that text begins with, -1 when it does not end.
func (l lexis) block(text string) int {
	depth := 1
	for i := 2; i+1 < len(text); i++ {
		switch {
		case text[i:i+2] == "*/":
			depth--
			i++
		case l.nested && text[i:i+2] == "/*":
			depth++
			i++
		}
		if depth == 0 {
			return i + 1
		}
	}
	return -1
}
