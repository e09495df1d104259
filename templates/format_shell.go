package templates

import (
	"strings"
	"sync"
)

// shellLexis is that of sh(1), as far as files of assignments need it.
var shellLexis = lexis{quotes: `"'`, raw: "'", escapes: true, words: " \t\n;&|()", other: shellOther}

var (
	shellName     = sync.OnceValue(compile(`^[A-Za-z_][A-Za-z0-9_]*$`))
	shellVariable = sync.OnceValue(compile(`^\$\{[A-Za-z_][A-Za-z0-9_]*\}`))
	shellAssigns  = sync.OnceValue(compile(`^\s*(?:(?:export|readonly)\s+)?[A-Za-z_][A-Za-z0-9_]*=$`))
	shellBegins   = sync.OnceValue(compile(`^\s*(?:(?:export|readonly)\s+)?$`))
)

// shellOther gives up where a command, an arithmetic expression or a here-document begins: quotes mean something else in
// there. It sees to double quotes too, for those may hold them.
func shellOther(_ byte, text string) (int, within) {
	switch {
	case strings.IndexByte("$`<\"", text[0]) < 0:
		return 0, plainText
	case shellVariable().MatchString(text):
		return len(shellVariable().FindString(text)), plainText
	case text[0] == '`', strings.HasPrefix(text, "<<"), strings.HasPrefix(text, "$(") || strings.HasPrefix(text, "${"):
		return -1, unknown
	case text[0] != '"':
		return 0, plainText
	}
	for i := 1; i < len(text); {
		switch c := text[i]; {
		case c == '"':
			return i + 1, plainText
		case c == '\\':
			i += 2
		case c == '`' || c == '$':
			length, _ := shellOther(c, text[i:])
			if length < 0 {
				return -1, unknown
			}
			i += max(length, 1)
		default:
			i++
		}
	}
	return -1, '"'
}

// shellEscapes are for double quotes: dash, bash and systemd's EnvironmentFile= take these four alike.
var shellEscapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`, "`", "\\`")

// writeShell writes values of files of assignments that the shell reads, and systemd as EnvironmentFile=, such as those in
// /etc/default. A value that stands alone behind "NAME=", or in the template's quotes, may be any text of one line; beside
// other text it is of characters without a meaning. The elements of a list are words.
func writeShell(p place, it item) (string, error) {
	in := shellLexis.at(p)
	texts := make([]string, len(it.values))
	for i, v := range it.values {
		text, err := v.shell(p, in, it.list)
		if err != nil {
			return "", err
		}
		texts[i] = text
	}
	text := strings.Join(texts, " ")
	if in == plainText && p.assigned() && (text == "" || strings.Trim(text, safe+":@,") != "") {
		text = `"` + text + `"`
	}
	return text, nil
}

// assigned reports whether the place is all that is behind "NAME=".
func (p place) assigned() bool {
	return shellAssigns().MatchString(p.line()) && p.last()
}

func (v *Value) shell(p place, in within, list bool) (string, error) {
	if list && in != lineComment {
		if err := v.checkWord(""); err != nil {
			return "", err
		}
	}
	switch {
	case in == lineComment:
		return v.text, v.checkJoin(p)
	case v.checkBehind(p, "$") != nil:
		return "", v.checkBehind(p, "$")
	case in == '"', in == plainText && p.assigned():
		return shellEscapes.Replace(v.text), nil
	case in == '\'':
		return strings.ReplaceAll(v.text, "'", `'"'"'`), nil
	case in == plainText && shellBegins().MatchString(p.line()):
		if !shellName().MatchString(v.text) || !strings.HasPrefix(p.after, "=") {
			return "", v.refuse("is not the name of a variable")
		}
		return v.text, nil
	case in == plainText && strings.TrimRight(p.line(), " \t;&|(") != strings.TrimRight(p.line(), " \t"):
		return "", v.refuse("stands where a command belongs")
	}
	return v.text, v.checkSafe(":@,")
}
