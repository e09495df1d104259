package policy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mailreg/mailreg/registry"
	"github.com/mailreg/mailreg/registry/generate"
	"github.com/mailreg/mailreg/schema"
	"github.com/mailreg/mailreg/templates"
)

// oneFile renders a file from key "x" and refuses the value "bad", as a server would.
type oneFile struct{}

func (oneFile) Outputs() []templates.Output {
	return []templates.Output{{Path: "/etc/x", Mode: 0o644}}
}

func (oneFile) Render(_ templates.Output, w templates.World) ([]byte, templates.Uses, error) {
	value, _ := w.Settings.Get("x")
	if value == "bad" {
		return nil, templates.Uses{Keys: []string{"x"}}, errors.New("x is bad")
	}
	return []byte(value), templates.Uses{Keys: []string{"x"}}, nil
}

// rig is a handler on a registry of its own.
type rig struct {
	*testing.T
	*Handler
	reg  *registry.Registry
	root string
}

func newRig(t *testing.T) *rig {
	t.Helper()
	root := t.TempDir()
	name := filepath.Join(root, "etc/mailreg/schema.d/test.ini")
	const declarations = "[size]\nType = uint\n[mine]\nType = str\nLocal = yes\n[password]\nType = str\nSecret = yes\n[domains]\nType = str\nReadOnly = yes\n"
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(declarations), 0o644)); err != nil {
		t.Fatal(err)
	}
	reg := registry.New(registry.Config{
		Root: root, Services: []registry.Service{}, Load: func() (generate.Renderer, error) { return oneFile{}, nil },
	})
	if _, err := reg.Commit(t.Context(), registry.CommitOptions{}); err != nil {
		t.Fatal(err)
	}
	r := &rig{T: t, Handler: New(Config{Registry: reg, Scope: scope}), reg: reg, root: root}
	r.Recall(slices.Values(bare()))
	return r
}

// bare returns the host and what is above it, with no policies assigned.
func bare() []*schema.Entry {
	return []*schema.Entry{refers(host), refers(site), refers(base)}
}

// burst applies entries, those of "gone" as gone, each burst twice: the second must change nothing.
func (r *rig) burst(entries ...*schema.Entry) error {
	r.Helper()
	var first error
	for i := range 2 {
		for _, e := range entries {
			c := schema.Change{UUID: e.UUID, New: e}
			if len(e.Attrs) == 0 {
				c.New = nil
			}
			if err := r.Apply(r.Context(), c); err != nil {
				r.Fatal(err)
			}
		}
		before := r.serial()
		err := r.Flush(r.Context())
		if i == 0 {
			first = err
			continue
		}
		if fmt.Sprint(err) != fmt.Sprint(first) || r.serial() != before {
			r.Errorf("the second time: %v, the first time %v; transactions %d", err, first, r.serial()-before)
		}
	}
	return first
}

// gone is what is left of an entry.
func gone(dn string) *schema.Entry { return entry(dn) }

func (r *rig) serial() int64 {
	r.Helper()
	return r.reg.Status(r.Context()).Last.ID
}

func (r *rig) layer(want map[string]string) {
	r.Helper()
	view, err := r.reg.View()
	if err != nil {
		r.Fatal(err)
	}
	if diff := cmp.Diff(want, maps.Clone(view.In(registry.LDAP))); diff != "" {
		r.Errorf("layer ldap (-want +got):\n%s", diff)
	}
}

// byHand sets a key of layer ldap as an administrator would.
func (r *rig) byHand(key, value string) {
	r.Helper()
	_, err := r.reg.Change(r.Context(), registry.Edit{Layer: registry.LDAP, Set: []registry.Assignment{{Key: key, Value: value}}})
	if err != nil {
		r.Fatal(err)
	}
}

func (r *rig) ok(err error) {
	r.Helper()
	if err != nil {
		r.Error(err)
	}
}

func TestBursts(t *testing.T) {
	r := newRig(t)
	r.byHand("c", "3")
	before := r.serial()
	r.ok(r.burst(policy("p", "a=1", "b=x\ny@!@print(1)@!@ "), policy("q", "a=2"), refers(base, "p"), refers(host, "q")))
	r.layer(map[string]string{"a": "2", "b": "x\ny@!@print(1)@!@ "})
	if n := r.serial() - before; n != 1 {
		t.Errorf("%d transactions for one burst", n)
	}
	r.ok(r.burst(gone(policy("q").DN)))
	r.layer(map[string]string{"a": "1", "b": "x\ny@!@print(1)@!@ "})
	r.byHand("c", "3")
	r.ok(r.burst(refers(base)))
	r.layer(map[string]string{})
	r.ok(r.burst(gone(policy("p").DN)))
	r.byHand("c", "3")
	r.ok(r.burst(refers(base)))
	r.layer(map[string]string{"c": "3"})
}

