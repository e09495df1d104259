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
	// fields are what it says of each user.
	fields map[string]map[string]string
}

func (s *server) Fields(_ context.Context, user string) (map[string]string, error) {
	if s.fail {
		return nil, errors.New("down")
	}
	return s.fields[user], nil
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

// open makes a registry for the host me.x.test.
func open(t *testing.T, set ...registry.Assignment) *registry.Registry {
	t.Helper()
	reg := registry.Open(t.TempDir())
	set = append(set, registry.Assignment{Key: "hostname", Value: "me"}, registry.Assignment{Key: "domainname", Value: "x.test"})
	if _, err := reg.Change(t.Context(), registry.Edit{Layer: registry.Normal, Set: set}); err != nil {
		t.Fatal(err)
	}
	return reg
}

// TestInspect compares with what both releases of Dovecot say, and what is to be done about a difference is done.
func TestInspect(t *testing.T) {
	s := &server{fields: map[string]map[string]string{}}
	h := New(Config{View: open(t, registry.Assignment{Key: "mail/dovecot/quota/default", Value: "3"}).View, Server: s})
	anna, ben := user(2, "anna", schema.AttrUserQuota, "5"), user(3, "ben", schema.AttrPolicyReference, "cn=q,dc=x")
	carl, dora := user(4, "carl"), user(5, "dora", schema.AttrHomeServer, "other.x.test", schema.AttrUserQuota, "5")
	odd := user(6, "odd", schema.AttrUserQuota, "5M")
	h.Recall(slices.Values([]*schema.Entry{policy("7"), anna, ben, carl, dora, odd}))
	for _, c := range []struct {
		who        *schema.Entry
		key, value string
		want, have string
	}{
		{anna, "quota_storage_size", "5M", "", ""},
		{anna, "quota_storage_size", "6M", "5", "6"},
		{anna, "mailreg_quota", "5", "", ""},
		{anna, "home", "/x", "5", "3"},
		{anna, "", "", "", ""}, // a user that Dovecot does not know
		{ben, "mailreg_quota", "7", "", ""},
		{ben, "home", "/x", "7", "3"},
		{carl, "home", "/x", "", ""},
		{carl, "quota_storage_size", "3M", "", ""},
		{carl, "mailreg_quota", "007", "3", "7"},
		{dora, "mailreg_quota", "9", "", ""},
		{odd, "mailreg_quota", "5M", "", ""},
		{odd, "quota_storage_size", "0M", "", ""},
		{odd, "quota_storage_size", "1M", "0", "1"},
		{policy("7"), "home", "/x", "", ""},
	} {
		clear(s.fields)
		if c.key != "" {
			s.fields[c.who.First(schema.AttrPrimaryAddress)] = map[string]string{c.key: c.value}
		}
		var want []schema.Difference
		if c.want+c.have != "" {
			want = []schema.Difference{{What: "quota in MB", Want: c.want, Have: c.have}}
		}
		if found, err := h.Inspect(t.Context(), c.who); err != nil || !slices.Equal(found, want) {
			t.Errorf("%s %s=%s: %v, %v, want %v", c.who.DN, c.key, c.value, found, err, want)
		}
	}
	s.table = []string{"ben@x.test:::::::userdb_mailreg_quota=7", "ben:::::::userdb_mailreg_quota=7"}
	slices.Sort(s.table)
	if err := errors.Join(h.Apply(t.Context(), schema.Change{UUID: anna.UUID, Old: anna, New: anna}), h.Flush(t.Context())); err != nil {
		t.Fatal(err)
	}
	if want := []string{"anna anna@x.test"}; !slices.Equal(s.calls, want) {
		t.Errorf("flushed %q, want %q", s.calls, want)
	}
}

// TestHandler applies changes, some of them twice, and starts anew in between: who has another quota is flushed, and nobody
// else.
func TestHandler(t *testing.T) {
	s := &server{}
	reg := open(t)
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
