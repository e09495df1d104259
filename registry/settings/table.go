package settings

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mailreg/mailreg/registry/value"
	"github.com/mailreg/mailreg/schema"
)

// table is all declarations: the stock ones, overridden key by key by the local ones.
type table struct {
	exact    map[string]schema.Declaration // the local ones only: the stock ones are found by binary search, without a map
	patterns []string                      // the keys of all patterns, longest first
}

// newTable joins local declarations with the stock ones. Without local ones it looks at none: most commands ask for a few
// variables only, and every page of the stock table that is touched costs them time.
func newTable(local []schema.Declaration) *table {
	t := &table{exact: map[string]schema.Declaration{}, patterns: schema.Patterns}
	for _, d := range local {
		t.exact[d.Key] = d
	}
	for key := range t.exact {
		if isPattern(key) && !slices.Contains(t.patterns, key) {
			t.patterns = append(slices.Clip(t.patterns), key)
		}
	}
	if len(t.patterns) > len(schema.Patterns) {
		slices.SortFunc(t.patterns, func(a, b string) int {
			return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a, b))
		})
	}
	return t
}

// find returns the declaration of a key: by its own name, else by the longest pattern that matches.
func (t *table) find(key string) (schema.Declaration, bool) {
	if d, ok := t.named(key); ok {
		return d, true
	}
	for _, pattern := range t.patterns {
		if matches(pattern, key) {
			return t.named(pattern)
		}
	}
	return schema.Declaration{}, false
}

// named returns the declaration of that very name.
func (t *table) named(key string) (schema.Declaration, bool) {
	if d, ok := t.exact[key]; ok {
		return d, true
	}
	at, ok := slices.BinarySearchFunc(schema.Declarations, key, func(d schema.Declaration, key string) int {
		return cmp.Compare(d.Key, key)
	})
	if !ok {
		return schema.Declaration{}, false
	}
	return schema.Declarations[at], true
}

// all returns every declaration, sorted by key.
func (t *table) all() []schema.Declaration {
	byKey := make(map[string]schema.Declaration, len(schema.Declarations)+len(t.exact))
	for _, d := range schema.Declarations {
		byKey[d.Key] = d
	}
	maps.Copy(byKey, t.exact)
	return slices.SortedFunc(maps.Values(byKey), func(a, b schema.Declaration) int { return cmp.Compare(a.Key, b.Key) })
}

// below yields the declarations whose keys begin with a prefix, in no order. The stock ones are sorted, so that a short
// list costs little.
func (t *table) below(prefix string) iter.Seq[schema.Declaration] {
	return func(yield func(schema.Declaration) bool) {
		from, _ := slices.BinarySearchFunc(schema.Declarations, prefix, func(d schema.Declaration, prefix string) int {
			return cmp.Compare(d.Key, prefix)
		})
		for _, d := range schema.Declarations[from:] {
			if !strings.HasPrefix(d.Key, prefix) {
				break
			}
			if _, overridden := t.exact[d.Key]; !overridden && !yield(d) {
				return
			}
		}
		for _, d := range t.exact {
			if strings.HasPrefix(d.Key, prefix) && !yield(d) {
				return
			}
		}
	}
}

func isPattern(key string) bool { return strings.Contains(key, ".*") }

// matches reports whether a pattern names a key; each ".*" stands for one or more characters.
func matches(pattern, key string) bool {
	head, tail, wild := strings.Cut(pattern, ".*")
	if !wild {
		return pattern == key
	}
	rest, ok := strings.CutPrefix(key, head)
	if !ok {
		return false
	}
	for i := 1; i <= len(rest); i++ {
		if matches(tail, rest[i:]) {
			return true
		}
	}
	return false
}

// readTable reads the declarations below dir, which need not exist. Among the files the first in the order of names wins.
func readTable(dir string) (*table, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.ini"))
	if err != nil {
		return nil, fmt.Errorf("reading declarations: %w", err)
	}
	var local []schema.Declaration
	for _, file := range slices.Backward(files) { // the last one that newTable sees wins
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("reading declarations: %w", err)
		}
		some, err := schema.ParseDeclarations(file, data)
		if err != nil {
			return nil, err
		}
		for _, d := range some {
			if err := value.CheckDeclaration(d); err != nil {
				return nil, fmt.Errorf("reading declarations %s:%d: [%s]: %w", file, schema.LineOf(data, d.Key), d.Key, err)
			}
		}
		local = append(local, some...)
	}
	return newTable(local), nil
}
