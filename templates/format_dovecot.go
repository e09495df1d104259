package templates

import (
	"strings"
	"sync"
)

// dovecotExpands are the settings of Dovecot 2.3, of dovecot.conf and of dovecot-ldap.conf.ext, in which "%" begins a
// variable. In the others of ours it stands for itself. In 2.4 "%{" begins a variable everywhere.
var dovecotExpands = map[string]bool{
	"mail_home": true, "mail_location": true, "location": true, "prefix": true, "postmaster_address": true,
	"base": true, "pass_filter": true, "user_filter": true, "iterate_filter": true, "pass_attrs": true, "user_attrs": true,
	// Those of plugins, whose names may end in a number.
	"sieve": true, "sieve_before": true, "imapsieve_mailbox_name": true, "imapsieve_mailbox_from": true,
	"quota_grace": true, "quota_rule": true, "quota_exceeded_message": true,
}

// dovecotNumber finds the numbers in the names of such settings.
var dovecotNumber = sync.OnceValue(compile(`[0-9]+`))

// dovecotPlain are the characters that Dovecot reads as themselves inside of a value. A blank or backslash at an end of
// it has a meaning all the same.
const dovecotPlain = safe + `:@*,=%\ `

// writeDovecot writes values of dovecot.conf ("name = value", "section NAME {"). A value that stands alone, or in the
// double quotes of the template, may be any text of one line and is quoted when need be; beside other text it has no
// character with a meaning. Lists are joined by blanks.
func writeDovecot(p place, it item) (string, error) {
	setting, alone, ok := p.alone()
	texts := make([]string, len(it.values))
	for i, v := range it.values {
		text, err := v.dovecotVariables(setting, p.version)
		if err == nil && compareVersions(p.version, "2.4") >= 0 {
			err = v.checkSeam(p, "%{")
		}
		if err != nil {
			return "", err
		}
		quoted := strings.Count(p.line(), `"`)%2 == 1
		switch {
		case it.list && ok:
			err = v.checkSafe(":@*%")
		case quoted:
			text = escapeQuoted(text)
		case !ok && strings.HasPrefix(strings.TrimLeft(p.after, "abcdefghijklmnopqrstuvwxyz_"), " = "): // a part of the name of a setting
			err = v.checkSafe(";")
		case !ok:
			return v.dovecotSection(p, text)
		case !alone:
			err = v.checkSafe(":@")
		}
		if err != nil {
			return "", err
		}
		texts[i] = text
	}
	text := strings.Join(texts, " ")
	if alone {
		text = quoteDovecot(text)
	}
	return text, nil
}

// quoteDovecot puts a value in quotes when it needs them.
func quoteDovecot(text string) string {
	ends := strings.HasPrefix(text, " ") || strings.TrimRight(text, ` \`) != text
	if text != "" && strings.Trim(text, dovecotPlain) == "" && !ends {
		return text
	}
	return `"` + escapeQuoted(text) + `"`
}

// dovecotSection writes the name of a section, or a part of it; text is the value without variables. Its reader takes no
// double quote in it, however it is written.
func (v *Value) dovecotSection(p place, text string) (string, error) {
	switch {
	case !strings.HasSuffix(strings.TrimSpace(p.after), "{"):
		return "", v.refuse("stands where no value belongs")
	case !strings.HasPrefix(strings.TrimSpace(p.after), "{") || !strings.HasSuffix(p.before, " "):
		return text, v.checkSafe(":@")
	case v.text == "" || strings.Contains(v.text, `"`):
		return "", v.refuse("cannot be the name of a section")
	case strings.Trim(text, safe+":@") == "":
		return text, nil
	}
	return `"` + escapeQuoted(text) + `"`, nil
}

func escapeQuoted(text string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text)
}

// letterVariables are the variables of Dovecot 2.3 that a value with expansions may use, in their form of 2.4.
var letterVariables = map[string]string{
	"%u": "%{user}", "%n": "%{user | username}", "%d": "%{user | domain}", "%%": "%{literal('%')}",
	"%Lu": "%{user | lower}", "%Ln": "%{user | username | lower}", "%Ld": "%{user | domain | lower}",
}

var letterVariable = sync.OnceValue(compile(`%(?:L?[und]|%|.|$)`))

// dovecotVariables returns the text with what would begin a variable neutralised; in a value that may expand, the
// variables of letterVariables stay variables, in the form of the installed version.
func (v *Value) dovecotVariables(setting, version string) (string, error) {
	new := compareVersions(version, "2.4") >= 0
	switch {
	case !v.expands && new:
		return strings.ReplaceAll(v.text, "%{", "%%{"), nil
	case !v.expands && dovecotExpands[dovecotNumber().ReplaceAllString(setting, "")]:
		return strings.ReplaceAll(v.text, "%", "%%"), nil
	case !v.expands:
		return v.text, nil
	}
	var err error
	text := letterVariable().ReplaceAllStringFunc(v.text, func(variable string) string {
		long, ok := letterVariables[variable]
		if !ok {
			err = v.refuse("has the unknown variable %q", variable)
		}
		if new {
			return long
		}
		return variable
	})
	return text, err
}

// writePasswdFile writes fields of a Dovecot passwd-file ("user:password:..."): a colon would begin the next field.
func writePasswdFile(p place, it item) (string, error) {
	texts := make([]string, len(it.values))
	for i, v := range it.values {
		err := v.checkTrim()
		switch {
		case err != nil:
		case strings.Contains(v.text, ":"):
			err = v.refuse("has a colon, which separates the fields")
		case p.before == "":
			err = v.checkSafe("@")
		}
		if err != nil {
			return "", err
		}
		texts[i] = v.text
	}
	return strings.Join(texts, ","), nil
}
