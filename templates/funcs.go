package templates

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"text/template"
)

// trueWords are the truth values of the registry in lower case; everything else is false.
var trueWords = []string{"yes", "true", "1", "on", "enable", "enabled"}

// funcs is the closed function set of the templates:
//
//	get KEY             the value; nothing (false in a condition) when unset or empty
//	bool KEY, int KEY   the value as a condition or number; written as yes or no, and in digits
//	list KEY            the elements of a list
//	prefix PREFIX       the keys below a prefix in numeric order, each with .Suffix and .Value
//	fqdn                the full name of the host; an error when the host has none
//	path PATH           PATH below the root
//	version SERVER [V]  the installed version; with V, whether it is at least V
//	include PATH        the file PATH below the root, as it stands, between comments; nothing when there is none
//	attribute NAME      what the directory calls an attribute or class of UCS; nothing when it has none
//	filter F [VALUE...] what to ask the directory in place of a filter in words of UCS; {} in it stand for the values
//	secret KEY          the content of the file that KEY names; nothing when it is missing
//	lower VALUE         the value in lower case
//	hostport IP PORT    IP:PORT as mail servers write it
//	begins VALUE TEXT   whether the value begins with the text
//	before, after VALUE TEXT   what stands before the text, all of the value when it is not in it; what stands behind it
//	base VALUE, dir VALUE      the last name of a path, and the folder that it is in
//	next NUMBER         the number after it
//	numeric VALUE       whether the value is of digits only
//	reverse ENTRIES     what prefix gives, in reverse order
//	header [PREFIX]     the warning that the file is generated, each line behind the format's comment sign, or PREFIX
//	eq A B..., ne A B   comparisons by text
//
// With those of text/template in builtins they are all that a template may call.
func (r *rendering) funcs() template.FuncMap {
	return template.FuncMap{
		emitName: r.emit,
		"get":    r.get, "bool": r.bool, "int": r.int, "list": r.list, "prefix": r.prefix,
		"fqdn": r.fqdn, "path": r.path, "version": r.version, "include": r.include, "secret": r.secret,
		"lower": lower, "attribute": r.attribute, "filter": r.filter,
		"hostport": hostport, "begins": begins, "before": textBefore, "after": textAfter, "base": base, "dir": dir, "next": next,
		"numeric": numeric,
		"reverse": reverse, "header": r.header, "eq": equal, "ne": unequal,
	}
}

func (r *rendering) get(key string) *Value {
	if v := r.value(key); v.text != "" {
		return v
	}
	r.unset = key
	return nil
}

func (r *rendering) bool(key string) bool {
	return slices.Contains(trueWords, strings.ToLower(r.value(key).text))
}

func (r *rendering) int(key string) (int64, error) {
	v := r.value(key)
	if v.text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(strings.TrimSpace(v.text), 10, 64) // the types of numbers allow blanks around them
	if err != nil {
		return 0, v.refuse("%q is not a number", v.text)
	}
	return n, nil
}

func (r *rendering) list(key string) []*Value {
	r.look("key", key)
	var elements []*Value
	for _, text := range r.world.Settings.Split(key) {
		elements = append(elements, &Value{key: key, text: text, expands: r.world.Settings.Expands(key)})
	}
	return elements
}

// prefix leaves out keys whose value is empty: so a higher layer takes away an entry that has a default.
func (r *rendering) prefix(prefix string) []Entry {
	r.look("prefix", prefix)
	var entries []Entry
	for _, key := range r.world.Settings.Keys(prefix) {
		text, _ := r.world.Settings.Get(key)
		if text == "" {
			continue
		}
		suffix := strings.TrimPrefix(key, prefix)
		head, _, _ := strings.Cut(suffix, "/")
		entries = append(entries, Entry{
			Suffix: &Value{key: key, text: suffix},
			Head:   &Value{key: key, text: head},
			Value:  &Value{key: key, text: text, expands: r.world.Settings.Expands(key), phrase: true},
		})
	}
	return entries
}

func (r *rendering) fqdn() (*Value, error) {
	host, domain := r.value("hostname").text, r.value("domainname").text
	if host == "" || domain == "" {
		return nil, errors.New("the host has no full name: set hostname and domainname")
	}
	return &Value{key: "hostname", text: strings.ToLower(host + "." + domain)}, nil
}

