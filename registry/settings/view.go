package settings

import (
	"cmp"
	"errors"
	"iter"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mailreg/mailreg/registry/value"
	"github.com/mailreg/mailreg/schema"
)

// View is the merged registry at one moment; it never changes. Its accessors answer with the declared default when no
// layer sets a key.
type View struct {
	root   string
	table  *table
	layers [Forced + 1]map[string]string // as in the files; Default is nil
	files  map[string]map[string]string  // what each layer file holds; layer normal has two
	raw    map[string][]byte             // the bytes of each layer file, nil when there is none
	hidden bool                          // secrets could not be read
}

// Pair is a key with its merged value.
type Pair struct{ Key, Value string }

// Candidate is the value that one layer has for a key.
type Candidate struct {
	Layer Layer
	Value string
}

func newView(root string, t *table, layers [Forced + 1]map[string]string) *View {
	return &View{root: root, table: t, layers: layers}
}

// set returns the value that the layers give a key, without defaults. Looking through them takes less than laying thousands
// of keys over each other for the few that one asks for.
func (v *View) set(key string) (string, bool) {
	for layer := Forced; layer >= Normal; layer-- {
		if val, ok := v.layers[layer][key]; ok && (layer != LDAP || !v.Local(key)) {
			return val, true
		}
	}
	return "", false
}

// keys yields every key that set has a value for.
func (v *View) keys() iter.Seq[string] {
	return func(yield func(string) bool) {
		for layer := Forced; layer >= Normal; layer-- {
			for key := range v.layers[layer] {
				if v.higher(layer, key) || layer == LDAP && v.Local(key) {
					continue
				}
				if !yield(key) {
					return
				}
			}
		}
	}
}

// higher reports whether a layer above the given one gives the key a value.
func (v *View) higher(than Layer, key string) bool {
	for layer := than + 1; layer <= Forced; layer++ {
		if _, ok := v.layers[layer][key]; ok && (layer != LDAP || !v.Local(key)) {
			return true
		}
	}
	return false
}

// With returns the view in which a layer holds other values.
func (v *View) With(l Layer, values map[string]string) *View {
	layers := v.layers
	layers[l] = values
	with := newView(v.root, v.table, layers)
	with.files, with.raw, with.hidden = v.files, v.raw, v.hidden
	return with
}

// In returns what a layer holds, not to be changed.
func (v *View) In(l Layer) map[string]string { return v.layers[l] }

// InFile returns what the layer file of that name held when it was read, not to be changed.
func (v *View) InFile(name string) map[string]string { return v.files[name] }

// Raw returns the bytes of a layer file as they were when it was read, nil when there was none; not to be changed.
func (v *View) Raw(name string) []byte { return v.raw[name] }

// Files returns by name what each file of a layer shall hold: secrets are kept apart.
func (v *View) Files(l Layer) map[string]map[string]string {
	if l != Normal {
		return map[string]map[string]string{layerFiles[l]: v.layers[l]}
	}
	plain, secret := v.layers[Normal], map[string]string{}
	has := func(key string) bool { _, ok := plain[key]; return ok }
	for _, key := range v.table.keys(schema.Secrets, func(d *schema.Declaration) bool { return d.Secret }, has, maps.Keys(plain)) {
		secret[key] = plain[key]
	}
	for key := range v.files[SecretsFile] { // what was a secret stays one where no declaration says otherwise
		if val, ok := plain[key]; ok {
			if d, _ := v.Declaration(key); d.Secret {
				secret[key] = val
			}
		}
	}
	if len(secret) > 0 {
		plain = maps.Clone(plain)
		maps.DeleteFunc(plain, func(key, _ string) bool { _, is := secret[key]; return is })
	}
	return map[string]map[string]string{layerFiles[Normal]: plain, SecretsFile: secret}
}

// Local reports whether a key is ignored in layer ldap: the directory must not turn the host's own daemon around.
func (v *View) Local(key string) bool {
	if strings.HasPrefix(key, "ldap/") || strings.HasPrefix(key, "mailreg/") {
		return true
	}
	d, _ := v.table.find(key)
	return d.Local
}

// Get returns the merged value of a key, and whether any layer or default has one.
func (v *View) Get(key string) (string, bool) {
	if val, ok := v.set(key); ok {
		return val, true
	}
	return v.defaultOf(key, nil)
}

