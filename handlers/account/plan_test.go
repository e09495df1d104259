package account

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mailreg/mailreg/schema"
)

var clock = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

const host = "mail1.x.test"

// entry returns a mail user by name, address and further attributes.
func entry(n int, uid, mail string, more ...string) *schema.Entry {
	attrs := []schema.Attribute{
		{Name: "objectClass", Values: []string{schema.ClassMail}},
		{Name: "uid", Values: []string{uid}},
		{Name: schema.AttrPrimaryAddress, Values: []string{mail}},
	}
	for i := 0; i < len(more); i += 2 {
		attrs = append(attrs, schema.Attribute{Name: more[i], Values: []string{more[i+1]}})
	}
	return schema.NewEntry(schema.UUID{byte(n)}, "uid="+uid, attrs...)
}

func TestPlan(t *testing.T) {
	s := Settings{Host: host, Lockout: 30 * time.Minute}
	anna := entry(1, "Anna", "anna@x.test", "mailAlternativeAddress", "a@x.test")
	closed := entry(1, "Anna", "anna@x.test", "shadowExpire", "1")
	elsewhere := entry(1, "Anna", "anna@x.test", schema.AttrHomeServer, "mail2.x.test")
	all, few := []string{"a@x.test", "anna", "anna@x.test"}, []string{"anna", "anna@x.test"}
	logins, primary := []string{"anna@x.test", "anna"}, []string{"anna@x.test"}
	for _, tt := range []struct {
		name     string
		old, new *schema.Entry
		want     Plan
	}{
		{"added", nil, anna, Plan{Flush: all}},
		{"added as disabled", nil, closed, Plan{Access: schema.Disabled, Block: logins, Flush: few, Kick: primary, Ends: true}},
		{"again", anna, anna, Plan{Flush: all}},
		{"disabled", anna, closed, Plan{Access: schema.Disabled, Block: logins, Flush: all, Kick: primary, Ends: true}},
		{"enabled", closed, anna, Plan{Flush: all}},
		{"gone", anna, nil, Plan{Flush: all, Kick: primary, Ends: true}},
		{"came and went", nil, nil, Plan{}},
		{"to another host", anna, elsewhere, Plan{Flush: all, Kick: primary, Ends: true}},
		{"elsewhere", elsewhere, elsewhere, Plan{}},
		{"elsewhere and disabled", nil, entry(1, "anna", "anna@x.test", schema.AttrHomeServer, "mail2.x.test", "shadowExpire", "1"), Plan{}},
		{"to this host", elsewhere, anna, Plan{Flush: all}},
		{
			"another address", anna, entry(1, "anna", "maria@x.test"),
			Plan{Flush: []string{"a@x.test", "anna", "anna@x.test", "maria@x.test"}},
		},
		{
			"another address and disabled", anna, entry(1, "anna", "maria@x.test", "shadowExpire", "1"),
			Plan{
				Access: schema.Disabled, Block: []string{"maria@x.test", "anna"}, Flush: []string{"a@x.test", "anna", "anna@x.test", "maria@x.test"},
				Kick: []string{"anna@x.test", "maria@x.test"}, Ends: true,
			},
		},
		{"another password", anna, entry(1, "anna", "anna@x.test", "pwdChangedTime", "20261124120000Z"), Plan{Flush: all, Kick: primary}},
		{"expires later", anna, entry(1, "anna", "anna@x.test", "krb5ValidEnd", "20261124120001Z"), Plan{Flush: all}},
		{
			"disabled with an address that is none", anna, entry(1, "anna", "an/na@x.test", "shadowExpire", "1"),
			Plan{
				Access: schema.Disabled, Block: []string{"anna", "an/na@x.test"}, Flush: []string{"a@x.test", "an/na@x.test", "anna", "anna@x.test"},
				Kick: primary, Ends: true,
			},
		},
		{
			"a name that would be two lines, or a comment", nil, entry(1, "x\nroot", "#anna@x.test", "shadowExpire", "1"),
			Plan{
				Access: schema.Disabled, Block: []string{}, Flush: []string{"#anna@x.test", "x\nroot", "x\nroot@x.test"},
				Kick: []string{"#anna@x.test"}, Ends: true,
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			old, _ := parse(tt.old, s)
			new, _ := parse(tt.new, s)
			if diff := cmp.Diff(tt.want, NewPlan(old, new, s, clock)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestBlockAllNames proves that whoever has several names is kept out by each of them.
func TestBlockAllNames(t *testing.T) {
	e := schema.NewEntry(
		schema.UUID{1}, "uid=anna",
		schema.Attribute{Name: "objectClass", Values: []string{schema.ClassMail}},
		schema.Attribute{Name: "uid", Values: []string{"anna", "Anna2"}},
		schema.Attribute{Name: schema.AttrPrimaryAddress, Values: []string{"anna@x.test", "A.Anna@x.test"}},
		schema.Attribute{Name: "shadowExpire", Values: []string{"1"}},
	)
	s := Settings{Host: host}
	u, err := parse(e, s)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"anna@x.test", "anna", "anna2", "a.anna@x.test"}
	if diff := cmp.Diff(want, NewPlan(nil, u, s, clock).Block); diff != "" {
		t.Error(diff)
	}
}
