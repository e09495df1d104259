package ucr

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/ini.v1"
)

// peerTypes are the types of the peer, which have the same names here.
var peerTypes = []string{
	"str", "int", "uint", "pint", "portnumber", "bool", "ipv4address", "ipv6address", "ipaddress", "url_http", "url_proxy",
	"json", "list", "cron",
}

// separators are expressions that the peer's packages separate lists by, with what does so here: "" is blanks and commas.
var separators = map[string]string{
	`\s*,\s*`: ",", `,\s*`: ",", `\s*;\s*`: ";", `;\s*`: ";", `\s*:\s*`: ":", `\s+`: "", `\s*`: "", ` `: "", ` +`: "", `[ ]+`: "",
	`[\s,]+`: "", `[, ]+`: "", `[ ,]+`: "", `[,\s]+`: "", `\|`: "|",
}

// declarations turns the peer's declarations into ours. Notes say what was left out of them.
func declarations(file, text string, host Host) (out string, notes []string, err error) {
	sections, err := ini.LoadSources(ini.LoadOptions{
		IgnoreInlineComment: true, PreserveSurroundedQuote: true, AllowPythonMultilineValues: true, InsensitiveKeys: true,
		AllowNonUniqueSections: true, SkipUnrecognizableLines: true,
	}, []byte(text))
	if err != nil {
		return "", nil, fmt.Errorf("reading %s: %w", file, err)
	}
	seen := map[string]bool{}
	known := 0
	for _, section := range sections.Sections() {
		key := section.Name()
		switch {
		case key == ini.DefaultSection, seen[key]:
			continue
		case host.Declared != nil && host.Declared(key):
			known++
			continue
		}
		seen[key] = true
		declared, remarks := declaration(section, host)
		out += declared + "\n"
		for _, remark := range remarks {
			notes = append(notes, fmt.Sprintf("%s: [%s]: %s", file, key, remark))
		}
	}
	if known > 0 {
		notes = append(notes, fmt.Sprintf("%s: %d of its variables have declarations of mailreg, which stay", file, known))
	}
	return out, notes, nil
}

// declaration returns the section of one variable. One that would not be taken loses its default, then all that bounds it.
func declaration(section *ini.Section, host Host) (string, []string) {
	o := options{section: section}
	o.descriptions()
	o.typed()
	full := o.text(true, true)
	for _, try := range []struct {
		text, lost string
	}{{full, ""}, {o.text(true, false), "its default"}, {o.text(false, true), "its type"}, {o.text(false, false), "its type and default"}} {
		err := host.check(try.text)
		if err == nil && try.lost != "" {
			o.note("%s does not come along: %v", try.lost, host.check(full))
		}
		if err == nil {
			return try.text, o.notes
		}
	}
	o.note("left out: %v", host.check(full))
	return "", o.notes
}

// check reports why the section of a variable is none.
func (h Host) check(section string) error {
	if h.Check == nil {
		return nil
	}
	return h.Check(section)
}

// options collects the options of one variable.
type options struct {
	section       *ini.Section
	typ, describe []string
	notes         []string
}

func (o *options) note(format string, args ...any) {
	o.notes = append(o.notes, fmt.Sprintf(format, args...))
}

// get returns an option of the peer on one line.
func (o *options) get(name string) string {
	return strings.Join(strings.Fields(o.section.Key(strings.ToLower(name)).Value()), " ")
}

func (o *options) descriptions() {
	en := o.get("Description[en]")
	if en == "" {
		en = o.get("Description")
	}
	for _, d := range []struct{ option, text string }{
		{"Category", strings.ReplaceAll(strings.ReplaceAll(o.get("Categories"), " ", ""), ",", ", ")},
		{"Description[en]", en},
		{"Description[de]", o.get("Description[de]")},
	} {
		if d.text != "" {
			o.describe = append(o.describe, d.option+" = "+d.text)
		}
	}
}

// typed collects the type and what bounds it.
func (o *options) typed() {
	typ := strings.ToLower(o.get("Type"))
	if typ != "" && !slices.Contains(peerTypes, typ) {
		o.note("the type %q is unknown: it is a str", typ)
	}
	if !slices.Contains(peerTypes, typ) {
		typ = "str"
	}
	o.typ = []string{"Type = " + typ}
	if typ == "list" {
		o.list()
	}
	for _, name := range []string{"Min", "Max"} {
		if bound := o.get(name); bound != "" {
			o.typ = append(o.typ, name+" = "+bound)
		}
	}
	if expression := o.section.Key("regex").Value(); expression != "" {
		o.regex(expression)
	}
}

func (o *options) list() {
	if element := strings.ToLower(o.get("Elementtype")); slices.Contains(peerTypes, element) && element != "list" {
		o.typ = append(o.typ, "Element = "+element)
	} else if element != "" {
		o.note("the element type %q is unknown: it is a str", element)
	}
	expression := o.section.Key("separator").Value()
	separator, ok := separators[expression]
	switch {
	case expression == "": // the default of the peer
		separator = ","
	case !ok && regexp.QuoteMeta(expression) == expression && strings.TrimSpace(expression) == expression:
		separator = expression
	case !ok:
		o.note("the separator %q is none here: elements are separated by commas", expression)
		separator = ","
	}
	if separator != "" {
		o.typ = append(o.typ, "Separator = "+separator)
	}
}

// regex takes an expression over. The peer wants it at the beginning of a value only; here it is all of the value.
func (o *options) regex(expression string) {
	expression = strings.ReplaceAll(expression, `\Z`, `\z`)
	if _, err := regexp.Compile(expression); err != nil {
		o.note("the expression %q is none here: %v", expression, err)
		return
	}
	if !strings.HasSuffix(expression, "$") && !strings.HasSuffix(expression, `\z`) {
		expression = "(?:" + expression + ")(?s:.*)"
	}
	o.typ = append(o.typ, "Regex = "+expression)
}

// text returns the section with the wanted parts.
func (o *options) text(typed, withDefault bool) string {
	lines := []string{"[" + o.section.Name() + "]"}
	if typed {
		lines = append(lines, o.typ...)
	} else {
		lines = append(lines, "Type = str")
	}
	if o.section.HasKey("default") && withDefault {
		lines = append(lines, "Default = "+strings.ReplaceAll(o.section.Key("default").Value(), "\n", " "))
	}
	return strings.Join(append(lines, o.describe...), "\n") + "\n"
}
