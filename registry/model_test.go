package registry_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/mailreg/mailreg/registry"
)

// model is what the registry shall be: plain maps, and a list of what was done to them.
type model struct {
	layers [registry.Forced + 1]map[string]string
	done   []deed
}

// deed is a transaction that has changed something.
type deed struct {
	layer   registry.Layer
	changes []registry.LogChange
	undoes  int // the one that it took back, 0 for none; they count from 1
}

// modelKeys are typed, secret, local and free keys; those of the outputs are among them.
var modelKeys = []string{
	"size", "name", "listen", "extra", "password", "rule/1", "rule/20", "rule/3", "entry/a", "entry/ü x", "ldap/base", "free", "a:b", "x",
}

func newModel() *model {
	m := &model{}
	for layer := range m.layers {
		m.layers[layer] = map[string]string{}
	}
	m.layers[registry.Default]["size"] = "10"
	return m
}

// candidates are the layers that have the key, low to high; the last that counts is in force.
func (m *model) candidates(key string) (all []registry.Candidate, source registry.Layer, found bool) {
	for layer := registry.Default; layer <= registry.Forced; layer++ {
		value, ok := m.layers[layer][key]
		if !ok {
			continue
		}
		all = append(all, registry.Candidate{Layer: layer, Value: value})
		if layer != registry.LDAP || key != "ldap/base" {
			source, found = layer, true
		}
	}
	return all, source, found
}

func (m *model) get(key string) (string, bool) {
	_, source, found := m.candidates(key)
	return m.layers[source][key], found
}

// file is what the output of fakeSet must be.
func (m *model) file(text string) string {
	var b strings.Builder
	for word := range strings.FieldsSeq(text) {
		keys := []string{word}
		if prefix, ok := strings.CutSuffix(word, "*"); ok {
			keys = nil
			for _, key := range []string{"rule/1", "rule/3", "rule/20", "entry/a", "entry/ü x"} { // in the order of their numbers
				if strings.HasPrefix(key, prefix) {
					keys = append(keys, key)
				}
			}
		}
		for _, key := range keys {
			if value, ok := m.get(key); ok && word != "!" {
				fmt.Fprintf(&b, "%s=%q\n", key, value)
			}
		}
	}
	return b.String()
}

// apply carries an edit out, when it may be.
func (m *model) apply(e registry.Edit) {
	d, before := deed{layer: e.Layer}, maps.Clone(m.layers[e.Layer])
	var touched []string
	put := func(key string, value *string) {
		if !slices.Contains(touched, key) {
			touched = append(touched, key)
		}
		if value == nil {
			delete(m.layers[e.Layer], key)
		} else {
			m.layers[e.Layer][key] = *value
		}
	}
	for _, set := range e.Set {
		if was, exists := m.layers[e.Layer][set.Key]; exists && set.IfUnset {
			set.Value = was
		}
		put(set.Key, &set.Value)
	}
	for _, key := range e.Unset {
		put(key, nil)
	}
	for _, key := range touched {
		old, had := before[key]
		now, has := m.layers[e.Layer][key]
		if had != has || old != now {
			d.changes = append(d.changes, change(key, pointer(old, had), pointer(now, has)))
		}
	}
	if len(d.changes) > 0 {
		m.done = append(m.done, d)
	}
}

func pointer(text string, there bool) *string {
	if !there {
		return nil
	}
	return &text
}

// change is what the log tells of a key: not the values of a secret.
func change(key string, old, now *string) registry.LogChange {
	if key != "password" {
		return registry.LogChange{Key: key, Old: old, New: now}
	}
	const hidden = "(secret)"
	return registry.LogChange{Key: key, Old: pointer(hidden, old != nil), New: pointer(hidden, now != nil), Masked: true}
}

// stands says whether a transaction was not taken back; who took it back may have been taken back himself.
func (m *model) stands(id int) bool {
	for later := id + 1; later <= len(m.done); later++ {
		if m.done[later-1].undoes == id && m.stands(later) {
			return false
		}
	}
	return true
}

// undoable says whether a transaction can be taken back: it stands, its values are still there, no later one that stands has
// touched its keys, and it did not overwrite a secret.
func (m *model) undoable(id int) bool {
	touches := func(d deed, key string) bool {
		return slices.ContainsFunc(d.changes, func(c registry.LogChange) bool { return c.Key == key })
	}
	for _, c := range m.done[id-1].changes {
		now, set := m.layers[m.done[id-1].layer][c.Key]
		if c.Masked && c.Old != nil || set != (c.New != nil) || set && !c.Masked && now != *c.New {
			return false
		}
		for later := id + 1; later <= len(m.done); later++ {
			if d := m.done[later-1]; touches(d, c.Key) && d.undoes == 0 && m.stands(later) {
				return false
			}
		}
	}
	return m.stands(id)
}

// refused says whether no edit may do this.
func refused(e registry.Edit) bool {
	return slices.ContainsFunc(e.Set, func(a registry.Assignment) bool {
		return a.Key == "password" && e.Layer != registry.Normal || a.Key == "size" && a.Value == "many"
	})
}

