package domain

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mailreg/mailreg/registry"
	"github.com/mailreg/mailreg/schema"
)

// fake records what is written and answers with an error.
type fake struct {
	*registry.Registry
	t      *testing.T
	root   string
	writes []string
	err    error
}

func newFake(t *testing.T, value string) *fake {
	root := t.TempDir()
	f := &fake{Registry: registry.Open(root), t: t, root: root}
	f.store(value)
	return f
}

func (f *fake) store(value string) {
	f.t.Helper()
	name := filepath.Join(f.root, "etc/mailreg/base.conf")
	text := "# mailreg layer file 1: base.conf\nmail/hosteddomains: " + value + "\n# end of base.conf\n"
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o600)); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fake) Change(_ context.Context, edit registry.Edit) (registry.Outcome, error) {
	want := registry.Edit{Layer: registry.Normal, Set: edit.Set, Internal: true}
	if !reflect.DeepEqual(want, edit) || len(edit.Set) != 1 || edit.Set[0].Key != "mail/hosteddomains" {
		f.t.Errorf("edit %+v", edit)
	}
	if f.err != nil && !errors.Is(f.err, registry.ErrPending) {
		return registry.Outcome{}, f.err
	}
	f.writes = append(f.writes, edit.Set[0].Value)
	f.store(edit.Set[0].Value)
	return registry.Outcome{}, f.err
}

func entry(name string) *schema.Entry {
	return schema.NewEntry(schema.UUID{1}, "cn="+name+",ou=domains",
		schema.Attribute{Name: "objectClass", Values: []string{schema.ClassMailDomain}}, schema.Attribute{Name: "cn", Values: []string{name}})
}

func TestBursts(t *testing.T) {
	for _, tt := range []struct {
		name    string
		before  string
		changes []schema.Change
		want    []string
	}{
		{"nothing", "b.test", nil, nil},
		{"first", "", []schema.Change{{New: entry("B.test.")}}, []string{"b.test"}},
		{"sorted", "c.test", []schema.Change{{New: entry("b.test")}, {New: entry("a.test")}}, []string{"a.test b.test c.test"}},
		{"no change", "a.test b.test", []schema.Change{{New: entry("a.test")}}, nil},
		{"renamed", "a.test b.test", []schema.Change{{Old: entry("a.test"), New: entry("c.test")}}, []string{"b.test c.test"}},
		{"only the case changed", "a.test", []schema.Change{{Old: entry("a.test"), New: entry("A.test")}}, nil},
		{"last removed", "a.test", []schema.Change{{Old: entry("a.test")}}, []string{""}},
		{"removed and added", "a.test", []schema.Change{{Old: entry("a.test")}, {New: entry("a.test")}}, nil},
		{"both gone", "a.test", []schema.Change{{}}, nil},
		{"stray blanks and order", "b.test  a.test", []schema.Change{{New: entry("a.test")}}, []string{"a.test b.test"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFake(t, tt.before)
			h := New(Config{Registry: f})
			for range 2 { // each burst twice: the second changes nothing
				for _, c := range tt.changes {
					if err := h.Apply(t.Context(), c); err != nil {
						t.Fatal(err)
					}
				}
				if err := h.Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(tt.want, f.writes); diff != "" {
				t.Errorf("writes (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFailedFlush(t *testing.T) {
	f := newFake(t, "")
	h := New(Config{Registry: f})
	apply := func(c schema.Change) error {
		if err := h.Apply(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		return h.Flush(t.Context())
	}
	f.err = errors.New("main.cf is refused")
	if err := apply(schema.Change{New: entry("a.test")}); !errors.Is(err, f.err) {
		t.Fatalf("Flush: %v", err)
	}
	f.err = registry.ErrPending
	if err := apply(schema.Change{New: entry("b.test")}); err != nil {
		t.Fatalf("Flush with a pending action: %v", err)
	}
	if diff := cmp.Diff([]string{"b.test"}, f.writes); diff != "" {
		t.Errorf("the name that was refused and has changed since must not be written:\n%s", diff)
	}
}

func TestReconcile(t *testing.T) {
	f := newFake(t, "gone.test b.test")
	h := New(Config{Registry: f})
	all := []*schema.Entry{entry("b.test"), entry("no domain"), entry("a.test")}
	for range 2 {
		if err := h.Reconcile(t.Context(), slices.Values(all)); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"a.test b.test"}, f.writes); diff != "" {
		t.Error(diff)
	}
}

func TestBadName(t *testing.T) {
	h := New(Config{Registry: newFake(t, "")})
	for _, name := range []string{"", "a b", "a/../b", "-a.test", "a.test\n"} {
		e := entry(name)
		if err := h.Apply(t.Context(), schema.Change{New: e}); !errors.Is(err, schema.ErrInvalid) {
			t.Errorf("%q: %v", name, err)
		}
		if h.Claims(e) != nil {
			t.Errorf("%q is claimed", name)
		}
	}
	if diff := cmp.Diff([]string{"domain:a.test"}, h.Claims(entry("A.test"))); diff != "" {
		t.Error(diff)
	}
}

// TestBrokenRegistry is about a layer file that cannot be read: no domain is at fault.
func TestBrokenRegistry(t *testing.T) {
	f := newFake(t, "b.test")
	if err := os.WriteFile(filepath.Join(f.root, "etc/mailreg/base.conf"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	h := New(Config{Registry: f})
	err := errors.Join(h.Apply(t.Context(), schema.Change{New: entry("a.test")}), h.Flush(t.Context()))
	if _, ok := errors.AsType[*schema.TargetDown](err); !ok {
		t.Errorf("error %v", err)
	}
}
