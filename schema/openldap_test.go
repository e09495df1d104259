package schema_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mailreg/mailreg/schema"
)

// definitions returns what follows each keyword, with white space made single and comments dropped.
func definitions(text, attribute, class string) []string {
	text = regexp.MustCompile(`(?m)^#.*\n`).ReplaceAllString(text, "")
	text = strings.ReplaceAll(text, "\n ", "")
	var all []string
	for _, part := range regexp.MustCompile(`(?m)^(`+attribute+`|`+class+`) `).Split(text, -1)[1:] {
		all = append(all, strings.Join(strings.Fields(part), " "))
	}
	return all
}

func TestSchemaFormsAgree(t *testing.T) {
	conf := definitions(schema.OpenLDAPSchema, "attributetype", "objectclass")
	ldif := definitions(schema.OpenLDAPSchemaLDIF, "olcAttributeTypes:", "olcObjectClasses:")
	if len(conf) < 40 {
		t.Errorf("the schema has %d definitions, want at least 40", len(conf))
	}
	if diff := cmp.Diff(conf, ldif); diff != "" {
		t.Errorf("mailreg.schema and mailreg.ldif differ (-schema +ldif):\n%s", diff)
	}
	ds389 := definitions(schema.DS389Schema, "attributeTypes:", "objectClasses:")
	if diff := cmp.Diff(conf, ds389); diff != "" {
		t.Errorf("mailreg.schema and 98mailreg.ldif differ (-schema +ldif):\n%s", diff)
	}
}

func TestOpenLDAPSchemaHasWhatViewsRead(t *testing.T) {
	for _, name := range []string{
		schema.AttrPrimaryAddress, schema.AttrAlternativeAddress, schema.AttrHomeServer,
		schema.ClassMail, schema.ClassMailDomain, schema.ClassPolicyRegistry, schema.ClassPolicy,
		schema.AttrPolicyReference, schema.AttrRegistry, schema.AttrVariable, schema.AttrRequiredClasses, schema.AttrProhibitedClasses,
		schema.AttrFixed, schema.AttrEmpty, schema.AttrPolicyFilter,
	} {
		if !strings.Contains(schema.OpenLDAPSchema, "NAME '"+name+"'") {
			t.Errorf("the schema does not define %s", name)
		}
	}
}

func TestOpenLDAPOIDsAreUnique(t *testing.T) {
	seen := map[string]bool{}
	for _, oid := range regexp.MustCompile(`\( (1\.[0-9.]+) NAME`).FindAllStringSubmatch(schema.OpenLDAPSchema, -1) {
		if seen[oid[1]] {
			t.Errorf("OID %s is used twice", oid[1])
		}
		seen[oid[1]] = true
	}
}