// anyValue is text of any kind, with what files and lines make of it in mind.
func anyValue() *rapid.Generator[string] {
	return rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{
		"", " ", "\n", "a\r\nb", "\x00", "\x7f", " padded\t", `\n`, `\`, "# end of base.conf", "@%@name@%@", "$x %d {{.}}", "\u2028\ufeff", "(secret)",
	}))
}

func anyAssignment(t *rapid.T) registry.Assignment {
	a := registry.Assignment{Key: rapid.SampledFrom(modelKeys).Draw(t, "key"), IfUnset: rapid.IntRange(0, 4).Draw(t, "conditional") == 0}
	switch a.Key {
	case "size":
		a.Value = rapid.SampledFrom([]string{"0", "7", "20", "7", "many"}).Draw(t, "size")
	case "extra":
		a.Value = rapid.SampledFrom([]string{"yes", "no"}).Draw(t, "extra")
	default:
		a.Value = anyValue().Draw(t, "value")
	}
	return a
}

// TestModel runs random transactions on a registry and on plain maps, and compares all that can be seen after each.
func TestModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r := &modelRun{host: newHost(t), m: newModel()}
		rt.Repeat(map[string]func(*rapid.T){
			"": r.compare,
			"edit": func(rt *rapid.T) {
				r.edit(rt, rapid.IntRange(1, 4).Draw(rt, "keys"))
			},
			"bulk":   func(rt *rapid.T) { r.edit(rt, 40) },
			"undo":   r.undo,
			"commit": func(*rapid.T) { r.commit(registry.CommitOptions{}) },
			"reopen": func(*rapid.T) { r.host = openHost(t, r.root) },
		})
	})
}

type modelRun struct {
	*host
	m *model
}

func (r *modelRun) edit(rt *rapid.T, keys int) {
	e := registry.Edit{Layer: registry.Layer(rapid.IntRange(int(registry.Normal), int(registry.Forced)).Draw(rt, "layer"))}
	for range keys {
		if rapid.IntRange(0, 3).Draw(rt, "unset") == 0 {
			e.Unset = append(e.Unset, rapid.SampledFrom(modelKeys).Draw(rt, "key"))
		} else {
			e.Set = append(e.Set, anyAssignment(rt))
		}
	}
	_, err := r.reg.Change(r.Context(), e)
	if refused(e) != (err != nil) {
		rt.Fatalf("%+v: error %v", e, err)
	}
	if err == nil {
		r.m.apply(e)
	}
}

// undo takes the last transaction back, or any: this may be refused, and then changes nothing.
func (r *modelRun) undo(rt *rapid.T) {
	if len(r.m.done) == 0 {
		rt.Skip("nothing was done")
	}
	ids := r.ids(rt)
	at := rapid.IntRange(0, len(ids)-1).Draw(rt, "transaction")
	_, err := r.reg.Undo(r.Context(), registry.UndoOptions{ID: ids[at]})
	if refused := !r.m.undoable(at + 1); refused != (err != nil) {
		rt.Fatalf("undo of transaction %d, to be refused: %v, error %v", at+1, refused, err)
	}
	if err != nil {
		return
	}
	target := r.m.done[at]
	back := registry.Edit{Layer: target.layer}
	for _, c := range target.changes {
		if c.Old == nil {
			back.Unset = append(back.Unset, c.Key)
		} else {
			back.Set = append(back.Set, registry.Assignment{Key: c.Key, Value: *c.Old})
		}
	}
	r.m.apply(back)
	r.m.done[len(r.m.done)-1].undoes = at + 1
}

// ids are those of the transactions, the oldest first.
func (r *modelRun) ids(rt *rapid.T) []int64 {
	var ids []int64
	for e, err := range r.reg.History() {
		if err != nil {
			rt.Fatal(err)
		}
		ids = append(ids, e.ID)
	}
	slices.Reverse(ids)
	return ids
}

func (r *modelRun) compare(rt *rapid.T) {
	view, err := r.reg.View()
	if err != nil {
		rt.Fatal(err)
	}
	for _, key := range modelKeys {
		all, source, found := r.m.candidates(key)
		value, _ := r.m.get(key)
		got, ok := view.Get(key)
		gotSource, gotOK := view.Source(key)
		if got != value || ok != found || gotSource != source || gotOK != found {
			rt.Fatalf("%s is %q from %v, want %q from %v", key, got, gotSource, value, source)
		}
		if alone, there, err := registry.New(r.config).Lookup(key); alone != value || there != found || err != nil {
			rt.Fatalf("%s is %q, looked up alone %q, %v", key, value, alone, err)
		}
		if diff := cmp.Diff(all, view.Candidates(key)); diff != "" {
			rt.Fatalf("candidates of %s:\n%s", key, diff)
		}
	}
	for _, o := range outputs() {
		value, _ := r.m.get("extra")
		if o.When == "extra" && value != "yes" {
			continue
		}
		if text := r.m.file(texts[o.Path]); text != r.read(o.Path) {
			rt.Fatalf("%s:\n%s", o.Path, cmp.Diff(text, r.read(o.Path)))
		}
	}
	var history []deed
	ids := r.ids(rt)
	for e, err := range r.reg.History() {
		if err != nil {
			rt.Fatal(err)
		}
		layer, err := registry.ParseLayer(e.Layer)
		if err != nil {
			rt.Fatal(err)
		}
		history = append(history, deed{layer: layer, changes: e.Changes, undoes: slices.Index(ids, e.Undoes) + 1})
	}
	slices.Reverse(history)
	if diff := cmp.Diff(r.m.done, history, cmp.AllowUnexported(deed{})); diff != "" {
		rt.Fatalf("history:\n%s", diff)
	}
	r.settled()
}
