package templates

import (
	"cmp"
	"strings"
)

// safe are the characters that no reader of ours gives a meaning to.
const safe = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/+-"

// writePostfixMain writes values of main.cf (postconf(5), "name = value"). A value that stands alone may be any text of
// one line; beside other text and in lists it is one word, or the words of one restriction. "$" becomes "$$".
func writePostfixMain(p place, it item) (string, error) {
	_, alone, ok := p.alone()
	texts := make([]string, len(it.values))
	for i, v := range it.values {
		if !ok {
			return "", v.refuse("stands where no value belongs")
		}
		if err := cmp.Or(v.checkBehind(p, "$"), v.checkParameter(alone && !it.list)); err != nil {
			return "", err
		}
		if it.list || strings.TrimSpace(p.line()) == "" {
			if err := v.checkComment(); err != nil {
				return "", err
			}
		}
		texts[i] = v.dollars()
	}
	if text := strings.Join(texts, ", "); len(text) <= 60 {
		return text, nil
	}
	return strings.Join(texts, ",\n        "), nil
}

// writePostfixMaster writes fields of master.cf (master(5)). In "-o { name = VALUE }" a value that stands alone may
// have blanks; every other value is one word.
func writePostfixMaster(p place, it item) (string, error) {
	_, option, inOption := lastCut(p.before, "{")
	_, value, inValue := strings.Cut(option, "=")
	after, _, _ := strings.Cut(p.after, "}")
	alone := !it.list && strings.TrimSpace(value) == "" && strings.TrimSpace(after) == ""
	texts := make([]string, len(it.values))
	for i, v := range it.values {
		var err error
		switch {
		case !inOption, !inValue:
			err = v.checkWord("{}=,$#")
		default:
			err = cmp.Or(v.checkBehind(p, "$"), v.checkParameter(alone))
		}
		if err != nil {
			return "", err
		}
		texts[i] = v.dollars()
	}
	return strings.Join(texts, ","), nil
}

// writePostfixTable writes the source of a lookup table (postmap(1), "key value"). A key is one word; a value, or a
// value that is a whole line, may be several.
func writePostfixTable(p place, it item) (string, error) {
	texts := make([]string, len(it.values))
	for i, v := range it.values {
		first := p.before == ""
		line := first && strings.TrimSpace(p.after) == ""
		err := v.checkComment()
		switch {
		case err != nil:
		case v.text == "":
			err = v.refuse("is empty")
		case it.list, first && !line:
			err = v.checkWord(`,"\`)
		case line && strings.ContainsAny(strings.Fields(v.text)[0], `"\`):
			err = v.refuse("does not begin with a key")
		default:
			err = v.checkTrim()
		}
		if err != nil {
			return "", err
		}
		texts[i] = v.text
	}
	return strings.Join(texts, ", "), nil
}

// ldapExpands are the settings of ldap_table(5) in which "%" stands for parts of the looked-up address.
var ldapExpands = map[string]bool{
	"search_base": true, "query_filter": true, "result_format": true, "result_filter": true,
}

// writeLDAPMap writes values of a Postfix LDAP map (ldap_table(5), "name = value"). Its reader knows no "$". "%"
// becomes "%%" where it has a meaning. Inside a filter a value is of safe characters only.
func writeLDAPMap(p place, it item) (string, error) {
	setting, alone, ok := p.alone()
	texts := make([]string, len(it.values))
	for i, v := range it.values {
		var err error
		switch {
		case !ok:
			err = v.refuse("stands where no value belongs")
		case alone && !it.list:
			err = v.checkTrim()
		case strings.HasSuffix(setting, "_filter"):
			err = v.checkSafe(":@")
		default:
			err = v.checkWord(",")
		}
		if err != nil {
			return "", err
		}
		texts[i] = v.text
		if ldapExpands[setting] && !v.expands {
			texts[i] = strings.ReplaceAll(v.text, "%", "%%")
		}
	}
	return strings.Join(texts, " "), nil
}

// writeAliases writes lines of the alias file (aliases(5), "name: value, ..."). A name is one word; a value may be what
// an administrator may write there, a command included, but always belongs to that one name.
func writeAliases(p place, it item) (string, error) {
	_, _, inValue := strings.Cut(p.before, ":")
	texts := make([]string, len(it.values))
	for i, v := range it.values {
		var err error
		switch {
		case !inValue:
			err = v.checkWord(`:;,"\<>()[]#|@%!`)
		case it.list:
			err = v.checkWord(`,"\()`)
		case v.text == "":
			err = v.refuse("is empty")
		default:
			err = v.checkQuotes()
		}
		if err != nil {
			return "", err
		}
		texts[i] = v.text
	}
	return strings.Join(texts, ", "), nil
}

// checkQuotes refuses double quotes, comments in parentheses and angle brackets that are not closed: an alias file
// with one is not read any further.
func (v *Value) checkQuotes() error {
	quoted, depth := false, map[rune]int{}
	escaped := false
	for _, r := range v.text {
		switch {
		case escaped:
			escaped = false
		case r == '\\':
			escaped = true
		case r == '"':
			quoted = !quoted
		case quoted:
		case r == '(' || r == '<':
			depth[r]++
		case r == ')':
			depth['(']--
		case r == '>':
			depth['<']--
		}
	}
	if quoted || escaped || depth['('] != 0 || depth['<'] != 0 {
		return v.refuse("has a quote or bracket without partner")
	}
	return v.checkTrim()
}

// checkParameter checks a value of a Postfix parameter: all of it, or one of several things in it.
func (v *Value) checkParameter(whole bool) error {
	switch {
	case whole && !balanced(v.text):
		return v.refuse("has a brace without partner")
	case whole:
		return v.checkTrim()
	case v.phrase:
		return v.checkPhrase()
	}
	return v.checkWord(",{}")
}

// checkPhrase refuses what a list of restrictions or milters would take for more than one entry.
func (v *Value) checkPhrase() error {
	depth := 0
	for _, r := range v.text {
		switch {
		case r == '{':
			depth++
		case r == '}':
			depth--
		case r == ',' && depth == 0:
			return v.refuse("has a comma outside braces")
		}
	}
	if !balanced(v.text) {
		return v.refuse("has a brace without partner")
	}
	if v.text == "" {
		return v.refuse("is empty")
	}
	return v.checkTrim()
}

// checkComment refuses a value that would turn its line into a comment.
func (v *Value) checkComment() error {
	if strings.HasPrefix(v.text, "#") {
		return v.refuse("begins with %q, which begins a comment", "#")
	}
	return nil
}

// checkSafe refuses a value that is empty or has other characters than the safe ones and those of more.
func (v *Value) checkSafe(more string) error {
	if v.text == "" {
		return v.refuse("is empty")
	}
	if rest := strings.TrimLeft(v.text, safe+more); rest != "" {
		return v.refuse("has %q, which has a meaning there", []rune(rest)[0])
	}
	return nil
}

// dollars returns the text with "$" doubled, so that Postfix takes it for itself.
func (v *Value) dollars() string {
	if v.expands {
		return v.text
	}
	return strings.ReplaceAll(v.text, "$", "$$")
}

// balanced reports whether each brace of a text has its partner.
func balanced(text string) bool {
	depth := 0
	for _, r := range text {
		if r == '{' {
			depth++
		} else if r == '}' {
			depth--
		}
		if depth < 0 {
			return false
		}
	}
	return depth == 0
}

// lastCut cuts text around the last separator.
func lastCut(text, separator string) (before, after string, found bool) {
	if i := strings.LastIndex(text, separator); i >= 0 {
		return text[:i], text[i+len(separator):], true
	}
	return text, "", false
}
