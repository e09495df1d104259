package templates

import (
	"strings"
	"sync"
)

// sieveLexis is that of RFC 5228, section 2.
var sieveLexis = lexis{quotes: `"`, blocks: true, other: sieveText}

var sieveTextBegins = sync.OnceValue(compile(`^(?i:text):[ \t]*(?:#[^\n]*)?\n`))

// sieveText follows a "text:" block to the line that holds a dot only.
func sieveText(before byte, text string) (int, within) {
	head := sieveTextBegins().FindString(text)
	if head == "" || before == '_' || isLetter(before) || before >= '0' && before <= '9' {
		return 0, plainText
	}
	end := strings.Index(text[len(head)-1:], "\n.\n")
	if end < 0 {
		return -1, textBlock
	}
	return len(head) - 1 + end + len("\n.\n"), plainText
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// writeSieve writes strings of Sieve scripts (RFC 5228). A value outside the template's quotes gets its own; in them, or in
// a "text:" block, it is part of the string. "${" is refused: where a script requires variables or encoded-character it
// begins one (RFC 5229, section 3), and nothing escapes it. The elements of a list become strings of their own.
func writeSieve(p place, it item) (string, error) {
	in := sieveLexis.at(p)
	texts := make([]string, len(it.values))
	for i, v := range it.values {
		text, err := v.sieve(p, in)
		if err != nil {
			return "", err
		}
		texts[i] = text
	}
	return strings.Join(texts, ", "), nil
}

func (v *Value) sieve(p place, in within) (string, error) {
	switch {
	case in == lineComment:
		return v.text, v.checkJoin(p)
	case in == blockComment:
		return v.text, v.checkBlock()
	case strings.Contains(v.text, "${") && !v.expands:
		return "", v.refuse(`has "${", which begins a variable`)
	case v.checkSeam(p, "${") != nil:
		return "", v.checkSeam(p, "${")
	case in == '"':
		return escapeQuoted(v.text), nil
	case in == textBlock && v.text == "" && p.line()+strings.TrimSuffix(p.after, "\n") == ".":
		return "", v.refuse("is empty and leaves a dot on its line, which ends the text")
	case in == textBlock && (p.line() == "" || p.line() == ".") && strings.HasPrefix(v.text, "."):
		return "." + v.text, nil
	case in == textBlock:
		return v.text, nil
	case v.bare:
		return v.text, nil
	case strings.HasSuffix(p.before, ":"):
		return "", v.refuse("stands where a tag belongs")
	}
	return `"` + escapeQuoted(v.text) + `"`, nil
}

// checkBlock refuses what would end or begin a comment between "/*" and "*/", here or together with its neighbours.
func (v *Value) checkBlock() error {
	if strings.ContainsAny(v.text, "*/") {
		return v.refuse("has a character of the end of the comment around it")
	}
	return nil
}
