package folder

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mailreg/mailreg/schema"
)

func view(home, address string) *schema.SharedFolder {
	f := &schema.SharedFolder{UUID: schema.UUID{1}, Name: "Team", Domain: "x.test", HomeServer: home}
	if address != "" {
		f.Primary = schema.Address{Local: address, Domain: "x.test"}
	}
	return f
}

func TestPlan(t *testing.T) {
	const mine, other = "mail1.x.test", "mail2.x.test"
	for _, tt := range []struct {
		name     string
		old, new *schema.SharedFolder
		// keep and remove are the plans with delete=no and yes.
		keep, remove string
		// takes says with which of both the brake counts it.
		takes [2]bool
	}{
		{"added", nil, view(mine, ""), "ensure Team@x.test", "ensure Team@x.test", [2]bool{}},
		{"added with an address", nil, view(mine, "a"), "ensure a@x.test", "ensure a@x.test", [2]bool{}},
		{"added elsewhere", nil, view(other, "a"), "", "", [2]bool{}},
		{"added nowhere", nil, view("", "a"), "", "", [2]bool{}},
		{"unchanged", view(mine, "a"), view(mine, "a"), "ensure a@x.test", "ensure a@x.test", [2]bool{}},
		{"address changed", view(mine, "a"), view(mine, "b"), "ensure b@x.test", "ensure b@x.test", [2]bool{}},
		{"address added", view(mine, ""), view(mine, "b"), "ensure b@x.test", "ensure b@x.test", [2]bool{}},
		{"address removed", view(mine, "a"), view(mine, ""), "ensure Team@x.test", "ensure Team@x.test", [2]bool{}},
		{"came here", view(other, "a"), view(mine, "b"), "ensure b@x.test", "ensure b@x.test", [2]bool{}},
		{"came from nowhere", view("", ""), view(mine, ""), "ensure Team@x.test", "ensure Team@x.test", [2]bool{}},
		{"went away", view(mine, "a"), view(other, "b"), "leave a@x.test", "trash a@x.test", [2]bool{true, true}},
		{"went nowhere", view(mine, ""), view("", ""), "leave Team@x.test", "trash Team@x.test", [2]bool{true, true}},
		{"from other to other", view(other, "a"), view("", "a"), "", "", [2]bool{}},
		{"gone", view(mine, "a"), nil, "leave a@x.test", "trash a@x.test", [2]bool{false, true}},
		{"gone elsewhere", view(other, "a"), nil, "", "", [2]bool{}},
		{"came and went", nil, nil, "", "", [2]bool{}},
	} {
		for i, want := range []string{tt.keep, tt.remove} {
			plan := Plan(tt.old, tt.new, Settings{Host: mine, Delete: i == 1})
			got := ""
			for _, a := range plan {
				got += a.String()
			}
			if got != want || Takes(plan, tt.new) != tt.takes[i] {
				t.Errorf("%s, delete=%t: %q, takes %t", tt.name, i == 1, got, Takes(plan, tt.new))
			}
		}
	}
}

func person(n byte, uid, address string) *schema.Entry {
	return schema.NewEntry(schema.UUID{n}, "uid="+uid+",dc=x", attr("objectClass", schema.ClassMail), attr("uid", uid), attr(schema.AttrPrimaryAddress, address))
}

func groupOf(n byte, name string, members ...string) *schema.Entry {
	return schema.NewEntry(schema.UUID{n}, "cn="+name+",dc=x", attr("objectClass", schema.ClassGroupOfNames), attr("cn", name), attr("member", members...))
}

func attr(name string, values ...string) schema.Attribute {
	return schema.Attribute{Name: name, Values: values}
}

