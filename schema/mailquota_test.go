package schema_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/mailreg/mailreg/schema"
)

func TestParseQuota(t *testing.T) {
	for text, want := range map[string]int64{"0": 0, "5": 5, "007": 7, "999999999": 999999999} {
		if got, err := schema.ParseQuota(text); got != want || err != nil {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", " 5", "-1", "5M", "1000000000", "٣", "5\n", "0x1"} {
		if got, err := schema.ParseQuota(text); !errors.Is(err, schema.ErrInvalid) {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
}

// TestQuotaPolicies is the table of whose policy counts.
func TestQuotaPolicies(t *testing.T) {
	entry := func(dn string, attrs ...string) *schema.Entry {
		var list []schema.Attribute
		for i := 0; i < len(attrs); i += 2 {
			list = append(list, schema.Attribute{Name: attrs[i], Values: []string{attrs[i+1]}})
		}
		return schema.NewEntry(schema.UUID{}, dn, list...)
	}
	policy := func(name string, attrs ...string) *schema.Entry {
		return entry("cn="+name+",cn=policies,dc=x", append([]string{"objectClass", schema.ClassPolicyQuota}, attrs...)...)
	}
	folder := func(dn, name string) *schema.Entry {
		return entry(dn, "objectClass", "organizationalUnit", schema.AttrPolicyReference, "CN="+name+", cn=policies,dc=x")
	}
	five, ten := policy("five", schema.AttrPolicyQuota, "5"), policy("ten", schema.AttrPolicyQuota, "10")
	for _, tt := range []struct {
		name    string
		user    string // the policy that the user refers to
		entries []*schema.Entry
		want    int64 // -1 is none
	}{
		{"none", "", []*schema.Entry{five}, -1},
		{"at the user", "five", []*schema.Entry{five}, 5},
		{"above", "", []*schema.Entry{ten, folder("dc=x", "ten")}, 10},
		{"the nearest", "", []*schema.Entry{five, ten, folder("dc=x", "ten"), folder("ou=a,dc=x", "five")}, 5},
		{"the user's own before", "ten", []*schema.Entry{five, ten, folder("ou=a,dc=x", "five")}, 10},
		{"beside", "", []*schema.Entry{ten, folder("ou=b,dc=x", "ten")}, -1},
		{"fixed above", "five", []*schema.Entry{five, policy("ten", schema.AttrPolicyQuota, "10", schema.AttrFixed, "univentionmailquotamb"), folder("dc=x", "ten")}, 10},
		{"emptied", "e", []*schema.Entry{policy("e", schema.AttrEmpty, schema.AttrPolicyQuota), ten, folder("dc=x", "ten")}, -1},
		{"no number", "bad", []*schema.Entry{policy("bad", schema.AttrPolicyQuota, "5M"), ten, folder("dc=x", "ten")}, 10},
		{"required class", "r", []*schema.Entry{policy("r", schema.AttrPolicyQuota, "5", schema.AttrRequiredClasses, "person"), ten, folder("dc=x", "ten")}, 5},
		{"required class missing", "r", []*schema.Entry{policy("r", schema.AttrPolicyQuota, "5", schema.AttrRequiredClasses, "x"), ten, folder("dc=x", "ten")}, 10},
		{"prohibited class", "r", []*schema.Entry{policy("r", schema.AttrPolicyQuota, "5", schema.AttrProhibitedClasses, "person")}, -1},
		{"for hosts", "r", []*schema.Entry{policy("r", schema.AttrPolicyQuota, "5", schema.AttrPolicyFilter, "(cn=*)")}, -1},
		{"unlimited", "z", []*schema.Entry{policy("z", schema.AttrPolicyQuota, "0"), ten, folder("dc=x", "ten")}, 0},
		{"gone", "five", nil, -1},
	} {
		attrs := []string{"objectClass", "person"}
		if tt.user != "" {
			attrs = append(attrs, schema.AttrPolicyReference, "cn="+tt.user+",cn=policies,dc=x")
		}
		got, found := schema.NewQuotaPolicies(slices.Values(tt.entries)).Of(entry("uid=u,ou=a,dc=x", attrs...))
		if found != (tt.want >= 0) || found && got != tt.want {
			t.Errorf("%s: %d, %v", tt.name, got, found)
		}
	}
}
