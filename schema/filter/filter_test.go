package filter_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/mailreg/mailreg/schema"
	"github.com/mailreg/mailreg/schema/filter"
)

func TestMatch(t *testing.T) {
	e := schema.NewEntry(schema.UUID{1}, "cn=x",
		schema.Attribute{Name: "objectClass", Values: []string{"top", "univentionHost"}},
		schema.Attribute{Name: "cn", Values: []string{"Mail (1)"}},
		schema.Attribute{Name: "uid", Values: []string{"a*b"}})
	for text, want := range map[string]bool{
		`(cn=mail \281\29)`: true,
		`cn=mail*`:          true,
		`(cn=*ail*1*)`:      true,
		`(cn=*1*ail*)`:      false,
		`(uid=a\2ab)`:       true,
		`(uid=a\2ac)`:       false,
		`(UID=*)`:           true,
		`(sn=*)`:            false,
		`(!(sn=*))`:         true,
		`(&(objectClass=univentionHost)(cn=mail*))`:    true,
		`(&(objectClass=univentionHost)(!(cn=mail*)))`: false,
		`(|(uid=x)(!(uid=y)))`:                         true,
		`(|(uid=x)(uid=y))`:                            false,
		`(&)`:                                          true,
		`(|)`:                                          false,
	} {
		f, err := filter.Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if got := f.Match(e); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
	if (filter.Filter{}).Match(e) {
		t.Error("the zero value matches")
	}
}

// OpenLDAP shows of the classes only those that were written.
func TestClassesOfPeople(t *testing.T) {
	for _, tt := range []struct {
		class, asked string
		want         bool
	}{
		{"inetOrgPerson", "person", true},
		{"inetOrgPerson", "ORGANIZATIONALPERSON", true},
		{"organizationalPerson", "person", true},
		{"residentialPerson", "top", true},
		{"person", "inetOrgPerson", false},
		{"account", "person", false},
	} {
		f, err := filter.Parse("(objectClass=" + tt.asked + ")")
		if err != nil {
			t.Fatal(err)
		}
		e := schema.NewEntry(schema.UUID{1}, "cn=x", schema.Attribute{Name: "objectClass", Values: []string{tt.class}})
		if got := f.Match(e); got != tt.want {
			t.Errorf("%s asked for %s: %v", tt.class, tt.asked, got)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for _, text := range []string{
		"(uid>=x)", "(uid:dn:=x)", "(uid=x", "(&(uid=x)", "(uid=x))", `(uid=\zz)`, `(uid=\2)`, "", "()",
		strings.Repeat("(!", 200) + "(a=b)" + strings.Repeat(")", 200),
	} {
		if f, err := filter.Parse(text); err == nil {
			t.Errorf("%s: read as %+v", text, f)
		}
	}
}

func TestAttributes(t *testing.T) {
	f, err := filter.Parse("(&(objectClass=a)(|(uid=x)(!(objectclass=b)))(cn=*))")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := f.Attributes(), []string{"objectClass", "uid", "cn"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestString(t *testing.T) {
	for text, want := range map[string]string{
		`cn=Mail*`:                        `(cn=Mail*)`,
		`(&(a=*)(|(!(b=x\2ay*\28))(c=)))`: `(&(a=*)(|(!(b=x\2ay*\28))(c=)))`,
		`(&)`:                             `(&)`,
		`( a =b)`:                         `(a=b)`,
	} {
		f, err := filter.Parse(text)
		if err != nil || f.String() != want {
			t.Errorf("%s: %s, %v; want %s", text, f, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`(&(objectClass=a)(!(cn=*b\2a*)))`)
	e := schema.NewEntry(schema.UUID{1}, "cn=x", schema.Attribute{Name: "cn", Values: []string{"ab*"}})
	f.Fuzz(func(t *testing.T, text string) {
		parsed, err := filter.Parse(text)
		if err != nil {
			return
		}
		parsed.Attributes()
		again, err := filter.Parse(parsed.String())
		if err != nil || again.Match(e) != parsed.Match(e) {
			t.Errorf("%q is written as %q, which is another filter: %v", text, parsed, err)
		}
	})
}
