package templates

import (
	"fmt"
	"strings"
	"sync"
)

// rspamdLexis is that of UCL, which Rspamd's files are written in.
var rspamdLexis = lexis{quotes: `"'`, blocks: true, nested: true, other: rspamdHere}

var rspamdHereBegins = sync.OnceValue(compile(`^<<[A-Z]+\n`))

// rspamdHere gives up where a text up to a line of capitals begins: nothing in there can be escaped.
func rspamdHere(_ byte, text string) (int, within) {
	if rspamdHereBegins().MatchString(text) {
		return -1, unknown
	}
	return 0, plainText
}

// writeRspamd writes strings of Rspamd's configuration (UCL). Outside the template's quotes a value gets its own, so that
// it is a string whatever it looks like; only what functions int and bool give is written bare. "$" and braces are written
// as \u escapes, for UCL expands variables in strings, and before it reads a file Rspamd runs a template language over it
// whose words are in braces. The elements of a list become strings of their own.
func writeRspamd(p place, it item) (string, error) {
	in := rspamdLexis.at(p)
	texts := make([]string, len(it.values))
	for i, v := range it.values {
		text, err := v.rspamd(p, in)
		if err != nil {
			return "", err
		}
		texts[i] = text
	}
	return strings.Join(texts, ", "), nil
}

func (v *Value) rspamd(p place, in within) (string, error) {
	after := strings.TrimSpace(p.after)
	switch {
	case (in == lineComment || in == blockComment) && strings.Contains(v.text, "{"):
		return "", v.refuse("has a brace in a comment, which Rspamd's template language would read")
	case in == lineComment:
		return v.text, v.checkJoin(p)
	case in == blockComment:
		return v.text, v.checkBlock()
	case in == '\'' && strings.ContainsAny(v.text, `'\{}`):
		return "", v.refuse("has a character that single quotes cannot hold")
	case in == '\'':
		return v.text, nil
	case in == unknown:
		return v.text, v.checkSafe(":@,")
	case v.checkBehind(p, "$") != nil:
		return "", v.checkBehind(p, "$")
	case in == '"' && strings.Contains(v.text, "$") && !v.expands && p.besideVariable():
		return "", v.refuse("has %q in a string with a variable, which would make it one, too", "$")
	case in == '"':
		return v.ucl("{}$"), nil
	case v.bare:
		return v.text, nil
	case after == "" || strings.IndexByte("=:{\"", after[0]) < 0:
		return `"` + v.ucl("{}$") + `"`, nil
	case v.text == "":
		return "", v.refuse("is empty, which no name can be")
	}
	// Whether a name or a value follows is decided by what the next characters look like, quoted or not.
	return `"` + v.ucl("{}[]()$,;:=#'<>") + `"`, nil
}

// ucl writes the value for double quotes, with \u escapes for the specials; UCL's own variables stay when they may.
func (v *Value) ucl(specials string) string {
	if v.expands {
		specials = "{"
	}
	var out strings.Builder
	for i, r := range v.text {
		switch {
		case r == '"' || r == '\\':
			out.WriteString(`\` + string(r))
		case strings.ContainsRune(specials, r) && (!v.expands || !strings.HasSuffix(v.text[:i], "$")):
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			out.WriteRune(r)
		}
	}
	return out.String()
}

// besideVariable reports whether the template's string around the place has variables, or may have some: when there is one,
// UCL looks for them in what the escapes of the whole string stand for.
func (p place) besideVariable() bool {
	rest, _, ends := strings.Cut(p.after, `"`)
	begin := strings.LastIndexByte(p.line(), '"')
	return begin < 0 || !ends || strings.Contains(p.line()[begin:]+rest, "$")
}
