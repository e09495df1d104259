package templates

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Value is a piece of text on its way into a file, with the registry key that it comes from. Templates can compare and
// write it, nothing else.
type Value struct {
	// key names the value in errors: a registry key, or what else it comes from.
	key string
	// text is the value as the registry has it.
	text string
	// expands lets the reading program's own expansions through.
	expands bool
	// bare marks the numbers and truth values that functions give: formats that tell them from text write them bare.
	bare bool
	// phrase marks the value of a numbered key, which may be several words, such as "reject_rbl_client zen.example".
	phrase bool
}

// String returns the text. It is for comparisons in templates.
func (v *Value) String() string {
	if v == nil {
		return ""
	}
	return v.text
}

// refuse returns the error that names the key and says why its value cannot be written.
func (v *Value) refuse(format string, args ...any) error {
	return fmt.Errorf("%s: value %s", v.key, fmt.Sprintf(format, args...))
}

// check refuses what no format can hold: control characters, line breaks among them, and bytes that are no text.
func (v *Value) check() error {
	if !utf8.ValidString(v.text) {
		return v.refuse("is not UTF-8")
	}
	for _, r := range v.text {
		switch {
		case r == '\n' || r == '\r':
			return v.refuse("has a line break")
		case unicode.IsControl(r):
			return v.refuse("has the control character %U", r)
		}
	}
	return nil
}

// checkTrim refuses blanks at the ends, which readers cut off.
func (v *Value) checkTrim() error {
	if strings.TrimSpace(v.text) != v.text {
		return v.refuse("begins or ends with a blank")
	}
	return nil
}

// checkWord refuses a value that is not one word: empty, or with blanks or one of the characters of specials.
func (v *Value) checkWord(specials string) error {
	if v.text == "" {
		return v.refuse("is empty")
	}
	i := strings.IndexFunc(v.text, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(specials, r) })
	if i >= 0 {
		r, _ := utf8.DecodeRuneInString(v.text[i:])
		return v.refuse("has %q where one word belongs", r)
	}
	return nil
}

// Entry is a key that function prefix found.
type Entry struct {
	// Suffix is the key without the prefix, Head what of that comes before the first slash, Value the value.
	Suffix, Head, Value *Value
}

// verbatim is text that is not a value: a .local file or a header. It is written as it stands, on lines of its own.
type verbatim string

// spelled is text that counts as text of the template; the values in it have their marks.
type spelled string

// item is what one action writes.
type item struct {
	values []*Value
	// list marks the elements of a list variable, however many there are.
	list bool
}
