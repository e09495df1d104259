package templates

import (
	"strings"
	"unicode"
)

// writeLines writes values as they are: one line of text wherever the template puts it. It is for programs that take their
// lines literally, such as lists of names, and for formats that have no writer here.
func writeLines(_ place, it item) (string, error) { return joinTexts(it, " "), nil }

// writeINI writes values of INI files ("name = value" or "name: value" below "[section]") whose reader expands nothing.
// Readers agree on little, so a bare value must have nothing that any of the common ones (Python's configparser, PHP,
// systemd) would take for a comment, a quote, an expansion or a further line. In the template's double quotes it may be
// any text, with backslashes before backslashes and quotes as git and MySQL read them.
func writeINI(p place, it item) (string, error) { return writeINIValues(p, it, false) }

// writeINIPercent is writeINI for readers that expand "%": Python's configparser with its interpolation, and systemd.
func writeINIPercent(p place, it item) (string, error) { return writeINIValues(p, it, true) }

func writeINIValues(p place, it item, percent bool) (string, error) {
	line := p.line()
	named := strings.ContainsAny(line, "=:")
	quoted := named && strings.Count(withoutEscapes(line), `"`)%2 == 1
	texts := make([]string, len(it.values))
	for i, v := range it.values {
		text, err := v.text, error(nil)
		switch {
		case strings.HasPrefix(line, "["):
			err = v.checkSafe("@:")
		case !named && strings.TrimLeft(line, " \t") == line:
			err = v.checkSafe("@")
		case quoted:
			text, err = escapeQuoted(text), v.checkExpansion(p, percent)
		case !named: // a line that continues a value
			err = v.checkWord("=:[],;#%$\\\"'`")
		default:
			err = v.checkINI(p, it.list, percent)
		}
		if err != nil {
			return "", err
		}
		if percent && !v.expands {
			text = strings.ReplaceAll(text, "%", "%%")
		}
		texts[i] = text
	}
	return strings.Join(texts, ", "), nil
}

// withoutEscapes drops each backslash with the character that it protects.
func withoutEscapes(text string) string {
	return strings.NewReplacer(`\\`, "", `\"`, "", `\'`, "").Replace(text)
}

// checkINI checks a bare value; list says that it is one of several.
func (v *Value) checkINI(p place, list, percent bool) error {
	before := ' '
	for _, r := range v.text {
		if (r == '#' || r == ';') && unicode.IsSpace(before) {
			return v.refuse("has %q where it begins a comment", r)
		}
		before = r
	}
	switch {
	case list && strings.Contains(v.text, ","):
		return v.refuse("has a comma, which separates the elements of the list")
	case v.text != "" && strings.ContainsAny(v.text[:1], "\"'`"):
		return v.refuse("begins with a quote")
	case v.text != "" && strings.ContainsAny(v.text[len(v.text)-1:], "\"'`\\"):
		return v.refuse("ends with a quote or a backslash")
	}
	if err := v.checkExpansion(p, percent); err != nil {
		return err
	}
	return v.checkTrim()
}

// checkExpansion refuses what begins an expansion in some readers: "${" of PHP and, unless it is going to be doubled, "%("
// of configparser.
func (v *Value) checkExpansion(p place, percent bool) error {
	if err := v.checkSeam(p, "${"); err != nil {
		return err
	}
	for _, begin := range []string{"${", "%("} {
		if strings.Contains(v.text, begin) && !v.expands && (begin == "${" || !percent) {
			return v.refuse("has %q where it begins a variable", begin)
		}
	}
	if percent {
		return v.checkBehind(p, "%")
	}
	return v.checkSeam(p, "%(")
}