// path refuses a root that would need quotes in some file, rather than fail in one file and not in the next.
func (r *rendering) path(path string) (*Value, error) {
	text := r.below(path)
	if strings.Trim(text, safe) != "" {
		return nil, fmt.Errorf("config files cannot hold the path %q: use letters, digits and ._/+- only", text)
	}
	return &Value{key: "path", text: text}, nil
}

func (r *rendering) version(server string, least ...string) (any, error) {
	installed := r.installed(server)
	if len(least) == 0 {
		return &Value{key: "version of " + server, text: installed}, nil
	}
	return compareVersions(installed, least[0]) >= 0, nil
}

// compareVersions compares the numbers of two versions from left to right; text between and after them, such as
// Debian's revision, plays no part.
func compareVersions(a, b string) int {
	for a != "" || b != "" {
		var m, n int
		m, a = nextNumber(a)
		n, b = nextNumber(b)
		if m != n {
			return cmp.Compare(m, n)
		}
	}
	return 0
}

func nextNumber(version string) (int, string) {
	head, rest, _ := strings.Cut(version, ".")
	if i := strings.IndexFunc(head, func(r rune) bool { return r < '0' || r > '9' }); i >= 0 {
		head, rest = head[:i], ""
	}
	n, err := strconv.Atoi(head)
	if err != nil {
		return 0, ""
	}
	return n, rest
}

func (r *rendering) read(path string) (string, error) {
	r.look("file", path)
	data, err := r.world.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return string(data), err
}

// include refuses a file that cannot be read, rather than drop what the administrator has written.
func (r *rendering) include(path string) (verbatim, error) {
	text, err := r.read(r.below(path))
	if err != nil {
		return "", err
	}
	var lines strings.Builder
	begun := false // whether there is a setting yet that a line with a blank in front may continue
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \t\r\n")
		lines.WriteString(line + "\n")
		if bare := strings.TrimSpace(line); bare == "" || strings.Contains(formats[r.output.Format].comments(), bare[:1]) || begun {
			continue
		}
		if formats[r.output.Format].continues && (line[0] == ' ' || line[0] == '\t') {
			return "", fmt.Errorf("%s: the first line begins with a blank: it would continue the setting before it", path)
		}
		begun = true
	}
	body := strings.Trim(lines.String(), "\n")
	if body == "" {
		return "", nil
	}
	return verbatim(fmt.Sprintf("%[1]s Begin of %[2]s, copied as it stands; its settings may clash with those above.\n%[3]s\n%[1]s End of %[2]s.",
		r.comment(), path, body)), nil
}

func (r *rendering) secret(key string) (*Value, error) {
	file := r.get(key)
	if file == nil {
		return nil, nil
	}
	text, err := r.read(file.text)
	if err != nil {
		return nil, fmt.Errorf("reading the secret that %s names: %w", key, err)
	}
	text = strings.TrimRight(text, "\r\n")
	if text == "" {
		return nil, nil
	}
	return &Value{key: "the secret that " + key + " names", text: text}, nil
}

func (r *rendering) header(prefix ...string) verbatim {
	sign := r.comment()
	if len(prefix) > 0 {
		sign = prefix[0]
	}
	lines := []string{
		" Warning: this file is generated by mailreg, and is written again whenever a setting of it changes.",
		" Change settings with \"mailreg set\". To change more, copy its template to /etc/mailreg/templates:",
	}
	for _, part := range r.output.Parts {
		lines = append(lines, "   "+part+".tmpl")
	}
	return verbatim(sign + strings.Join(lines, "\n"+sign))
}

// comment returns the sign that begins a line of comment in the format.
func (r *rendering) comment() string { return formats[r.output.Format].comments()[:1] }

func hostport(address any, port any) (*Value, error) {
	v, ok := address.(*Value)
	if !ok || v == nil {
		return nil, fmt.Errorf("hostport of %v, which is no address", address)
	}
	text := v.text
	if ip, err := netip.ParseAddr(text); err == nil && ip.Is6() {
		text = "[" + text + "]"
	}
	return &Value{key: v.key, text: fmt.Sprintf("%s:%v", text, port)}, nil
}

func lower(v *Value) *Value {
	in := *v
	in.text = strings.ToLower(v.text)
	return &in
}

func begins(v any, text string) bool { return strings.HasPrefix(fmt.Sprint(v), text) }

func equal(a any, others ...any) bool {
	return slices.ContainsFunc(others, func(b any) bool { return fmt.Sprint(a) == fmt.Sprint(b) })
}

func unequal(a, b any) bool { return !equal(a, b) }
