package templates

import (
	"fmt"
	"strings"
	"unicode"
)

// The tiny readers below take rendered text apart as the real programs do, so that the fuzz targets can tell whether a
// value is still the one value that it was. Those of package tests/templates ask the programs themselves.

// setting is a name with its value, as a reader found it.
type setting struct{ name, value string }

// logical joins continuation lines and drops comments and empty lines, as Postfix does in main.cf, master.cf, tables and
// LDAP maps.
func logical(text string) []string {
	var lines []string
	for line := range strings.SplitSeq(text, "\n") {
		trimmed := strings.TrimSpace(line)
		switch {
		case trimmed == "" || strings.HasPrefix(trimmed, "#"):
		case len(lines) > 0 && strings.Contains(" \t", line[:1]):
			lines[len(lines)-1] += line
		default:
			lines = append(lines, line)
		}
	}
	return lines
}

// readParameters reads "name = value" lines (postconf(5), ldap_table(5)).
func readParameters(text string) ([]setting, error) {
	var all []setting
	for _, line := range logical(text) {
		name, value, ok := strings.Cut(line, "=")
		if !ok {
			return nil, fmt.Errorf("no = in %q", line)
		}
		all = append(all, setting{strings.TrimSpace(name), strings.TrimSpace(value)})
	}
	return all, nil
}

// undollar takes back the doubling of "$"; a single one would be an expansion.
func undollar(value string) (string, error) {
	rest := strings.ReplaceAll(value, "$$", "")
	if strings.Contains(rest, "$") {
		return "", fmt.Errorf("an expansion in %q", value)
	}
	return strings.ReplaceAll(value, "$$", "$"), nil
}

// readMaster reads services of master.cf as lists of fields; the options in braces are one field each.
func readMaster(text string) [][]string {
	var services [][]string
	for _, line := range logical(text) {
		var fields []string
		depth, field := 0, ""
		for _, r := range line + " " {
			switch {
			case r == '{':
				depth++
			case r == '}':
				depth--
			}
			if depth == 0 && (r == ' ' || r == '\t') {
				if field != "" {
					fields = append(fields, field)
				}
				field = ""
				continue
			}
			field += string(r)
		}
		services = append(services, fields)
	}
	return services
}

// readTable reads the source of a lookup table (postmap(1)).
func readTable(text string) ([]setting, error) {
	var all []setting
	for _, line := range logical(text) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), " ")
		if !ok || strings.ContainsAny(key, `"\`) {
			return nil, fmt.Errorf("no key and value in %q", line)
		}
		all = append(all, setting{key, strings.TrimSpace(value)})
	}
	return all, nil
}

// readDovecot reads "name = value" and "section NAME {" lines as the config parser of Dovecot 2.3 does; a section's
// value begins with "{".
func readDovecot(text string) ([]setting, error) {
	var all []setting
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimSpace(uncomment(strings.TrimSpace(line)))
		if line == "" || line == "}" {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if section, found := strings.CutSuffix(line, "{"); found && !strings.Contains(strings.SplitN(line, `"`, 2)[0], "=") {
			_, value, _ = strings.Cut(strings.TrimSpace(section), " ")
			if len(value) > 1 && value[0] == '"' {
				if strings.Contains(value[1:len(value)-1], `"`) {
					return nil, fmt.Errorf("a quote in the section %q", line)
				}
				value = unescape(value[1 : len(value)-1])
			}
			all = append(all, setting{"section", "{" + value})
			continue
		}
		value = strings.TrimSpace(value)
		switch {
		case !ok:
			return nil, fmt.Errorf("no = in %q", line)
		case strings.HasPrefix(value, "<") || strings.HasPrefix(value, "$") || strings.HasSuffix(value, `\`):
			return nil, fmt.Errorf("the value of %q is taken for something else", line)
		case len(value) > 1 && strings.Contains(`"'`, value[:1]) && value[0] == value[len(value)-1]:
			value = unescape(value[1 : len(value)-1])
		}
		all = append(all, setting{strings.TrimSpace(name), value})
	}
	return all, nil
}

// uncomment cuts off a comment, which begins with "#" outside quotes.
func uncomment(line string) string {
	quote := byte(0)
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case quote != 0 && c == '\\':
			i++
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case quote == 0 && c == '#':
			return line[:i]
		}
	}
	return line
}

func unescape(text string) string {
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+1 < len(text) {
			i++
		}
		out.WriteByte(text[i])
	}
	return out.String()
}

// readINI reads "name = value" lines below sections as Python's configparser does with comments behind values, which it
// can be told to see; percent expands "%" as it does by default.
func readINI(text string, percent bool) ([]setting, error) {
	var all []setting
	for line := range strings.SplitSeq(text, "\n") {
		for i, r := range line {
			if (r == '#' || r == ';') && (i == 0 || unicode.IsSpace([]rune(line[:i])[len([]rune(line[:i]))-1])) {
				line = line[:i]
				break
			}
		}
		trimmed := strings.TrimSpace(line)
		switch at := strings.IndexAny(line, "=:"); {
		case trimmed == "":
		case trimmed[0] == '[':
			all = append(all, setting{"section", strings.Trim(trimmed, "[]")})
		case strings.TrimLeft(line, " \t") != line:
			if len(all) == 0 {
				return nil, fmt.Errorf("%q continues nothing", line)
			}
			all[len(all)-1].value += " " + trimmed
		case at < 0:
			return nil, fmt.Errorf("no = in %q", line)
		default:
			all = append(all, setting{strings.TrimSpace(line[:at]), strings.TrimSpace(line[at+1:])})
		}
	}
	for i := range all {
		if rest := strings.ReplaceAll(all[i].value, "%%", ""); percent && strings.Contains(rest, "%") {
			return nil, fmt.Errorf("an expansion in %q", all[i].value)
		} else if percent {
			all[i].value = strings.ReplaceAll(all[i].value, "%%", "%")
		}
		for _, begin := range []string{"%(", "${"} {
			if strings.Contains(all[i].value, begin) && !percent {
				return nil, fmt.Errorf("an expansion in %q", all[i].value)
			}
		}
	}
	return all, nil
}