func TestFaults(t *testing.T) {
	r := newRig(t)
	p := policy("p", "size=1", "b=1")
	r.ok(r.burst(p, refers(host, "p")))
	bad := policy("p", "size=lots", "b=2", "mine=x", "password=geheim", "domains=x", "bad[key]=1", "raw=\xff")
	err := r.burst(bad)
	faults, ok := errors.AsType[schema.Faults](err)
	if !ok || len(faults) != 1 || !errors.Is(faults[p.UUID], schema.ErrPartly) {
		t.Fatalf("error %v", err)
	}
	for _, part := range []string{`size: value "lots"`, "password is a secret", "domains is read-only", "bad[key]", "raw: value"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in %s", part, err)
		}
	}
	if strings.Contains(err.Error(), "geheim") || strings.Contains(err.Error(), "mine") {
		t.Errorf("error %s", err)
	}
	r.layer(map[string]string{"size": "1", "b": "2"})
	if notes := strings.Join(r.Notes(), "\n"); len(r.Notes()) != 6 || !strings.Contains(notes, "mine is local to this host") {
		t.Errorf("notes %q", notes)
	}
	r.ok(r.burst(policy("p", "size=3")))
	r.layer(map[string]string{"size": "3"})
	if notes := r.Notes(); len(notes) != 0 {
		t.Errorf("notes %q", notes)
	}
	r.ok(r.burst(refers(host)))
	r.ok(r.burst(policy("p", "size=lots")))
}

func TestRefusedByAServer(t *testing.T) {
	r := newRig(t)
	r.ok(r.burst(policy("p", "x=good"), refers(base, "p", "q", "r")))
	bad, fine := policy("p", "x=bad", "y=1"), policy("q", "z=1")
	err := r.burst(bad, fine)
	faults, _ := errors.AsType[schema.Faults](err)
	if len(faults) != 1 || !strings.Contains(faults[bad.UUID].Error(), "x is bad") || errors.Is(faults[bad.UUID], schema.ErrInvalid) {
		t.Fatalf("error %v", err)
	}
	r.layer(map[string]string{"x": "good", "z": "1"})
	if err := r.burst(bad); err == nil || errors.Is(err, schema.ErrInvalid) {
		t.Errorf("alone: %v", err)
	}
	r.ok(r.burst(policy("r", "w=1")))
	r.layer(map[string]string{"x": "good", "z": "1", "w": "1"})
}

func TestReconcile(t *testing.T) {
	r := newRig(t)
	r.byHand("c", "3")
	r.ok(r.Reconcile(t.Context(), slices.Values(bare())))
	r.layer(map[string]string{"c": "3"}) // no policy, and none before
	all := []*schema.Entry{refers(host, "p", "q"), refers(site), refers(base), policy("p", "a=1"), policy("q", "x=bad")}
	for range 2 {
		r.ok(r.Reconcile(t.Context(), slices.Values(all)))
		r.layer(map[string]string{"a": "1"})
	}
	r.byHand("c", "3")
	r.ok(r.Reconcile(t.Context(), slices.Values(all)))
	r.layer(map[string]string{"a": "1"})

	// The next run: what was acknowledged is recalled, so that the end of the last policy is seen as such.
	h := New(Config{Registry: r.reg, Scope: scope})
	h.Recall(slices.Values(all[:4]))
	r.Handler = h
	r.ok(r.burst(gone(policy("p").DN)))
	r.layer(map[string]string{})
}

