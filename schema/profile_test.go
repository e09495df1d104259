package schema_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mailreg/mailreg/schema"
)

func profile(t *testing.T, name string, overrides map[string]string) schema.Profile {
	t.Helper()
	p, err := schema.NewProfile(name, overrides)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestProfileFilter(t *testing.T) {
	scope := schema.Scope{Base: "dc=example,dc=test", Host: "cn=mail1,dc=example,dc=test"}
	for _, test := range []struct {
		name      string
		overrides map[string]string
		in, want  string
	}{
		{in: scope.Filter(), want: scope.Filter()},
		{name: "ucs", in: scope.Filter(), want: scope.Filter()},
		{
			name: "ad", in: scope.Filter(),
			want: "(|(&(objectClass=user)(!(objectClass=computer)))(objectClass=domainRelatedObject)(objectClass=univentionMailQuota)(objectClass=univentionMailSharedFolder)" +
				"(objectClass=group)(objectClass=groupOfNames)(objectClass=groupOfUniqueNames)(objectClass=organizationalUnit)" +
				"(objectClass=organization)(objectClass=organizationalRole)(objectClass=container)(objectClass=nsContainer)" +
				"(objectClass=builtinDomain)(objectClass=domain)(objectClass=locality)(objectClass=country)(objectClass=dcObject)" +
				"(objectClass=univentionPolicyRegistry)(objectClass=mailregPolicy)" +
				"(distinguishedName=cn=mail1,dc=example,dc=test)(distinguishedName=dc=example,dc=test)(distinguishedName=dc=test))",
		},
		{name: "ad", in: "(&(mailAlternativeAddress=a@x)(!(uid>=b)))", want: "(&(proxyAddresses=smtp:a@x)(!(sAMAccountName>=b)))"},
		{name: "ad", in: "(mailAlternativeAddress=*)", want: "(proxyAddresses=*)"},
		{name: "ad", in: "(univentionMailHomeServer=x)", want: "(univentionMailHomeServer=x)"},
		{
			name: "inetorgperson", overrides: map[string]string{"MAILPRIMARYADDRESS": "mailbox", "univentionMail": "postalPerson"},
			in:   "(&(objectclass=univentionMail)(mailPrimaryAddress=*)(cn:dn:=x))",
			want: "(&(objectclass=postalPerson)(mailbox=*)(associatedDomain:dn:=x))",
		},
		{name: "freeipa", in: "(objectClass=*)", want: "(objectClass=*)"},
	} {
		want := strings.Replace(test.want, "(distinguishedName=dc=test)", "", 1)
		if got := profile(t, test.name, test.overrides).Filter(test.in); got != want {
			t.Errorf("%s: %s gives\n%s, want\n%s", test.name, test.in, got, want)
		}
	}
}

func TestProfileRefuses(t *testing.T) {
	if _, err := schema.NewProfile("exchange", nil); err == nil || !strings.Contains(err.Error(), "ad, freeipa, inetorgperson, ucs") {
		t.Errorf("an unknown profile: %v", err)
	}
	if _, err := schema.NewProfile("ucs", map[string]string{"entryUUID": "uidNumber"}); err == nil {
		t.Error("uidNumber identifies entries")
	}
}

func TestVocabulary(t *testing.T) {
	canonical := []string{
		"objectClass", "uid", "cn", "mailPrimaryAddress", "mailAlternativeAddress", "univentionMailHomeServer",
		"entryUUID", "entryCSN", "createTimestamp",
	}
	uuid, _ := schema.ParseUUID("00112233-4455-6677-8899-aabbccddeeff")
	attr := func(name string, values ...string) schema.Attribute {
		return schema.Attribute{Name: name, Values: values}
	}
	for _, test := range []struct {
		profile  string
		identity schema.Identity
		ask      string
		in, want []schema.Attribute
	}{
		{
			"ad", schema.ObjectGUID, "objectClass sAMAccountName associatedDomain mail proxyAddresses whenCreated objectGUID whenChanged",
			[]schema.Attribute{
				attr("objectClass", "top", "USER", "univentionMail"), attr("mail", "a@x"),
				attr("proxyAddresses", "SMTP:a@x", "smtp:b@x", "x400:c=US", "sip"), attr("whenCreated", "20240102030405.0Z"),
				attr("whenChanged", "20250102030405.0Z"), attr("objectGUID", "\x33\x22\x11\x00\x55\x44\x77\x66\x88\x99\xaa\xbb\xcc\xdd\xee\xff"),
				attr("description", "x"),
			},
			[]schema.Attribute{
				attr("objectclass", "top", "univentionMail"), attr("mailprimaryaddress", "a@x"), attr("mailalternativeaddress", "a@x", "b@x"),
				attr("createtimestamp", "20240102030405.0Z"), attr("entryuuid", uuid.String()),
				attr("entrycsn", "20250102030405.000000Z#000000#000#000000"),
			},
		},
		{
			"ucs", schema.NSUniqueID,
			"objectClass uid cn mailPrimaryAddress mailAlternativeAddress univentionMailHomeServer entryCSN createTimestamp nsUniqueId modifyTimestamp",
			[]schema.Attribute{attr("cn;lang-de", "Ä"), attr("nsuniqueid", "00112233-44556677-8899aabb-ccddeeff"), attr("entryUUID", "x")},
			[]schema.Attribute{attr("cn;lang-de", "Ä"), attr("entryuuid", uuid.String())},
		},
		{
			"ucs", schema.EntryUUID,
			"objectClass uid cn mailPrimaryAddress mailAlternativeAddress univentionMailHomeServer entryCSN createTimestamp entryUUID",
			[]schema.Attribute{attr("entryUUID", uuid.String()), attr("cn", "x")},
			[]schema.Attribute{attr("entryuuid", uuid.String()), attr("cn", "x")},
		},
	} {
		v := profile(t, test.profile, nil).Vocabulary(canonical, test.identity)
		if got := strings.Join(v.Ask, " "); got != test.ask {
			t.Errorf("%s asks for\n%s, want\n%s", test.profile, got, test.ask)
		}
		if got, err := v.UUID(test.in); err != nil || got != uuid {
			t.Errorf("%s: UUID %s, %v", test.profile, got, err)
		}
		want := schema.NewEntry(uuid, "cn=x", test.want...)
		if diff := cmp.Diff(want, v.Entry(uuid, "cn=x", test.in)); diff != "" {
			t.Errorf("%s: entry (-want +got):\n%s", test.profile, diff)
		}
	}
	if _, err := profile(t, "ucs", nil).Vocabulary(canonical, schema.EntryUUID).UUID(nil); err == nil {
		t.Error("an entry without UUID has one")
	}
}

func TestComputersAreNoMailUsers(t *testing.T) {
	words := profile(t, "ad", nil).Vocabulary([]string{"objectClass", "mailPrimaryAddress"}, schema.ObjectGUID)
	entry := words.Entry(schema.UUID{1}, "cn=pc1", []schema.Attribute{
		{Name: "objectclass", Values: []string{"top", "person", "user", "computer"}}, {Name: "mail", Values: []string{"pc1@x"}},
	})
	if schema.IsMailbox(entry) || !entry.HasClass("computer") {
		t.Errorf("a computer is %+v", entry)
	}
}

func TestIdentity(t *testing.T) {
	uuid, _ := schema.ParseUUID("00112233-4455-6677-8899-aabbccddeeff")
	for id, filter := range map[schema.Identity]string{
		schema.EntryUUID:  "(entryUUID=00112233-4455-6677-8899-aabbccddeeff)",
		schema.NSUniqueID: "(nsUniqueId=00112233-44556677-8899aabb-ccddeeff)",
		schema.ObjectGUID: `(objectGUID=\33\22\11\00\55\44\77\66\88\99\aa\bb\cc\dd\ee\ff)`,
	} {
		if got := id.Filter(uuid); got != filter {
			t.Errorf("filter %s, want %s", got, filter)
		}
		if back, err := id.Parse(id.Value(uuid)); err != nil || back != uuid {
			t.Errorf("%s: back comes %s, %v", id, back, err)
		}
		if named, err := schema.ParseIdentity(strings.ToUpper(string(id))); err != nil || named != id {
			t.Errorf("%s: %s, %v", id, named, err)
		}
	}
	for _, bad := range []string{"", "00112233-4455-6677-8899-aabbccddeeff", "0011223g-44556677-8899aabb-ccddeeff"} {
		for _, id := range []schema.Identity{schema.NSUniqueID, schema.ObjectGUID} {
			if got, err := id.Parse(bad); err == nil {
				t.Errorf("%s %q gives %s", id, bad, got)
			}
		}
	}
}

func TestEveryProfileAsksForEveryView(t *testing.T) {
	for _, name := range []string{"ucs", "inetorgperson", "freeipa", "ad"} {
		p := profile(t, name, nil)
		ask := p.Attributes(schema.Attributes(), p.Identity())
		for _, attr := range []string{"objectClass", schema.AttrPrimaryAddress, schema.AttrAlternativeAddress, "cn", "uid"} {
			if !slices.Contains(ask, p.Attribute(attr)) {
				t.Errorf("%s does not ask for %s", name, attr)
			}
		}
	}
}
