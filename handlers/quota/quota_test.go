package quota

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mailreg/mailreg/registry"
	"github.com/mailreg/mailreg/schema"
)

// server is a Dovecot that fails when told to.
type server struct {
	table []string
	calls []string
	fail  bool
}

func (s *server) Write(_ string, lines []string, _ bool) (bool, error) {
	changed := !slices.Equal(s.table, lines)
	s.table = lines
	return changed, nil
}
func (s *server) AfterTurn(context.Context) error { return nil }
func (s *server) Flush(_ context.Context, users ...string) error {
	if s.fail {
		return errors.New("down")
	}
	s.calls = append(s.calls, strings.Join(users, " "))
	return nil
}

func id(n byte) schema.UUID { return schema.UUID{n} }

func entry(n byte, dn string, attrs ...string) *schema.Entry {
	var list []schema.Attribute
	for i := 0; i < len(attrs); i += 2 {
		list = append(list, schema.Attribute{Name: attrs[i], Values: []string{attrs[i+1]}})
	}
	return schema.NewEntry(id(n), dn, list...)
}

func user(n byte, uid string, attrs ...string) *schema.Entry {
	return entry(n, "uid="+uid+",ou=p,dc=x", append([]string{
		"objectClass", schema.ClassMail, "uid", uid, schema.AttrPrimaryAddress, uid + "@x.test",
	}, attrs...)...)
}

func policy(megabytes string) *schema.Entry {
	return entry(1, "cn=q,dc=x", "objectClass", schema.ClassPolicyQuota, schema.AttrPolicyQuota, megabytes)
}

func TestPlan(t *testing.T) {
	top := entry(2, "dc=x", "objectClass", "domain", schema.AttrPolicyReference, "cn=q,dc=x")
	got := Plan(slices.Values([]*schema.Entry{
		policy("7"), top, user(3, "anna", schema.AttrAlternativeAddress, "a@x.test"), user(4, "ben", schema.AttrUserQuota, "5"),
		user(5, "carl", schema.AttrHomeServer, "other.x.test"), user(6, "dora", schema.AttrHomeServer, "Me.x.test"),
		user(7, "e:x"), user(8, "fay", schema.AttrAlternativeAddress, "evil:::::::userdb_home=/\n"), user(9, "gus", schema.AttrUserQuota, "0"),
	}), "me.x.test")
	want := map[string]int64{"anna@x.test": 7, "a@x.test": 7, "anna": 7, "dora@x.test": 7, "dora": 7, "fay@x.test": 7, "fay": 7}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if lines := Lines(map[string]int64{"b@x": 0, "a@x": 7}); !slices.Equal(lines, []string{"a@x:::::::userdb_mailreg_quota=7", "b@x:::::::userdb_mailreg_quota=0"}) {
		t.Errorf("%q", lines)
	}
}

// TestHandler applies changes, some of them twice, and starts anew in between: who has another quota is flushed, and nobody
// else.
func TestHandler(t *testing.T) {
	root := t.TempDir()
	s := &server{}
	reg := registry.Open(root)
	if _, err := reg.Change(t.Context(), registry.Edit{Layer: registry.Normal, Set: []registry.Assignment{{Key: "hostname", Value: "me"}, {Key: "domainname", Value: "x.test"}}}); err != nil {
		t.Fatal(err)
	}
	h := New(Config{View: reg.View, Server: s})
	all := map[schema.UUID]*schema.Entry{}
	step := func(e *schema.Entry, flushed ...string) {
		t.Helper()
		s.calls = nil
		for range 2 {
			if err := h.Apply(t.Context(), schema.Change{UUID: e.UUID, Old: all[e.UUID], New: e}); err != nil {
				t.Fatal(err)
			}
			if err := h.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		all[e.UUID] = e
		if !slices.Equal(s.calls, flushed) {
			t.Errorf("%s: flushed %q, want %q", e.DN, s.calls, flushed)
		}
	}
	anna := user(3, "anna", schema.AttrPolicyReference, "cn=q,dc=x")
	step(anna)
	step(policy("7"), "anna anna@x.test")
	step(user(4, "ben"))
	step(policy("8"), "anna anna@x.test")
	step(policy("nonsense"), "anna anna@x.test")
	step(policy("9"), "anna anna@x.test")

	// What a call without an answer has written is flushed by the next one.
	s.fail = true
	if err := errors.Join(h.Apply(t.Context(), schema.Change{UUID: id(1), Old: policy("9"), New: policy("10")}), h.Flush(t.Context())); err == nil {
		t.Fatal("no error")
	}
	s.fail = false
	h = New(Config{View: reg.View, Server: s})
	h.Recall(func(yield func(*schema.Entry) bool) {
		for _, e := range all {
			if !yield(e) {
				return
			}
		}
	})
	step(policy("10"), "anna anna@x.test")
	if h.Differs(schema.Change{Old: anna, New: user(3, "anna", schema.AttrPolicyReference, "cn=q,dc=x", "entryCSN", "1")}) {
		t.Error("another CSN makes a difference")
	}
}
