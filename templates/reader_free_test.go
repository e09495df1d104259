package templates

import (
	"fmt"
	"strconv"
	"strings"
)

// readShell reads assignments as a POSIX shell does that only ever meets words and quotes; everything else is an error.
func readShell(text string) ([]setting, error) {
	var all []setting
	for i := 0; i < len(text); {
		switch {
		case text[i] == '\n':
			i++
			continue
		case text[i] == '#':
			i += strings.IndexByte(text[i:], '\n')
			continue
		}
		name, rest, _ := strings.Cut(text[i:], "=")
		if !shellName().MatchString(name) {
			return nil, fmt.Errorf("%q is no name", name)
		}
		word, length, err := shellWord(rest)
		if err != nil {
			return nil, err
		}
		all = append(all, setting{name, word})
		i += len(name) + 1 + length
	}
	return all, nil
}

// shellWord returns the word that text begins with, up to a line end.
func shellWord(text string) (word string, length int, err error) {
	quote := byte(0)
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case quote == 0 && c == '\n':
			return word, i, nil
		case quote == '"' && c == '\\' && strings.IndexByte("\"\\$`", text[i+1]) >= 0, quote == 0 && c == '\\':
			i++
			word += text[i : i+1]
		case quote != '\'' && (c == '$' || c == '`'):
			return "", 0, fmt.Errorf("an expansion at %q", text[i:])
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && strings.IndexByte(" \t;&|<>()*?[~#!{", c) >= 0:
			return "", 0, fmt.Errorf("%q has a meaning in %q", c, text)
		default:
			word += text[i : i+1]
		}
	}
	return "", 0, fmt.Errorf("no end of %q", text)
}

// readEnvironment reads assignments by the rules of systemd's EnvironmentFile= (env-file.c), state by state.
func readEnvironment(text string) []setting {
	var all []setting
	name, value, state := "", "", "line"
	for _, c := range text {
		switch {
		case state == "line" && (c == '#' || c == ';'):
			state = "comment"
		case state == "line" && (c == '\n' || c == ' ' || c == '\t'):
		case state == "line":
			name, value, state = string(c), "", "name"
		case state == "name" && c == '=':
			state = "before"
		case state == "name":
			name += string(c)
		case state == "comment" && c == '\\':
			state = "comment\\"
		case state == "comment" && c == '\n':
			state = "line"
		case state == "comment":
		case state == "comment\\":
			state = "comment"
		case state == "'" && c == '\'', state == "\"" && c == '"':
			state = "before"
		case state == "\"" && c == '\\':
			state = "\"\\"
		case state == "'" || state == "\"":
			value += string(c)
		case state == "\"\\":
			state = "\""
			if !strings.ContainsRune("\"\\$`", c) {
				value += "\\"
			}
			value += string(c)
		case c == '\n' && (state == "before" || state == "value"):
			if state == "value" {
				value = strings.TrimRight(value, " \t")
			}
			all = append(all, setting{name, value})
			state = "line"
		case state == "before" && (c == '\'' || c == '"'):
			state = string(c)
		case state == "before" && (c == ' ' || c == '\t'):
		case c == '\\':
			state = "value\\"
		default:
			state = "value"
			value += string(c)
		}
	}
	return all
}

// token is a word or string of a free text; quoted ones begin with a quote.
type token string

// readTokens takes a free text apart into quoted texts, words and single characters of marks; unescape reads what is between
// quotes. "#" begins a comment, with blocks "/*" as well.
func readTokens(text, quotes, marks string, blocks bool, unescape func(string) (string, error)) ([]token, error) {
	var all []token
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case strings.IndexByte(" \t\n", c) >= 0:
			i++
		case c == '#':
			i += strings.IndexByte(text[i:], '\n')
		case blocks && strings.HasPrefix(text[i:], "/*"):
			i += strings.Index(text[i:], "*/") + 2
		case strings.IndexByte(quotes, c) >= 0:
			end := i + 1
			for end < len(text) && text[end] != c {
				if text[end] == '\\' {
					end++
				}
				end++
			}
			if end >= len(text) {
				return nil, fmt.Errorf("no end of %q", text[i:])
			}
			inside, err := unescape(text[i+1 : end])
			if err != nil {
				return nil, err
			}
			all = append(all, token(`"`+inside))
			i = end + 1
		case strings.IndexByte(marks, c) >= 0:
			all = append(all, token(text[i:i+1]))
			i++
		default:
			end := i
			for end < len(text) && strings.IndexByte(" \t\n"+quotes+marks, text[end]) < 0 {
				end++
			}
			all = append(all, token(text[i:end]))
			i = end
		}
	}
	return all, nil
}

