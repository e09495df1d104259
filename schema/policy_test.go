package schema_test

import (
	"encoding/hex"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mailreg/mailreg/schema"
)

// option is the attribute that gives a key a value in a policy of UCS.
func option(key string) string {
	return "univentionRegistry;entry-hex-" + hex.EncodeToString([]byte(key))
}

func TestParsePolicy(t *testing.T) {
	attr := func(name string, values ...string) schema.Attribute {
		return schema.Attribute{Name: name, Values: values}
	}
	for _, tt := range []struct {
		name  string
		attrs []schema.Attribute
		want  schema.Policy
	}{
		{"of UCS", []schema.Attribute{
			attr(option("mail/a"), "1"), attr(option("mail/B c"), "x\n@!@print(1)@!@ "), attr("univentionRegistry", "of no key"),
			attr("fixedAttributes", option("mail/a"), "UNIVENTIONREGISTRY;ENTRY-HEX-6D", "cn"), attr("emptyAttributes", option("mail/z")),
			attr("requiredObjectClasses", "univentionHost"), attr("prohibitedObjectClasses", "x"), attr("ldapFilter", "(cn=a)"),
		}, schema.Policy{
			Values: map[string]string{"mail/a": "1", "mail/B c": "x\n@!@print(1)@!@ "},
			Fixed:  []string{"m", "mail/a"}, Empty: []string{"mail/z"},
			Required: []string{"univentionHost"}, Prohibited: []string{"x"}, Filter: "(cn=a)",
		}},
		{"the last value counts", []schema.Attribute{attr(option("a"), "1", "2")}, schema.Policy{Values: map[string]string{"a": "2"}}},
		{"of ours", []schema.Attribute{
			attr("mailregVariable", "mail/a=b=c", "mail/d=", "mail/e=\nf"), attr("fixedAttributes", "mailregvariable"), attr("emptyAttributes", "mailregVariable"),
		}, schema.Policy{
			Values: map[string]string{"mail/a": "b=c", "mail/d": "", "mail/e": "\nf"}, Fixed: []string{"mail/a", "mail/d", "mail/e"},
		}},
		{"unclear", []schema.Attribute{attr("mailregVariable", "a=1", "a=2", "b=1", "a=3"), attr(option("b"), "1")}, schema.Policy{
			Values: map[string]string{"a": "3", "b": "1"}, Unclear: []string{"a"},
		}},
		{"faults", []schema.Attribute{attr("mailregVariable", "a"), attr("univentionRegistry;entry-hex-6z", "1")}, schema.Policy{
			Values: map[string]string{},
			Faults: []string{
				"univentionregistry;entry-hex-6z names no key: encoding/hex: invalid byte: U+007A 'z'", "mailregVariable has a value without =",
			},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.want.UUID, tt.want.DN = schema.UUID{1}, "cn=p"
			got := schema.ParsePolicy(schema.NewEntry(schema.UUID{1}, "cn=p", tt.attrs...))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestScope(t *testing.T) {
	s := schema.Scope{Base: "dc=e,dc=t", Host: "cn=m(1),cn=hosts,dc=e,dc=t"}
	want := `(|(objectClass=univentionMail)(objectClass=univentionMailDomainname)(objectClass=univentionMailQuota)(objectClass=univentionMailSharedFolder)` +
		`(objectClass=posixGroup)(objectClass=groupOfNames)(objectClass=groupOfUniqueNames)(objectClass=organizationalUnit)` +
		`(objectClass=organization)(objectClass=organizationalRole)(objectClass=container)(objectClass=nsContainer)` +
		`(objectClass=builtinDomain)(objectClass=domain)(objectClass=locality)(objectClass=country)(objectClass=dcObject)` +
		`(objectClass=univentionPolicyRegistry)(objectClass=mailregPolicy)` +
		`(entryDN=cn=m\281\29,cn=hosts,dc=e,dc=t)(entryDN=cn=hosts,dc=e,dc=t)(entryDN=dc=e,dc=t))`
	if got := s.Filter(); got != want {
		t.Errorf("filter %s", got)
	}
	class := func(dn, class string) *schema.Entry {
		return schema.NewEntry(schema.UUID{}, dn, schema.Attribute{Name: "objectClass", Values: []string{class}})
	}
	for _, tt := range []struct {
		entry       *schema.Entry
		host, alone bool
	}{
		{class("uid=a,dc=e,dc=t", "UNIVENTIONMAIL"), true, true},
		{class("cn=p,dc=e,dc=t", "univentionPolicyRegistry"), true, false},
		{class("cn=p,dc=e,dc=t", "mailregPolicy"), true, false},
		{class("cn=p,dc=e,dc=t", "univentionPolicyDesktop"), false, false},
		{class("CN=Hosts, dc=e,dc=t", "x"), true, false},
		{class("dc=e,dc=t", "x"), true, false},
		{class("cn=other,dc=e,dc=t", "x"), false, false},
		{class("ou=hosts,dc=e,dc=t", "x"), false, false},
		{class("ou=people,dc=e,dc=t", "ORGANIZATIONALUNIT"), true, true},
	} {
		if s.Selects(tt.entry) != tt.host || (schema.Scope{Base: s.Base}).Selects(tt.entry) != tt.alone {
			t.Errorf("%s: selected %t, without a host %t", tt.entry.DN, s.Selects(tt.entry), schema.Scope{Base: s.Base}.Selects(tt.entry))
		}
	}
}
