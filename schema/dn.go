package schema

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// DN is a distinguished name (RFC 4514) in a form in which equal names are equal texts: RDN by RDN from the leaf up,
// letters in lower case, blanks single, parts of an RDN sorted, spellings of one character the same. It is for comparing,
// not for showing. Every value is taken as one that ignores case, which is true of all attributes that name entries.
type DN []string

// ParseDN returns the DN of a text. The empty text is the empty DN.
func ParseDN(text string) (DN, error) {
	var dn DN
	for rest := strings.TrimSpace(text); rest != ""; {
		rdn, after, more, err := parseRDN(rest)
		if err != nil {
			return nil, Invalidf("DN %q: %w", text, err)
		}
		if rest = after; more && rest == "" {
			return nil, Invalidf("DN %q ends in the middle", text)
		}
		dn = append(dn, rdn)
	}
	return dn, nil
}

// String joins the RDNs; equal DNs give equal texts.
func (d DN) String() string { return strings.Join(d, ",") }

// Levels returns the DN and those above it up to base, nearest first; none when the DN is not base or below it.
func (d DN) Levels(base DN) []DN {
	above := len(d) - len(base)
	if above < 0 || !slices.Equal(d[above:], base) {
		return nil
	}
	var levels []DN
	for i := 0; i <= above && i < len(d); i++ { // nothing is to be found under the empty DN
		levels = append(levels, d[i:])
	}
	return levels
}

// Below reports whether the DN lies below another one, and is not that itself.
func (d DN) Below(other DN) bool {
	above := len(d) - len(other)
	return above > 0 && slices.Equal(d[above:], other)
}

// Equal reports whether both are the same name.
func (d DN) Equal(other DN) bool { return slices.Equal(d, other) }

// Rebase returns the text of a DN with another ending in place of all RDNs but the first ones, which stay as they were
// written.
func Rebase(text string, first int, ending string) (string, error) {
	rest := text
	for range first {
		_, after, _, err := parseRDN(rest)
		if err != nil {
			return "", Invalidf("DN %q: %w", text, err)
		}
		rest = after
	}
	kept := text[:len(text)-len(rest)]
	if rest == "" {
		kept += ","
	}
	return strings.TrimSuffix(kept+ending, ","), nil
}

// parseRDN takes the first RDN from a text, and tells whether a comma followed.
func parseRDN(text string) (rdn, rest string, more bool, err error) {
	var parts []string
	for {
		name, value, ok := strings.Cut(text, "=")
		if name = strings.ToLower(strings.TrimSpace(name)); !ok || name == "" || strings.ContainsAny(name, `,+\"`) {
			return "", "", false, fmt.Errorf("%q is no attribute with a value", text)
		}
		folded, end, err := parseValue(value)
		if err != nil {
			return "", "", false, err
		}
		parts = append(parts, name+"="+folded)
		if end == len(value) {
			text = ""
			break
		}
		text = value[end+1:]
		if value[end] == ',' {
			more = true
			break
		}
	}
	slices.Sort(parts)
	return strings.Join(parts, "+"), text, more, nil
}

var dnEscapes = strings.NewReplacer(`\`, `\5c`, `,`, `\2c`, `+`, `\2b`)

// parseValue reads one value up to an unescaped comma or plus, and folds it. Special characters in it are escaped in one
// way, so that RDNs can be joined by commas.
func parseValue(text string) (folded string, end int, err error) {
	var value strings.Builder
	for end < len(text) && text[end] != ',' && text[end] != '+' {
		c := text[end]
		if c != '\\' {
			value.WriteByte(c)
			end++
			continue
		}
		if end+1 >= len(text) {
			return "", 0, fmt.Errorf("%q ends in a backslash", text)
		}
		if code, err := hex.DecodeString(text[end+1 : min(end+3, len(text))]); err == nil && len(code) == 1 {
			value.WriteByte(code[0])
			end += 3
		} else {
			value.WriteByte(text[end+1])
			end += 2
		}
	}
	words := strings.Join(strings.Fields(strings.ToLower(value.String())), " ") // matching ignores blanks at the ends
	return dnEscapes.Replace(words), end, nil
}
