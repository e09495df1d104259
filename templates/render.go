package templates

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/template"
)

// Render returns the bytes of an output and what they depend on. The same settings give the same bytes. The Uses are
// good after an error too, so that whoever keeps them knows which change is worth a new try. An error names the file,
// and the key when its value is at fault.
func (s *Set) Render(o Output, w World) ([]byte, Uses, error) {
	r := &rendering{output: o, world: w, seen: map[string]map[string]bool{}}
	text, err := r.execute(s)
	if err != nil {
		return nil, r.uses(), fmt.Errorf("rendering %s: %w", o.Path, err)
	}
	return []byte(text), r.uses(), nil
}

// rendering is the work on one output.
type rendering struct {
	output Output
	world  World
	// items are what the actions wrote, each item or verbatim; the text of the templates holds their numbers.
	items []any
	// unset is the key that get last found to have no value, for the error when it is written all the same.
	unset string
	// seen holds what was looked at by kind: key, prefix, file, version.
	seen map[string]map[string]bool
}

func (r *rendering) execute(s *Set) (string, error) {
	t := template.New("").Option("missingkey=error").Funcs(r.funcs())
	for _, part := range r.output.Parts {
		if err := s.collect(t, part); err != nil {
			return "", err
		}
	}
	f, ok := formats[r.output.Format]
	if !ok {
		return "", fmt.Errorf("no format %q", r.output.Format)
	}
	var text bytes.Buffer
	for _, part := range r.output.Parts {
		if err := t.ExecuteTemplate(&text, part, nil); err != nil {
			return "", plain(err)
		}
		if !f.exact || !bytes.HasSuffix(text.Bytes(), []byte("\n")) {
			text.WriteByte('\n')
		}
	}
	version := ""
	if f.versioned != "" {
		version = r.installed(f.versioned)
	}
	return f.encode(text.String(), version, r.items)
}

// plain drops the words of text/template around an error of one of our functions: what is wrong is a setting, and the
// place in the template of no help to who has set it.
func plain(err error) error {
	if in := (template.ExecError{}); errors.As(err, &in) {
		if cause := errors.Unwrap(in.Err); cause != nil {
			return fmt.Errorf("template %s: %w", in.Name, cause)
		}
	}
	return err
}

// emit takes what an action outputs and returns the mark that stands for it.
func (r *rendering) emit(v any) (string, error) {
	var it any
	switch v := v.(type) {
	case *Value:
		if lacking, ok := strings.CutPrefix(r.unset, directoryPrefix); v == nil && ok {
			return "", fmt.Errorf("ldap/profile: the directory has no %s, which a template writes", lacking)
		}
		if v == nil {
			v = &Value{key: r.unset}
		}
		it = item{values: []*Value{v}}
	case []*Value:
		it = item{values: v, list: true}
	case verbatim:
		it = v
	case spelled:
		return string(v), nil
	case bool:
		it = item{values: []*Value{{text: map[bool]string{true: "yes", false: "no"}[v], bare: true}}}
	case string:
		it = item{values: []*Value{{key: "template", text: v}}}
	case int, int64:
		it = item{values: []*Value{{key: "template", text: fmt.Sprint(v), bare: true}}}
	default:
		return "", fmt.Errorf("a %T is not for writing", v)
	}
	r.items = append(r.items, it)
	return fmt.Sprintf("%c%d%c", mark, len(r.items)-1, mark), nil
}

func (r *rendering) look(kind, name string) {
	if r.seen[kind] == nil {
		r.seen[kind] = map[string]bool{}
	}
	r.seen[kind][name] = true
}

func (r *rendering) uses() Uses {
	sorted := func(kind string) []string { return slices.Sorted(maps.Keys(r.seen[kind])) }
	return Uses{Keys: sorted("key"), Prefixes: sorted("prefix"), Files: sorted("file"), Versions: sorted("version")}
}

// value returns the value of a key as the registry has it.
func (r *rendering) value(key string) *Value {
	r.look("key", key)
	text, _ := r.world.Settings.Get(key)
	return &Value{key: key, text: text, expands: r.world.Settings.Expands(key)}
}

func (r *rendering) installed(server string) string {
	r.look("version", server)
	return r.world.Version(server)
}

// below puts the root before a path.
func (r *rendering) below(path string) string {
	if path == "/" {
		return r.world.Root
	}
	return strings.TrimSuffix(r.world.Root, "/") + path
}