// TestUnknownLevels keeps the layer as long as an entry is not shown that may assign policies.
func TestUnknownLevels(t *testing.T) {
	assigned := []*schema.Entry{refers(base, "p"), policy("p", "a=1")}
	for _, tt := range []struct {
		name  string
		scope schema.Scope
		shown []*schema.Entry
		note  string
	}{
		{"none shown", scope, assigned[1:], "the directory does not show " + host + ", " + site + ", " + base},
		{"one hidden", scope, append(assigned, refers(host)), "the directory does not show " + site},
		{"the host is called otherwise now", scope, append(assigned, refers("cn=mail2,"+site), refers(site)), "does not show " + host},
		{"a host elsewhere", schema.Scope{Base: base, Host: "cn=mail1,dc=x"}, nil, `ldap/hostdn "cn=mail1,dc=x" is not below ldap/base "` + base + `"`},
		{"no host any more", schema.Scope{Base: base}, nil, `"" is not below`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t)
			r.ok(r.burst(policy("p", "a=1"), refers(base, "p")))
			h := New(Config{Registry: r.reg, Scope: tt.scope})
			h.Recall(slices.Values(assigned))
			r.Handler = h
			r.ok(r.Reconcile(t.Context(), slices.Values(tt.shown)))
			r.layer(map[string]string{"a": "1"})
			if notes := r.Notes(); len(notes) != 1 || !strings.Contains(notes[0], tt.note) {
				t.Errorf("notes %q", notes)
			}
		})
	}
	r := newRig(t)
	r.ok(r.burst(policy("p", "a=1"), refers(base, "p")))
	r.ok(r.burst(gone(host)))
	r.ok(r.burst(refers(base)))
	r.layer(map[string]string{"a": "1"})
	r.ok(r.burst(refers(host)))
	r.layer(map[string]string{})
	if notes := r.Notes(); len(notes) != 0 {
		t.Errorf("notes %q", notes)
	}
}

// TestNewPolicyInPlaceOfAnother lets a server refuse the policy that comes: the one that goes stays in force.
func TestNewPolicyInPlaceOfAnother(t *testing.T) {
	r := newRig(t)
	r.ok(r.burst(policy("p", "x=good", "a=1"), refers(host, "p")))
	bad := policy("q", "x=bad", "a=2")
	err := r.burst(refers(host, "q"), bad)
	faults, _ := errors.AsType[schema.Faults](err)
	if at := refers(host).UUID; len(faults) != 1 || faults[at] == nil || !strings.Contains(faults[at].Error(), "x is bad") {
		t.Errorf("error %v", err)
	}
	r.layer(map[string]string{"x": "good", "a": "1"})
}

// slow is a registry whose transactions take until they are let go.
type slow struct {
	Registry
	begun, end chan struct{}
}

func (s slow) Change(ctx context.Context, edit registry.Edit) (registry.Outcome, error) {
	close(s.begun)
	<-s.end
	return s.Registry.Change(ctx, edit)
}

// TestNotesDoNotWait asks for the notes, as each status does, while a server is being reloaded.
func TestNotesDoNotWait(t *testing.T) {
	r := newRig(t)
	s := slow{r.reg, make(chan struct{}), make(chan struct{})}
	r.Handler.cfg.Registry = s
	p := policy("p", "a=1")
	r.ok(errors.Join(r.Apply(t.Context(), schema.Change{UUID: p.UUID, New: p}), r.Apply(t.Context(), schema.Change{UUID: refers(base).UUID, New: refers(base, "p")})))
	flushed := make(chan error)
	go func() { flushed <- r.Flush(t.Context()) }()
	<-s.begun
	told := make(chan struct{})
	go func() { r.Notes(); close(told) }()
	select {
	case <-told:
	case <-time.After(20 * time.Second):
		t.Error("no notes before the end of the transaction")
	}
	close(s.end)
	r.ok(<-flushed)
}

// TestBrokenRegistry is about layer files that cannot be read: no policy is at fault.
func TestBrokenRegistry(t *testing.T) {
	r := newRig(t)
	r.byHand("c", "3")
	name := filepath.Join(r.root, "etc/mailreg/base-ldap.conf")
	text, err := os.ReadFile(name)
	r.ok(err)
	r.ok(os.WriteFile(name, text[:len(text)/2], 0o644))
	changes := []*schema.Entry{policy("p", "a=1"), refers(base, "p")}
	if err := r.burst(changes...); err == nil {
		t.Error("no error")
	} else if down, ok := errors.AsType[*schema.TargetDown](err); !ok || !strings.Contains(down.Error(), "base-ldap.conf") {
		t.Errorf("error %v", err)
	}
	r.ok(os.WriteFile(name, text, 0o644))
	r.ok(r.burst(changes...))
	r.layer(map[string]string{"a": "1"})
}

func TestWithoutAHost(t *testing.T) {
	h := New(Config{Scope: schema.Scope{Base: base}})
	if h.Match(policy("p", "a=1")) || h.Match(refers(base, "p")) || !New(Config{Scope: scope}).Match(refers(base)) {
		t.Error("Match")
	}
}
