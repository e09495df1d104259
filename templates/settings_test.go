package templates_test

import (
	"io/fs"
	"path"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/mailreg/mailreg/schema"
	"github.com/mailreg/mailreg/templates"
)

// settings is a small registry for tests: one layer over the declared defaults.
type settings struct {
	root   string
	values map[string]string
}

func (s settings) Get(key string) (string, bool) {
	if value, ok := s.values[key]; ok {
		return value, true
	}
	d, ok := s.declared(key)
	if !ok || !d.HasDefault {
		return "", false
	}
	text := d.Default
	for {
		before, rest, found := strings.Cut(text, "@%@")
		if !found {
			break
		}
		other, after, _ := strings.Cut(rest, "@%@")
		value, ok := s.Get(other)
		if !ok {
			return "", false
		}
		text = before + value + after
	}
	if d.Type == "path" && strings.HasPrefix(d.Default, "/") && s.root != "/" {
		return s.root + text, true
	}
	return text, true
}

func (s settings) Keys(prefix string) []string {
	var keys []string
	for key := range s.values {
		keys = append(keys, key)
	}
	for _, d := range schema.Declarations {
		if d.HasDefault && !strings.Contains(d.Key, ".*") {
			keys = append(keys, d.Key)
		}
	}
	keys = slices.DeleteFunc(keys, func(key string) bool { return !strings.HasPrefix(key, prefix) || key == prefix })
	slices.Sort(keys)
	return slices.Compact(keys)
}

func (s settings) Split(key string) []string {
	value, _ := s.Get(key)
	return strings.FieldsFunc(value, func(r rune) bool { return r == ',' || unicode.IsSpace(r) })
}

func (s settings) Expands(key string) bool {
	d, _ := s.declared(key)
	return d.Expand
}

// declared returns the declaration of a key: its own, or that of a pattern.
func (s settings) declared(key string) (schema.Declaration, bool) {
	var found schema.Declaration
	for _, d := range schema.Declarations {
		if d.Key == key {
			return d, true
		}
		before, after, ok := strings.Cut(d.Key, ".*")
		if ok && len(key) > len(before)+len(after) && strings.HasPrefix(key, before) && strings.HasSuffix(key, after) {
			found = d
		}
	}
	return found, found.Key != ""
}

// world returns a machine with the given settings, files and versions.
func world(root string, values, files, versions map[string]string) templates.World {
	return templates.World{
		Root:     root,
		Settings: settings{root, values},
		ReadFile: func(name string) ([]byte, error) {
			text, ok := files[name]
			if !ok {
				return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
			}
			return []byte(text), nil
		},
		Version: func(server string) string { return versions[server] },
		Directory: func() (templates.Directory, error) {
			own := map[string]string{}
			for key, value := range values {
				if name, ok := strings.CutPrefix(key, "ldap/attribute/"); ok {
					own[name] = value
				}
			}
			return schema.NewProfile(values["ldap/profile"], own)
		},
	}
}

func mustLoad(t testing.TB, dir string) *templates.Set {
	t.Helper()
	set, err := templates.Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func output(t testing.TB, set *templates.Set, name string) templates.Output {
	t.Helper()
	for _, o := range set.Outputs() {
		if o.Path == name || path.Base(o.Path) == name {
			return o
		}
	}
	t.Fatalf("no output %s", name)
	return templates.Output{}
}
