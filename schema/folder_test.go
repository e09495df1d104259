package schema_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mailreg/mailreg/schema"
)

func attribute(name string, values ...string) schema.Attribute {
	return schema.Attribute{Name: name, Values: values}
}

func folderEntry(cn string, more ...schema.Attribute) *schema.Entry {
	attrs := append([]schema.Attribute{attribute("objectClass", schema.ClassSharedFolder), attribute("cn", cn)}, more...)
	return schema.NewEntry(schema.UUID{1}, "cn="+cn, attrs...)
}

func TestSharedFolder(t *testing.T) {
	e := folderEntry("Büro: Ost@South@Example.TEST",
		attribute(schema.AttrPrimaryAddress, "Buero@Example.test"), attribute(schema.AttrHomeServer, "Mail1.example.test"),
		attribute(schema.AttrUserQuota, "10"),
		attribute(schema.AttrFolderACL, "U1@Example.test read", "Domain Users write", "ANYONE none", "group@with blank all",
			"twice read", "twice append", "nothing", "odd word", "a,b read", " read"))
	got, err := schema.ParseSharedFolder(e)
	if err != nil || !schema.IsSharedFolder(e) {
		t.Fatal(err)
	}
	want := schema.SharedFolder{
		UUID: schema.UUID{1}, DN: "cn=Büro: Ost@South@Example.TEST", Name: "Büro: Ost@South", Domain: "example.test",
		Primary: schema.Address{Local: "buero", Domain: "example.test"}, HomeServer: "mail1.example.test", Quota: 10,
		ACL: []schema.FolderACL{
			{Identifier: "Domain Users", Right: schema.RightWrite},
			{Identifier: "anyone", Right: schema.RightNone},
			{Identifier: "group@with blank", Right: schema.RightAll},
			{Identifier: "twice", Right: schema.RightRead},
			{Identifier: "u1@example.test", Right: schema.RightRead},
		},
		Faults: []string{
			`univentionMailACL "twice append": contradicts another value: the lesser right counts`,
			`univentionMailACL "nothing": has no blank before a right`,
			`univentionMailACL "odd word": ends in no right`,
			`univentionMailACL "a,b read": character ',' is not allowed`,
			`univentionMailACL " read": the name of a group must have 1 to 256 bytes without blanks at its ends`,
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("view (-want +got):\n%s", diff)
	}
}

func TestHostileFolders(t *testing.T) {
	for _, cn := range []string{
		"", "team", "@x.test", "a@", "a@x/../y", "../../etc@x.test", "..@x.test", ".@x.test", "a/b@x.test", "*@x.test", "a?@x.test", "%u@x.test", `a\@x.test`,
		"a\nb@x.test", "a\x00@x.test", "a\u0085@x.test", " a@x.test", "a @x.test", "a\xff@x.test", strings.Repeat("a", 129) + "@x.test",
	} {
		if f, err := schema.ParseSharedFolder(folderEntry(cn)); !errors.Is(err, schema.ErrInvalid) {
			t.Errorf("cn %q: %+v, %v", cn, f, err)
		}
	}
	for _, bad := range []schema.Attribute{
		attribute(schema.AttrPrimaryAddress, "../x@x.test"), attribute(schema.AttrHomeServer, "a b"),
	} {
		if _, err := schema.ParseSharedFolder(folderEntry("a@x.test", bad)); !errors.Is(err, schema.ErrInvalid) {
			t.Errorf("%s: %v", bad.Name, err)
		}
	}
	for quota, want := range map[string]int64{"": 0, " 7 ": 7, "-1": 0, "many": 0, "99999999999": 0} {
		f, err := schema.ParseSharedFolder(folderEntry("a@x.test", attribute(schema.AttrUserQuota, quota)))
		if err != nil || f.Quota != want || (len(f.Faults) > 0) != (want == 0 && quota != "") {
			t.Errorf("quota %q: %+v, %v", quota, f, err)
		}
	}
}

func FuzzSharedFolder(f *testing.F) {
	f.Add("Team@x.test", "a@x.test read")
	f.Add("../../@x.test", "a\"\n read")
	f.Fuzz(func(t *testing.T, cn, acl string) {
		view, err := schema.ParseSharedFolder(folderEntry(cn, attribute(schema.AttrFolderACL, acl)))
		if err != nil {
			return
		}
		for _, text := range append([]string{view.FullName()}, identifiers(view)...) {
			if strings.ContainsAny(text, "\x00\r\n\t") || text == "" {
				t.Errorf("%q passed", text)
			}
		}
		if strings.ContainsAny(view.FullName(), `/*?%\`) {
			t.Errorf("name %q passed", view.FullName())
		}
	})
}

func identifiers(f schema.SharedFolder) (all []string) {
	for _, a := range f.ACL {
		all = append(all, a.Identifier)
	}
	return all
}

func TestGroup(t *testing.T) {
	e := schema.NewEntry(schema.UUID{2}, "cn=G", attribute("objectClass", "groupOfNames", "posixGroup"), attribute("commonName", "Domain Users"),
		attribute("member", "uid=a"), attribute("uniqueMember", "uid=b", "cn=H"), attribute("memberUid", "A", "c"),
		attribute(schema.AttrPrimaryAddress, "G@x.test"))
	got, err := schema.ParseGroup(e)
	if err != nil || !schema.IsGroup(e) || schema.IsGroup(folderEntry("a@x.test")) {
		t.Fatal(err)
	}
	want := schema.Group{
		UUID: schema.UUID{2}, DN: "cn=G", Name: "Domain Users", Mail: "G@x.test",
		Members: []string{"uid=b", "cn=H", "uid=a"}, UIDs: []string{"a", "c"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("view (-want +got):\n%s", diff)
	}
	if a, err := got.Primary(); err != nil || a.String() != "g@x.test" {
		t.Errorf("address %v, %v", a, err)
	}
	for _, cn := range []string{"", " a", "a,b", "a\nb", strings.Repeat("a", 257), "\xff"} {
		bad := schema.NewEntry(schema.UUID{2}, "cn=G", attribute("objectClass", "posixGroup"), attribute("cn", cn))
		if _, err := schema.ParseGroup(bad); !errors.Is(err, schema.ErrInvalid) {
			t.Errorf("cn %q: %v", cn, err)
		}
	}
}

// TestGroupsOfProfiles reads groups and folders in the words of each directory.
func TestGroupsOfProfiles(t *testing.T) {
	for name, class := range map[string]string{"ucs": "posixGroup", "inetorgperson": "posixGroup", "freeipa": "groupOfNames", "ad": "group"} {
		p := profile(t, name, nil)
		words := p.Vocabulary(schema.Attributes(), p.Identity())
		for _, ask := range []string{"cn", "member", "uniqueMember", "memberUid", "univentionMailACL"} {
			if !slices.Contains(words.Ask, ask) {
				t.Errorf("%s does not ask for %s", name, ask)
			}
		}
		if slices.Contains(words.Ask, schema.AttrCommonName) {
			t.Errorf("%s asks for an attribute twice", name)
		}
		e := words.Entry(schema.UUID{1}, "cn=G", []schema.Attribute{attribute("objectClass", class), attribute("cn", "G"), attribute("member", "uid=a")})
		if g, err := schema.ParseGroup(e); err != nil || !schema.IsGroup(e) || g.Name != "G" || !slices.Equal(g.Members, []string{"uid=a"}) {
			t.Errorf("%s: %+v, %v", name, g, err)
		}
	}
}