// defaultOf returns the declared default of a key. "@%@KEY@%@" in it is replaced once; a reference to an unset key, or
// one that leads back to a key in path, makes the default unset. A default path lies below the root, also in a list.
func (v *View) defaultOf(key string, path []string) (string, bool) {
	d, _ := v.table.find(key)
	if !d.HasDefault || slices.Contains(path, key) {
		return "", false
	}
	text := v.belowRoot(d)
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "@%@")
		name, after, closed := strings.Cut(rest, "@%@")
		if !found || !closed {
			b.WriteString(text)
			return b.String(), true
		}
		val, ok := v.set(name)
		if !ok {
			val, ok = v.defaultOf(name, append(path, key))
		}
		if !ok {
			return "", false
		}
		b.WriteString(before + val)
		text = after
	}
}

// belowRoot returns a default with the root before the paths in it.
func (v *View) belowRoot(d schema.Declaration) string {
	if d.Type != "path" && d.Element != "path" || v.root == "/" {
		return d.Default
	}
	paths := []string{d.Default}
	if d.Type == "list" {
		paths = value.Split(d, d.Default)
	}
	for i, path := range paths {
		if strings.HasPrefix(path, "/") { // otherwise a reference to another path, which is below the root already
			paths[i] = filepath.Join(v.root, path)
		}
	}
	return strings.Join(paths, cmp.Or(d.Separator, " "))
}

// Followers returns the keys whose values follow that of key, itself first: no layer sets them, and their defaults refer
// to it or to another of them.
func (v *View) Followers(key string) []string {
	followers := []string{key}
	declarations := v.table.all()
	for i := 0; i < len(followers); i++ {
		reference := "@%@" + followers[i] + "@%@"
		for _, d := range declarations {
			if _, set := v.set(d.Key); !set && strings.Contains(d.Default, reference) && !slices.Contains(followers, d.Key) {
				followers = append(followers, d.Key)
			}
		}
	}
	return followers
}

// String returns the merged value, "" when there is none.
func (v *View) String(key string) string {
	val, _ := v.Get(key)
	return val
}

// Bool reports whether the value is one of yes, true, 1, on, enable, enabled in any case.
func (v *View) Bool(key string) bool {
	yes, _ := value.Bool(v.String(key))
	return yes
}

// Int returns the value as a number, 0 when it is none.
func (v *View) Int(key string) int64 {
	n, err := value.Int(v.String(key))
	if err != nil {
		return 0
	}
	return n
}

// Duration returns the value as a duration ("7d", "5 mins", "60s"), 0 when it is none.
func (v *View) Duration(key string) time.Duration {
	d, err := value.Duration(v.String(key))
	if err != nil {
		return 0
	}
	return d
}

// Size returns the value as a number of bytes ("10M", "20971520"), 0 when it is none.
func (v *View) Size(key string) int64 {
	n, err := value.Size(v.String(key))
	if err != nil {
		return 0
	}
	return n
}

// List returns the elements of a list, split as its declaration says.
func (v *View) List(key string) []string {
	d, _ := v.table.find(key)
	return value.Split(d, v.String(key))
}

// Split is List under the name that templates know.
func (v *View) Split(key string) []string { return v.List(key) }

// Expands reports whether the key's declaration lets the reading program's own expansions through.
func (v *View) Expands(key string) bool {
	d, _ := v.table.find(key)
	return d.Expand
}

// Prefix returns the keys that begin with a prefix and have a value, be it a default, sorted by the number that follows
// the prefix and then by text; keys without a number come last.
func (v *View) Prefix(prefix string) []Pair {
	pairs := v.below(prefix)
	// As people read the keys, rule/9 comes before rule/10.
	number := func(p Pair) int {
		rest := p.Key[len(prefix):]
		n, err := strconv.Atoi(rest[:len(rest)-len(strings.TrimLeft(rest, "0123456789"))])
		if err != nil {
			return int(^uint(0) >> 1)
		}
		return n
	}
	slices.SortStableFunc(pairs, func(a, b Pair) int { return cmp.Compare(number(a), number(b)) })
	return pairs
}

