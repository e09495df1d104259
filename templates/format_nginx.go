package templates

import (
	"strings"
	"sync"
)

// nginxLexis is that of nginx's configuration.
var nginxLexis = lexis{quotes: `"'`, escapes: true, words: " \t\n;{}"}

// nginxWord are values that could be the name of a directive, or of a parameter of map and geo.
var nginxWord = sync.OnceValue(compile(`^[a-z_]+$`))

// writeNginx writes parameters of nginx's directives. A value that stands alone, or in the template's quotes, may be any
// text of one line but "$": there is no way to write one that begins no variable. The elements of a list become parameters
// of their own.
func writeNginx(p place, it item) (string, error) {
	in := nginxLexis.at(p)
	texts := make([]string, len(it.values))
	for i, v := range it.values {
		text, err := v.nginx(p, in)
		if err != nil {
			return "", err
		}
		texts[i] = text
	}
	return strings.Join(texts, " "), nil
}

func (v *Value) nginx(p place, in within) (string, error) {
	if in == lineComment {
		return v.text, v.checkJoin(p)
	}
	if strings.Contains(v.text, "$") && !v.expands {
		return "", v.refuse("has %q, which begins a variable", "$")
	}
	if err := v.checkBehind(p, "$"); err != nil {
		return "", err
	}
	quote := in == '"' || in == '\''
	before := strings.TrimSuffix(p.all(), string(in))
	switch {
	case beginsDirective(before) && nginxWord().MatchString(v.text):
		return "", v.refuse("could be a directive where it stands")
	case quote:
		return strings.NewReplacer(`\`, `\\`, string(in), `\`+string(in)).Replace(v.text), nil
	case v.text != "" && strings.Trim(v.text, safe+":@,") == "":
		return v.text, nil
	case !p.parameter():
		return v.text, v.checkSafe(":@,")
	}
	return `"` + escapeQuoted(v.text) + `"`, nil
}

// beginsDirective reports whether what follows text is the first word of a directive.
func beginsDirective(text string) bool {
	text = strings.TrimRight(text, " \t\n")
	return text == "" || strings.IndexByte(";{}", text[len(text)-1]) >= 0
}

// parameter reports whether nothing touches the place.
func (p place) parameter() bool {
	line := p.line()
	return (line == "" || strings.IndexByte(" \t;{}", line[len(line)-1]) >= 0) &&
		(p.after == "" || strings.IndexByte(" \t\n;", p.after[0]) >= 0)
}
