package settings

import (
	"cmp"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"github.com/mailreg/mailreg/registry/value"
	"github.com/mailreg/mailreg/schema"
)

// table is all declarations: the stock ones, overridden key by key by the local ones.
type table struct {
	local    []schema.Declaration // sorted; as the stock ones they are found by binary search, without a map
	patterns []string             // the keys of all patterns, longest first
	off      []string             // the modules that were passed over
}

// newTable joins local declarations with the stock ones; of several for one key the first counts. Without local ones it
// looks at none: most commands ask for a few variables only, and every page of the stock table that is touched costs them
// time.
func newTable(local []schema.Declaration) *table {
	byKey := func(a, b schema.Declaration) int { return cmp.Compare(a.Key, b.Key) }
	if !slices.IsSortedFunc(local, byKey) {
		slices.SortStableFunc(local, byKey)
	}
	same := func(a, b schema.Declaration) bool { return a.Key == b.Key }
	t := &table{local: slices.CompactFunc(local, same), patterns: schema.Patterns}
	for i := range t.local {
		if key := t.local[i].Key; isPattern(key) && !slices.Contains(t.patterns, key) {
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
	for _, some := range [][]schema.Declaration{t.local, schema.Declarations} {
		if at, ok := search(some, key); ok {
			return some[at], true
		}
	}
	return schema.Declaration{}, false
}

// search finds a key in sorted declarations, or the place where it would be. They are large, so that they are looked at
// where they are.
func search(sorted []schema.Declaration, key string) (int, bool) {
	at := sort.Search(len(sorted), func(i int) bool { return sorted[i].Key >= key })
	return at, at < len(sorted) && sorted[at].Key == key
}

// all returns every declaration, sorted by key.
func (t *table) all() []schema.Declaration {
	all := make([]schema.Declaration, 0, len(schema.Declarations)+len(t.local))
	stock, local := schema.Declarations, t.local
	for len(stock) > 0 || len(local) > 0 {
		switch {
		case len(local) == 0 || len(stock) > 0 && stock[0].Key < local[0].Key:
			all, stock = append(all, stock[0]), stock[1:]
			continue
		case len(stock) > 0 && stock[0].Key == local[0].Key:
			stock = stock[1:]
		}
		all, local = append(all, local[0]), local[1:]
	}
	return all
}

// among returns the keys of declarations for which want is true, given those of the stock ones.
func (t *table) among(stock []string, want func(*schema.Declaration) bool) []string {
	keys := slices.Clip(stock)
	for i := range t.local {
		if d := &t.local[i]; want(d) {
			keys = append(keys, d.Key)
		}
	}
	return keys
}

// keys returns the keys whose declarations want is true for, sorted: of those that are declared by name the ones that has
// knows, of those that a pattern declares the ones in all. stock are the keys of the stock declarations in question.
func (t *table) keys(stock []string, want func(*schema.Declaration) bool, has func(string) bool, all iter.Seq[string]) []string {
	var keys []string
	for _, declared := range t.among(stock, want) {
		if !isPattern(declared) {
			if d, _ := t.named(declared); want(&d) && has(declared) {
				keys = append(keys, declared)
			}
			continue
		}
		for key := range all {
			// Another declaration may be closer, and the pattern's own overridden.
			if d, _ := t.find(key); matches(declared, key) && want(&d) {
				keys = append(keys, key)
			}
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// below yields the declarations whose keys begin with a prefix, in no order. All are sorted, so that a short list costs
// little.
func (t *table) below(prefix string) iter.Seq[schema.Declaration] {
	return func(yield func(schema.Declaration) bool) {
		for _, d := range from(t.local, prefix) {
			if !yield(d) {
				return
			}
		}
		for _, d := range from(schema.Declarations, prefix) {
			if _, overridden := search(t.local, d.Key); !overridden && !yield(d) {
				return
			}
		}
	}
}

// from returns the part of sorted declarations whose keys begin with a prefix.
func from(sorted []schema.Declaration, prefix string) []schema.Declaration {
	first, _ := search(sorted, prefix)
	n := 0
	for first+n < len(sorted) && strings.HasPrefix(sorted[first+n].Key, prefix) {
		n++
	}
	return sorted[first : first+n]
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

// readTable reads the declarations below dir, which need not exist, but those of the modules in off. Among the files the first
// in the order of names wins. Texts are laid over the files by their names, nil takes one away.
func readTable(dir string, over map[string]*string, off []string) (*table, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.ini"))
	if err != nil {
		return nil, fmt.Errorf("reading declarations: %w", err)
	}
	for name := range over {
		if file := filepath.Join(dir, name); !slices.Contains(files, file) {
			files = append(files, file)
		}
	}
	slices.Sort(files)
	var local []schema.Declaration
	for _, file := range files { // the first one that newTable sees wins
		if slices.Contains(off, strings.TrimSuffix(filepath.Base(file), ".ini")) {
			continue
		}
		data, err := readOver(file, over)
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
		if local == nil {
			local = some // they are large, and mostly in one file
		} else {
			local = append(local, some...)
		}
	}
	t := newTable(local)
	t.off = off
	return t, nil
}

// readOver reads a file, or the text that is laid over it; nothing when that takes it away.
func readOver(file string, over map[string]*string) ([]byte, error) {
	switch text, laid := over[filepath.Base(file)]; {
	case !laid:
		return os.ReadFile(file)
	case text == nil:
		return nil, nil
	default:
		return []byte(*text), nil
	}
}