// Keys returns the keys of Prefix.
func (v *View) Keys(prefix string) []string {
	pairs := v.Prefix(prefix)
	keys := make([]string, len(pairs))
	for i, pair := range pairs {
		keys[i] = pair.Key
	}
	return keys
}

// Pairs returns every key that has a value, be it a default, sorted by key.
func (v *View) Pairs() []Pair { return v.below("") }

// below is Pairs for the keys with that prefix.
func (v *View) below(prefix string) []Pair {
	var keys []string
	for key := range v.keys() {
		if strings.HasPrefix(key, prefix) {
			keys = append(keys, key)
		}
	}
	for d := range v.table.below(prefix) {
		if _, set := v.set(d.Key); d.HasDefault && !set && !isPattern(d.Key) {
			keys = append(keys, d.Key)
		}
	}
	slices.Sort(keys)
	pairs := make([]Pair, 0, len(keys))
	for _, key := range keys {
		if val, ok := v.Get(key); ok {
			pairs = append(pairs, Pair{key, val})
		}
	}
	return pairs
}

// Acting returns every key that has a value and whose declaration names a service action, sorted.
func (v *View) Acting() []Pair {
	has := func(key string) bool { _, ok := v.Get(key); return ok }
	keys := v.table.keys(schema.Acting, func(d *schema.Declaration) bool { return d.Service != "" }, has, v.keys())
	pairs := make([]Pair, len(keys))
	for i, key := range keys {
		pairs[i] = Pair{key, v.String(key)}
	}
	return pairs
}

// Referring returns the keys whose defaults refer to other variables: they may change with those.
func (v *View) Referring() []string {
	return v.table.among(schema.Referring, func(d *schema.Declaration) bool { return strings.Contains(d.Default, "@%@") })
}

// Candidates returns what each layer has for a key, low to high; the last one that counts is in force. A value of layer
// ldap for a local key is listed but does not count: Source tells.
func (v *View) Candidates(key string) []Candidate {
	var all []Candidate
	if val, ok := v.defaultOf(key, nil); ok {
		all = append(all, Candidate{Default, val})
	}
	for layer := Normal; layer <= Forced; layer++ {
		if val, ok := v.layers[layer][key]; ok {
			all = append(all, Candidate{layer, val})
		}
	}
	return all
}

// Source returns the layer whose value of a key is in force; ok is false when no layer has one.
func (v *View) Source(key string) (layer Layer, ok bool) {
	for layer := Forced; layer >= Normal; layer-- {
		if _, set := v.layers[layer][key]; set && (layer != LDAP || !v.Local(key)) {
			return layer, true
		}
	}
	_, ok = v.defaultOf(key, nil)
	return Default, ok
}

// Hidden reports whether a key is a secret that the user of this process may not see. It is unset in the view, whether it
// has a value or not.
func (v *View) Hidden(key string) bool {
	d, declared := v.Declaration(key)
	_, set := v.Get(key)
	return v.hidden && declared && d.Secret && !set
}

// Declaration returns what is declared for a key, by its own name or by the longest pattern that matches it.
func (v *View) Declaration(key string) (schema.Declaration, bool) {
	d, declared := v.table.find(key)
	if _, kept := v.files[SecretsFile][key]; kept && !declared {
		// It was declared once; what was a secret does not become public by that.
		return schema.Declaration{Key: key, Type: "str", Secret: true}, false
	}
	return d, declared
}

// Off returns the modules that are switched off, by name; not to be changed.
func (v *View) Off() []string { return v.table.off }

// Declarations returns all declarations, patterns included, sorted by key.
func (v *View) Declarations() []schema.Declaration { return v.table.all() }

// Profile returns what the directory calls attributes and classes.
func (v *View) Profile() (schema.Profile, error) {
	own := map[string]string{}
	for _, pair := range v.Prefix("ldap/attribute/") {
		own[strings.TrimPrefix(pair.Key, "ldap/attribute/")] = pair.Value
	}
	return schema.NewProfile(v.String("ldap/profile"), own)
}

// FQDN returns hostname.domainname in lower case, or an error that names the keys to set.
func (v *View) FQDN() (string, error) {
	host, domain := v.String("hostname"), v.String("domainname")
	if host == "" || domain == "" {
		return "", errors.New("the host's full name is not known: set hostname and domainname")
	}
	return strings.ToLower(host + "." + domain), nil
}
