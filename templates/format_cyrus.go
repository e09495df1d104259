package templates

import "strings"

// writeCyrus writes values of imapd.conf ("name: value"), which is read literally but for blanks at the ends. A value that
// begins with "{configdirectory}" is refused, for that is replaced. The elements of a list are words.
func writeCyrus(p place, it item) (string, error) {
	name, value, named := strings.Cut(p.line(), ":")
	texts := make([]string, len(it.values))
	for i, v := range it.values {
		var err error
		switch {
		case !named:
			err = v.checkName()
		case it.list, strings.HasPrefix(strings.TrimSpace(name), "@"):
			err = v.checkWord(`\`)
		case v.text == "" && strings.TrimSpace(value+p.after) == "":
			err = v.refuse("is empty")
		case strings.HasPrefix(v.text, "{") && strings.TrimSpace(value) == "" && !v.expands:
			err = v.refuse("begins with %q, as what Cyrus replaces does", "{")
		case strings.HasSuffix(v.text, `\`) && p.last():
			err = v.refuse("ends with a backslash, which joins the next line to it")
		default:
			err = v.checkTrim()
		}
		if err != nil {
			return "", err
		}
		texts[i] = v.text
	}
	return strings.Join(texts, " "), nil
}

// checkName refuses what is not the name of an option in Cyrus's files.
func (v *Value) checkName() error {
	if strings.ContainsAny(v.text, "./+") {
		return v.refuse("is not the name of an option")
	}
	return v.checkSafe("")
}

// writeCyrusServices writes values of cyrus.conf (name key="value" ...). A value that stands alone in quotes, its own or
// the template's, may be any text of one line without quotes and "#"; beside other text, and in a command, it is one word.
func writeCyrusServices(p place, it item) (string, error) {
	quoted := strings.Count(p.line(), `"`)%2 == 1
	before := p.line()[strings.LastIndexAny(p.line(), "\"=")+1:]
	alone := before == "" && (p.after == "" || strings.IndexByte("\" \t\n", p.after[0]) >= 0)
	texts := make([]string, len(it.values))
	for i, v := range it.values {
		var err error
		switch {
		case !strings.Contains(p.line(), "="):
			err = v.checkName()
		case strings.ContainsAny(v.text, `"#`):
			err = v.refuse("has a double quote or %q, which begins a comment even in quotes", "#")
		case !quoted && !alone, !alone, it.list:
			err = v.checkWord("")
		}
		if err != nil {
			return "", err
		}
		texts[i] = v.text
	}
	text := strings.Join(texts, " ")
	if !quoted && alone && (text == "" || strings.Trim(text, safe+":@,") != "") {
		text = `"` + text + `"`
	}
	return text, nil
}
