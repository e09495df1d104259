// Package layerfile reads and writes the files that hold the layers of settings.
package layerfile

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A layer file is UTF-8 text: a header line, one line per variable in the order of the keys, and a trailer line by which
// a truncated file is noticed. Sample:
//
//	# mailreg layer file 1: base.conf
//	mail/messagesizelimit: 20971520
//	mail/postfix/softbounce:
//	mail/signature: two\nlines, a backslash \\ and a blank at the end\s
//	# end of base.conf
//
// A line is the key, a colon, a blank and the value; an empty value leaves out the blank. In values a backslash is \\, a
// newline \n, a carriage return \r, a tab \t, a blank at either end \s, any other control character \x and two hex digits.
// Blanks around a value that are not escaped mean nothing. By hand one may add lines in any order, empty lines and lines
// that begin with #; the next change of the layer drops the latter two. Anything else is an error that names the line.
const headerPrefix = "# mailreg layer file 1: "

const trailerPrefix = "# end of "

// Encode returns the bytes of the layer file of that name, such as base.conf. The keys passed CheckKey.
func Encode(name string, values map[string]string) []byte {
	var b bytes.Buffer
	b.WriteString(headerPrefix + name + "\n")
	for _, key := range slices.Sorted(maps.Keys(values)) {
		b.WriteString(key + ":")
		if values[key] != "" {
			b.WriteByte(' ')
			escape(&b, values[key])
		}
		b.WriteByte('\n')
	}
	b.WriteString(trailerPrefix + name + "\n")
	return b.Bytes()
}

func escape(b *bytes.Buffer, s string) {
	for i := range len(s) {
		switch c := s[i]; {
		case c == '\\':
			b.WriteString(`\\`)
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\r':
			b.WriteString(`\r`)
		case c == '\t':
			b.WriteString(`\t`)
		case c == ' ' && (i == 0 || i == len(s)-1):
			b.WriteString(`\s`)
		case c < ' ' || c == 0x7f:
			fmt.Fprintf(b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
}

// Decode reads a layer file. Its errors name the line; values never appear in them.
func Decode(name string, data []byte) (map[string]string, error) {
	values := make(map[string]string, bytes.Count(data, []byte{'\n'}))
	err := each(name, data, func(key, value string) error {
		if _, twice := values[key]; twice {
			return fmt.Errorf("%s is set twice", key)
		}
		values[key] = value
		return nil
	})
	if err != nil {
		return nil, err
	}
	return values, nil
}

// Find is Decode for who wants one value only.
func Find(name string, data []byte, wanted string) (value string, found bool, err error) {
	last, sorted := "", true
	err = each(name, data, func(key, val string) error {
		sorted = sorted && last < key
		last = key
		if key == wanted {
			value, found = val, true
		}
		return nil
	})
	if err == nil && !sorted { // by hand: only there can a key be set twice
		_, err = Decode(name, data)
	}
	return value, found && err == nil, err
}

// each calls a function for each variable, in the order of the lines.
func each(name string, data []byte, do func(key, value string) error) error {
	if !utf8.Valid(data) {
		return errors.New("not UTF-8 text")
	}
	text := strings.TrimRight(string(data), "\n")
	if !strings.HasPrefix(text, headerPrefix) {
		return fmt.Errorf("line 1 is not the header %q", headerPrefix+name)
	}
	// Without the trailer an editor's or a full disk's half a file would pass for a registry with fewer settings.
	last := strings.LastIndexByte(text, '\n') + 1
	if !strings.HasPrefix(text[last:], trailerPrefix) {
		return fmt.Errorf("the last line is not the trailer %q: the file is not whole", trailerPrefix+name)
	}
	_, text, _ = strings.Cut(text[:last], "\n")
	for n := 2; text != ""; n++ {
		var line string
		line, text, _ = strings.Cut(text, "\n")
		if strings.TrimSpace(line) == "" || line[0] == '#' {
			continue
		}
		key, value, err := decodeLine(line)
		if err == nil {
			err = do(key, value)
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	return nil
}

func decodeLine(line string) (key, value string, err error) {
	key, value, ok := strings.Cut(line, ": ")
	if !ok {
		if key, ok = strings.CutSuffix(line, ":"); !ok {
			return "", "", errors.New("not of the form KEY: VALUE")
		}
	}
	if err := CheckKey(key); err != nil {
		return "", "", err
	}
	if value, err = unescape(strings.Trim(value, " \t\r")); err != nil {
		return "", "", fmt.Errorf("%s: %w", key, err)
	}
	return key, value, nil
}

func unescape(s string) (string, error) {
	if strings.IndexByte(s, '\\') < 0 {
		return s, nil
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		i++
		if i == len(s) {
			return "", errors.New(`a lone \ at the end (write \\)`)
		}
		if at := strings.IndexByte(`\nrtsx`, s[i]); at >= 0 && s[i] != 'x' {
			b.WriteByte("\\\n\r\t "[at])
			continue
		}
		if s[i] != 'x' || i+2 >= len(s) {
			return "", fmt.Errorf(`unknown escape \%c (write \\ for a backslash)`, s[i])
		}
		c, err := strconv.ParseUint(s[i+1:i+3], 16, 7)
		if err != nil {
			return "", fmt.Errorf(`\x%s is no control character`, s[i+1:i+3])
		}
		b.WriteByte(byte(c))
		i += 2
	}
	return b.String(), nil
}

// CheckKey accepts the name of a variable: what the peer accepts, less what cannot be seen: blanks at
// either end, control characters, and those that turn the direction of writing or join lines.
func CheckKey(key string) error {
	if usual(key) {
		return nil
	}
	switch {
	case key == "":
		return errors.New("the key is empty")
	case !utf8.ValidString(key):
		return fmt.Errorf("key %q is not UTF-8", key)
	case strings.Contains(key, ": "):
		return fmt.Errorf("key %q must not hold a colon before a blank", key)
	case strings.TrimSpace(key) != key:
		return fmt.Errorf("key %q begins or ends with a blank", key)
	}
	for _, r := range key {
		if !unicode.IsPrint(r) || strings.ContainsRune("[]!\"#$%&'()+,;<=>?\\`{}§", r) {
			return fmt.Errorf("key %q: character %q is not allowed", key, r)
		}
	}
	return nil
}

// usual reports whether a key has nothing in it but what most keys are made of: thousands of them are read at each start.
func usual(key string) bool {
	for i := range len(key) {
		switch c := key[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '/', c == '_', c == '-', c == '.':
		default:
			return false
		}
	}
	return key != ""
}
