package advice

import (
	"encoding/base64"
	"strings"
)

// modify returns an LDIF record (RFC 2849) that adds values of one attribute to an entry, or replaces them.
func modify(dn, verb, attr string, values ...string) string {
	var b strings.Builder
	b.WriteString(pair("dn", dn) + "changetype: modify\n" + verb + ": " + attr + "\n")
	for _, v := range values {
		b.WriteString(pair(attr, v))
	}
	return b.String()
}

// pair returns an attribute with a value, which is encoded where its characters ask for that.
func pair(attr, value string) string {
	safe := !strings.HasPrefix(value, " ") && !strings.HasPrefix(value, ":") && !strings.HasPrefix(value, "<") && !strings.HasSuffix(value, " ") &&
		!strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' })
	if safe {
		return attr + ": " + value + "\n"
	}
	return attr + ":: " + base64.StdEncoding.EncodeToString([]byte(value)) + "\n"
}

// quoted returns a DN as slapd's configuration has it between quotes.
func quoted(dn string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(dn) + `"`
}
