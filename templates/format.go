package templates

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// format is a writer: it turns values into text that its reader takes for exactly these values.
type format struct {
	// continues says that a line that begins with a blank belongs to the line before it.
	continues bool
	// exact keeps blanks at the ends of lines, and empty lines, as the templates have them.
	exact bool
	// free says that comments may begin, and quotes lie, where the writer alone can tell.
	free bool
	// comment holds the characters that begin a line of comment, first the one for headers; "#" when empty.
	comment string
	// versioned is the server whose version the writer asks for, if any.
	versioned string
	// write returns the text of an item for its place. The values have passed Value.check.
	write func(p place, it item) (string, error)
}

// place is where a value stands in its logical line.
type place struct {
	// above is the finished text of the lines before it.
	above string
	// before is the finished text of the logical line up to the value.
	before string
	// after is the rest of the logical line, with mark for each further value.
	after string
	// version is the installed version of the format's server, "" when it has none.
	version string
	// known is how much of above is known to be whole, so that nothing in it reaches beyond: all that was looked at for the
	// values before need not be looked at again. nil when nothing is kept.
	known *int
}

// formats are the writers by name; a manifest chooses one.
var formats = map[string]format{
	"postfix-main":   {continues: true, write: writePostfixMain},
	"postfix-master": {continues: true, write: writePostfixMaster},
	"postfix-table":  {continues: true, write: writePostfixTable},
	"ldap-map":       {continues: true, write: writeLDAPMap},
	"aliases":        {continues: true, write: writeAliases},
	"dovecot":        {versioned: "dovecot", write: writeDovecot},
	"passwd-file":    {write: writePasswdFile},
	"lines":          {exact: true, write: writeLines},
	"cyrus":          {write: writeCyrus},
	"cyrus-services": {write: writeCyrusServices},
	"shell":          {free: true, write: writeShell},
	"sieve":          {free: true, write: writeSieve},
	"rspamd":         {free: true, write: writeRspamd},
	"nginx":          {free: true, write: writeNginx},
	"ini":            {comment: ";#", write: writeINI},
	"ini-percent":    {comment: ";#", write: writeINIPercent},
}

func formatNames() []string { return slices.Sorted(maps.Keys(formats)) }

// comments returns the characters that begin a line of comment.
func (f format) comments() string { return cmp.Or(f.comment, "#") }

// encode puts the written values in the place of their marks. Several empty lines become one, but in exact formats.
func (f format) encode(text, version string, items []any) (string, error) {
	var out strings.Builder
	blank, known := true, 0
	for line := range f.logicalLines(text) {
		empty := strings.TrimSpace(line) == "" && !f.exact
		if empty && blank {
			continue
		}
		blank = empty
		encoded, err := f.encodeLine(line, place{above: out.String(), version: version, known: &known}, items)
		if err != nil {
			return "", err
		}
		if f.exact {
			out.WriteString(encoded)
			continue
		}
		out.WriteString(strings.TrimRight(encoded, " \t\n"))
		out.WriteByte('\n')
	}
	if f.exact {
		return out.String(), nil
	}
	return strings.TrimRight(out.String(), "\n") + "\n", nil
}

// logicalLines yields the lines of text with their line ends, each with its continuation lines.
func (f format) logicalLines(text string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		start := 0
		for i := 0; i < len(text); i++ {
			if text[i] != '\n' {
				continue
			}
			if f.continues && i+1 < len(text) && strings.IndexByte(" \t", text[i+1]) >= 0 {
				continue
			}
			if !yield(text[start : i+1]) {
				return
			}
			start = i + 1
		}
		if start < len(text) {
			yield(text[start:])
		}
	}
}