// TestNesting walks groups in groups, one of them in itself, and members that are named twice or not known.
func TestNesting(t *testing.T) {
	p := newPeople()
	for _, e := range []*schema.Entry{
		person(1, "a", "a@x.test"), person(2, "b", "b@x.test"), person(3, "c", "c@x.test"),
		groupOf(10, "outer", "UID=a , dc=X", "cn=middle,dc=x", "uid=nobody,dc=x"),
		groupOf(11, "middle", "cn=inner,dc=x", "uid=a,dc=x"),
		groupOf(12, "inner", "cn=outer,dc=x", "uid=b,dc=x"),
	} {
		p.put(e.UUID, e)
	}
	everybody := func() (all []string) {
		p.everybody(schema.UUID{10}, func(address string) { all = append(all, address) })
		slices.Sort(all)
		return all
	}
	if got := everybody(); !slices.Equal(got, []string{"a@x.test", "b@x.test"}) {
		t.Errorf("members %q", got)
	}
	posix := schema.NewEntry(schema.UUID{12}, "cn=inner,dc=x", attr("objectClass", schema.ClassGroup), attr("cn", "inner"), attr("memberUid", "C"))
	p.put(posix.UUID, posix)
	p.put(schema.UUID{1}, nil)
	if got := everybody(); !slices.Equal(got, []string{"c@x.test"}) {
		t.Errorf("members %q", got)
	}
}

// TestBinding tells whom rights mean while names change hands.
func TestBinding(t *testing.T) {
	p, f := newPeople(), view("mail1", "")
	put := func(entries ...*schema.Entry) {
		for _, e := range entries {
			p.put(e.UUID, e)
		}
	}
	bound := bindings{}
	step := func(name string, want ...string) {
		t.Helper()
		bound = bind(f, bound, p)
		var got []string
		for _, g := range grants(f, bound, p) {
			got = append(got, fmt.Sprintf("%s %s %s", g.Subject, g.Name, g.Right))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	rights := func(acl ...schema.FolderACL) { f.ACL = acl }
	rights(schema.FolderACL{Identifier: "a@x.test", Right: schema.RightRead}, schema.FolderACL{Identifier: "Sales", Right: schema.RightWrite},
		schema.FolderACL{Identifier: "anyone", Right: schema.RightPost}, schema.FolderACL{Identifier: "authenticated", Right: schema.RightNone})
	step("nobody is there", "anyone  post")
	put(person(1, "a", "a@x.test"), groupOf(10, "SALES"))
	step("they come", "anyone  post", "group SALES write", "user a@x.test read")
	put(person(1, "a", "z@x.test"), groupOf(10, "trade"))
	step("they are renamed", "anyone  post", "group trade write", "user z@x.test read")
	put(person(2, "b", "a@x.test"), groupOf(11, "sales"))
	step("others take the names", "anyone  post", "group trade write", "user z@x.test read")
	p.put(schema.UUID{1}, nil)
	p.put(schema.UUID{10}, nil)
	step("they are gone", "anyone  post")
	rights(schema.FolderACL{Identifier: "a@x.test", Right: schema.RightAll})
	step("the right is given anew", "user a@x.test all")
	put(groupOf(12, "team@x.test"))
	rights(schema.FolderACL{Identifier: "team@x.test", Right: schema.RightRead}, schema.FolderACL{Identifier: "a@x.test", Right: schema.RightNone})
	step("a group like an address", "group team@x.test read")
}

// TestPlainDNs: the short way gives what the long one does.
func TestPlainDNs(t *testing.T) {
	for dn, want := range map[string]bool{
		"uid=A b,dc=x": true, "uid=a, dc=x": false, "uid= a,dc=x": false, "uid=a  b,dc=x": false, `uid=a\,b,dc=x`: false, "uid=a+cn=b,dc=x": false,
		"uid=é,dc=x": false, "": false, "uid=a ": false,
	} {
		if plain(dn) != want {
			t.Errorf("%q: plain is %t", dn, !want)
		}
		if folded, err := schema.ParseDN(dn); want && (err != nil || folded.String() != strings.ToLower(dn)) {
			t.Errorf("%q is folded to %q", dn, folded)
		}
	}
}
