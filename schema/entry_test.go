package schema_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mailreg/mailreg/schema"
)

func entry(dn string, attrs ...schema.Attribute) *schema.Entry {
	return schema.NewEntry(schema.UUID{1}, dn, attrs...)
}

func attr(name string, values ...string) schema.Attribute {
	return schema.Attribute{Name: name, Values: values}
}

func TestUUID(t *testing.T) {
	const printed = "d149b88d-0c1f-41aa-9d3e-00112233aabb"
	u, err := schema.ParseUUID(strings.ToUpper(printed))
	if err != nil || u.String() != printed {
		t.Fatalf("ParseUUID = %v, %v; want %s", u, err, printed)
	}
	var back schema.UUID
	text, _ := u.MarshalText()
	if err := back.UnmarshalText(text); err != nil || back != u {
		t.Errorf("UnmarshalText(%s) = %v, %v", text, back, err)
	}
	for _, bad := range []string{"", "d149b88d", printed + "0", strings.Replace(printed, "-", "0", 1), "g" + printed[1:]} {
		if _, err := schema.ParseUUID(bad); err == nil {
			t.Errorf("ParseUUID(%q) accepted it", bad)
		}
	}
}

func TestEntryNamesHaveNoCase(t *testing.T) {
	e := entry("uid=a", attr("uid", "a"), attr("objectClass", "top"), attr("OBJECTCLASS", "univentionMail"), attr("empty"))
	want := []schema.Attribute{attr("objectclass", "top", "univentionMail"), attr("uid", "a")}
	if diff := cmp.Diff(want, e.Attrs); diff != "" {
		t.Errorf("attributes (-want +got):\n%s", diff)
	}
	if !e.HasClass("UniventionMAIL") || e.HasClass("person") || e.First("UID") != "a" || e.First("empty") != "" {
		t.Errorf("lookup failed in %v", e.Attrs)
	}
}

func TestEntryEqual(t *testing.T) {
	a := entry("uid=a", attr("uid", "a"))
	for _, tc := range []struct {
		other *schema.Entry
		want  bool
	}{
		{entry("uid=a", attr("UID", "a")), true},
		{entry("uid=b", attr("uid", "a")), false},
		{entry("uid=a", attr("uid", "a", "b")), false},
		{schema.NewEntry(schema.UUID{2}, "uid=a", attr("uid", "a")), false},
		{nil, false},
	} {
		if got := a.Equal(tc.other); got != tc.want {
			t.Errorf("Equal(%v) = %v", tc.other, got)
		}
	}
}

func TestParseMailbox(t *testing.T) {
	e := entry("uid=a", attr("objectClass", "univentionMail"), attr("uid", "Alice"), attr("mailPrimaryAddress", "A@X.test"),
		attr("mailAlternativeAddress", "B@x.test", "c@x.test"), attr("univentionMailHomeServer", "Mail1.X.test"))
	got, err := schema.ParseMailbox(e)
	want := schema.Mailbox{
		UUID: e.UUID, DN: "uid=a", Primary: schema.Address{Local: "a", Domain: "x.test"},
		Aliases: []string{"b@x.test", "c@x.test"}, HomeServer: "mail1.x.test", Login: "alice",
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("ParseMailbox: %v (-want +got):\n%s", err, diff)
	}
}

func TestParseMailboxNamesWhatIsWrong(t *testing.T) {
	for attribute, value := range map[string]string{"mailPrimaryAddress": "../x@d", "univentionMailHomeServer": "a b"} {
		_, err := schema.ParseMailbox(entry("uid=a,ou=people", attr(attribute, value)))
		if !errors.Is(err, schema.ErrInvalid) {
			t.Fatalf("%s=%q: %v, want ErrInvalid", attribute, value, err)
		}
		for _, part := range []string{"uid=a,ou=people", attribute, value} {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%q does not name %q", err, part)
			}
		}
		if strings.Contains(err.Error(), "\n") {
			t.Errorf("%q is more than one line", err)
		}
	}
}

func TestParseDomain(t *testing.T) {
	got, err := schema.ParseDomain(entry("cn=x", attr("objectClass", "univentionMailDomainname"), attr("cn", "Example.TEST.")))
	if err != nil || got.Name != "example.test" {
		t.Errorf("ParseDomain = %v, %v", got, err)
	}
	if _, err := schema.ParseDomain(entry("cn=x", attr("cn", "a b"))); !errors.Is(err, schema.ErrInvalid) {
		t.Errorf("ParseDomain accepted a blank: %v", err)
	}
}