// encodeLine puts the values of a line in place; p tells all about the places but what is on the line.
func (f format) encodeLine(line string, p place, items []any) (string, error) {
	parts := strings.Split(line, string(mark))
	p.before = parts[0]
	for i := 1; i+1 < len(parts); i += 2 {
		n, err := strconv.Atoi(parts[i])
		if err != nil || n >= len(items) {
			return "", fmt.Errorf("value number %q is lost", parts[i])
		}
		p.after = after(parts[i+1:])
		text, err := f.encodeItem(p, items[n])
		if err != nil {
			return "", err
		}
		p.before += text + parts[i+1]
	}
	return p.before, nil
}

// after joins the literal parts of the rest of a line, with a mark for each value between them.
func after(parts []string) string {
	var rest strings.Builder
	for i, part := range parts {
		if i%2 == 1 {
			part = string(mark)
		}
		rest.WriteString(part)
	}
	return rest.String()
}

func (f format) encodeItem(p place, it any) (string, error) {
	if text, ok := it.(verbatim); ok {
		if text == "" {
			return "", nil
		}
		if p.before != "" && !strings.HasSuffix(p.before, "\n") || p.after != "" && !strings.HasPrefix(p.after, "\n") {
			return "", fmt.Errorf("a header or included file does not stand on a line of its own")
		}
		return string(text), nil
	}
	values := it.(item)
	for _, v := range values.values {
		if err := v.check(); err != nil {
			return "", err
		}
	}
	if own := strings.TrimSpace(p.line()); !f.free && own != "" && strings.Contains(f.comments(), own[:1]) {
		for _, v := range values.values {
			if err := v.checkJoin(p); err != nil {
				return "", err
			}
		}
		return joinTexts(values, ", "), nil
	}
	text, err := f.write(p, values)
	if err == nil && !f.exact && p.last() && strings.TrimRight(text, " ") != text {
		return "", values.values[len(values.values)-1].refuse("ends with a blank at the end of a line")
	}
	return text, err
}

// checkJoin refuses a comment that ends with a backslash: for systemd and others the next line would belong to it.
func (v *Value) checkJoin(p place) error {
	if p.last() && strings.HasSuffix(v.text, `\`) {
		return v.refuse("ends with a backslash, which joins the next line to the comment")
	}
	return nil
}

// checkSeam refuses a value that forms the beginning of an expansion together with what stands beside it: pair is its two
// characters, such as "${". What further values begin with is not known yet, so that any of them counts.
func (v *Value) checkSeam(p place, pair string) error {
	first, second := pair[:1], pair[1:]
	next := strings.HasPrefix(p.after, second) || strings.HasPrefix(p.after, string(mark))
	if strings.HasSuffix(p.before, first) && strings.HasPrefix(v.text, second) || strings.HasSuffix(v.text, first) && next {
		return v.refuse("forms %q with what stands beside it", pair)
	}
	return nil
}

// checkBehind refuses a value right behind a character that makes a variable of it. Two of them stand for themselves.
func (v *Value) checkBehind(p place, sign string) error {
	signs := len(p.before) - len(strings.TrimRight(p.before, sign))
	if v.text != "" && signs%2 == 1 {
		return v.refuse("stands behind %q, which would make it a variable", sign)
	}
	return nil
}

// last reports whether nothing but blanks stands behind the value on its line.
func (p place) last() bool { return strings.TrimSpace(p.after) == "" }

// all returns the finished text of the file up to the value.
func (p place) all() string { return p.above + p.before }

// line returns the finished text of the value's own line, without the lines that it continues.
func (p place) line() string { return p.before[strings.LastIndexByte(p.before, '\n')+1:] }

// alone reports whether nothing else stands in the place of a setting's value, and the name of the setting. ok is false
// when the value does not stand behind a "=".
func (p place) alone() (setting string, alone, ok bool) {
	name, value, ok := strings.Cut(p.before, "=")
	return strings.TrimSpace(name), strings.TrimSpace(value) == "" && strings.TrimSpace(p.after) == "", ok
}

func joinTexts(it item, separator string) string {
	texts := make([]string, len(it.values))
	for i, v := range it.values {
		texts[i] = v.text
	}
	return strings.Join(texts, separator)
}