// readSieve takes a Sieve script apart; a text: block is a string.
func readSieve(text string) ([]token, error) {
	head, rest, found := strings.Cut(text, "text:\n")
	if found {
		block, after, ok := strings.Cut("\n"+rest, "\n.\n")
		if !ok {
			return nil, fmt.Errorf("no end of %q", rest)
		}
		lines := strings.Split(strings.TrimPrefix(block, "\n"), "\n")
		for i, line := range lines {
			if strings.HasPrefix(line, "..") {
				lines[i] = line[1:]
			}
		}
		quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(strings.Join(lines, "\n"))
		text = head + `"` + quoted + `"` + after
	}
	return readTokens(text, `"`, "[](){},;", true, func(inside string) (string, error) {
		if strings.Contains(inside, "${") {
			return "", fmt.Errorf("a variable in %q", inside)
		}
		return unescape(inside), nil
	})
}

// readUCL takes a file of Rspamd apart. Raw "$" and braces are errors: they are variables, and words of its template
// language.
func readUCL(text string) ([]token, error) {
	return readTokens(text, `"`, "[]{},;=:", true, func(inside string) (string, error) {
		if strings.ContainsAny(inside, "${}") {
			return "", fmt.Errorf("%q is not taken as it is", inside)
		}
		return strconv.Unquote(`"` + inside + `"`)
	})
}

// readNginx takes a file of nginx apart. "$" is an error: it is a variable.
func readNginx(text string) ([]token, error) {
	tokens, err := readTokens(text, `"'`, "{};", false, func(inside string) (string, error) {
		return strings.NewReplacer(`\\`, `\`, `\"`, `"`, `\'`, `'`, `\t`, "\t", `\n`, "\n", `\r`, "\r").Replace(inside), nil
	})
	if strings.Contains(text, "$") {
		return nil, fmt.Errorf("a variable in %q", text)
	}
	for i := range tokens {
		tokens[i] = token(strings.TrimPrefix(string(tokens[i]), `"`))
	}
	return tokens, err
}

// readCyrus reads "name: value" lines as Cyrus does with imapd.conf.
func readCyrus(text string) ([]setting, error) {
	var all []setting
	text = strings.ReplaceAll(text, "\\\n", "")
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		if !ok || value == "" || strings.HasPrefix(value, "{") || strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != "" {
			return nil, fmt.Errorf("%q is no option with a value of its own", line)
		}
		all = append(all, setting{name, value})
	}
	return all, nil
}

// readCyrusServices reads name="value" arguments as Cyrus does in cyrus.conf.
func readCyrusServices(text string) ([]setting, error) {
	var all []setting
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(strings.TrimSpace(line), "#")
		name, rest, _ := strings.Cut(line, " ")
		all = append(all, setting{name, ""})
		for rest != "" {
			key, value, ok := strings.Cut(rest, "=")
			quoted, inQuotes := strings.CutPrefix(value, `"`)
			end := " "
			if inQuotes {
				value, end = quoted, `"`
			}
			value, rest, _ = strings.Cut(value, end)
			if !ok || strings.Contains(key, `"`) {
				return nil, fmt.Errorf("no argument in %q", line)
			}
			all = append(all, setting{strings.TrimSpace(key), value})
			rest = strings.TrimSpace(rest)
		}
	}
	return all, nil
}
