package policy

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mailreg/mailreg/schema"
)

const (
	base = "dc=e,dc=t"
	site = "cn=site," + base
	host = "cn=mail1," + site
)

var scope = schema.Scope{Base: base, Host: host}

// entry returns an entry; words are attributes as name=value. Entries with one DN have one UUID.
func entry(dn string, words ...string) *schema.Entry {
	var uuid schema.UUID
	copy(uuid[:], dn)
	var attrs []schema.Attribute
	for _, word := range words {
		for i := range word {
			if word[i] == '=' {
				attrs = append(attrs, schema.Attribute{Name: word[:i], Values: []string{word[i+1:]}})
				break
			}
		}
	}
	return schema.NewEntry(uuid, dn, attrs...)
}

// policy returns a policy of UCS: KEY=VALUE words become options, others are attributes as they stand when they begin
// with a colon.
func policy(name string, words ...string) *schema.Entry {
	all := []string{"objectClass=univentionPolicyRegistry"}
	for _, word := range words {
		if word[0] == ':' {
			all = append(all, word[1:])
			continue
		}
		for i := range word {
			if word[i] == '=' {
				all = append(all, option(word[:i])+word[i:])
				break
			}
		}
	}
	return entry("cn="+name+",cn=policies,"+base, all...)
}

func option(key string) string {
	return "univentionRegistry;entry-hex-" + hex.EncodeToString([]byte(key))
}

// refers returns an entry that assigns policies.
func refers(dn string, names ...string) *schema.Entry {
	words := []string{"objectClass=univentionHost", "cn=x"}
	for _, name := range names {
		words = append(words, "univentionPolicyReference=CN="+name+", cn=policies,"+base)
	}
	return entry(dn, words...)
}

func TestPlan(t *testing.T) {
	for _, tt := range []struct {
		name      string
		entries   []*schema.Entry
		want      map[string]string
		undecided []string
		faults    []string
	}{
		{name: "nothing"},
		{name: "nobody refers to it", entries: []*schema.Entry{policy("p", "a=1"), refers(host)}},
		{name: "at the base", entries: []*schema.Entry{policy("p", "a=1", "b=x\ny"), refers(base, "p")}, want: map[string]string{"a": "1", "b": "x\ny"}},
		{
			name:    "the nearest wins, key by key",
			entries: []*schema.Entry{policy("p", "a=1", "b=1"), policy("q", "b=2", "c=2"), policy("r", "c=3"), refers(base, "p"), refers(site, "q"), refers(host, "r")},
			want:    map[string]string{"a": "1", "b": "2", "c": "3"},
		},
		{
			name:    "of two at one entry the first DN wins, whatever the order",
			entries: []*schema.Entry{policy("q", "a=2"), policy("p", "a=1"), refers(site, "q", "p")},
			want:    map[string]string{"a": "1"},
		},
		{
			name:    "fixed farther away",
			entries: []*schema.Entry{policy("p", "a=1", "b=1", ":fixedAttributes="+option("a")), policy("q", "a=2", "b=2"), refers(base, "p"), refers(host, "q")},
			want:    map[string]string{"a": "1", "b": "2"},
		},
		{
			name: "the farthest that is fixed wins, the first of one entry",
			entries: []*schema.Entry{
				policy("p", "a=1", ":fixedAttributes="+option("a")), policy("p2", "a=12", ":fixedAttributes="+option("a")),
				policy("q", "a=2", ":fixedAttributes="+option("a")), refers(base, "p2", "p"), refers(site, "q"),
			},
			want: map[string]string{"a": "1"},
		},
		{
			name:    "empty nearer",
			entries: []*schema.Entry{policy("p", "a=1", "b=1"), policy("q", ":emptyAttributes="+option("a")), refers(base, "p"), refers(host, "q")},
			want:    map[string]string{"b": "1"},
		},
		{
			name:    "empty and fixed farther away",
			entries: []*schema.Entry{policy("p", ":emptyAttributes="+option("a"), ":fixedAttributes="+option("a")), policy("q", "a=1"), refers(base, "p"), refers(host, "q")},
		},
		{
			name: "for other hosts",
			entries: []*schema.Entry{
				policy("p", "a=1", ":requiredObjectClasses=univentionClient"), policy("q", "b=1", ":prohibitedObjectClasses=UNIVENTIONHOST"),
				policy("r", "c=1", ":requiredObjectClasses=univentionhost"), policy("s", "d=1", ":ldapFilter=(cn=y)"), policy("u", "e=1", ":ldapFilter=(cn=x)"),
				refers(host, "p", "q", "r", "s", "u"),
			},
			want: map[string]string{"c": "1", "e": "1"},
		},
		{
			name:    "a condition that cannot be judged",
			entries: []*schema.Entry{policy("p", "a=1", ":ldapFilter=(sn=y)"), policy("q", "a=2"), refers(host, "p"), refers(base, "q")}, undecided: []string{"a"},
			faults: []string{"cn=p,cn=policies,dc=e,dc=t: it is not known whether it is for this host: ldapFilter (sn=y): mailreg does not follow the attribute sn"},
		},
		{
			name: "of two that were called alike the younger is",
			entries: []*schema.Entry{
				schema.NewEntry(schema.UUID{2}, policy("p").DN, append(policy("p", "a=1").Attrs, schema.Attribute{Name: "createTimestamp", Values: []string{"20260101000000Z"}})...),
				schema.NewEntry(schema.UUID{1}, policy("p").DN, append(policy("p", "a=2").Attrs, schema.Attribute{Name: "createTimestamp", Values: []string{"20260102000000Z"}})...),
				refers(base, "p"),
			},
			want: map[string]string{"a": "2"},
		},
		{
			name: "of ours",
			entries: []*schema.Entry{
				entry("cn=p,cn=policies,"+base, "objectClass=mailregPolicy", "mailregVariable=a=1", "mailregVariable=a=2", "mailregVariable=b=1", "mailregVariable=c"),
				refers(host, "p"),
			},
			want: map[string]string{"b": "1"}, undecided: []string{"a"},
			faults: []string{"cn=p,cn=policies,dc=e,dc=t: a has several values", "cn=p,cn=policies,dc=e,dc=t: mailregVariable has a value without ="},
		},
		{name: "above the base", entries: []*schema.Entry{policy("p", "a=1"), refers("dc=t", "p"), refers("cn=x,"+base, "p")}},
		{name: "references that lead nowhere", entries: []*schema.Entry{policy("p", "a=1"), refers(host, "x", ",", "p")}, want: map[string]string{"a": "1"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for range 3 {
				rand.Shuffle(len(tt.entries), func(i, j int) { tt.entries[i], tt.entries[j] = tt.entries[j], tt.entries[i] })
				plan := Make(scope.Levels(), withLevels(tt.entries))
				if tt.want == nil {
					tt.want = map[string]string{}
				}
				var undecided, faults []string
				for key := range plan.Undecided {
					undecided = append(undecided, key)
				}
				for _, fault := range plan.Faults {
					faults = append(faults, fault.DN+": "+fault.Text)
				}
				got := fmt.Sprint(undecided, faults)
				if diff := cmp.Diff(tt.want, plan.Values); diff != "" || got != fmt.Sprint(tt.undecided, tt.faults) {
					t.Errorf("%s\nundecided and faults %s", diff, got)
				}
			}
		})
	}
}

// withLevels adds the levels that a test says nothing about.
func withLevels(entries []*schema.Entry) []*schema.Entry {
	return append(slices.DeleteFunc(bare(), func(level *schema.Entry) bool {
		return slices.ContainsFunc(entries, func(e *schema.Entry) bool { return e.DN == level.DN })
	}), entries...)
}

func TestFilter(t *testing.T) {
	e := entry(host, "objectClass=univentionHost", "cn=Mail (1)", "uid=a*b", "univentionServerRole=memberserver")
	for _, tt := range []struct {
		filter string
		want   truth
	}{
		{"(cn=mail \\281\\29)", yes},
		{"cn=mail*", yes},
		{"(cn=*ail*1*)", yes},
		{"(cn=*1*ail*)", no},
		{"(uid=a\\2ab)", yes},
		{"(uid=a\\2ac)", no},
		{"(uid=*)", yes},
		{"(univentionMailHomeServer=*)", no},
		{"(&(objectClass=univentionHost)(univentionServerRole=memberserver))", yes},
		{"(&(objectClass=univentionHost)(!(univentionServerRole=memberserver)))", no},
		{"(|(uid=x)(!(uid=y)))", yes},
		{"(|(uid=x)(uid=y))", no},
		{"(&)", yes},
		{"(|)", no},
		{"(sn=x)", unknown},
		{"(|(uid=a)(sn=x))", unknown},
		{"(uid>=x)", unknown},
		{"(uid:dn:=x)", unknown},
		{"(uid=x", unknown},
		{"(&(uid=x)", unknown},
		{"(uid=x))", unknown},
		{"(uid=\\zz)", unknown},
		{"", unknown},
	} {
		if got, err := match(tt.filter, e); got != tt.want || (err != nil) != (tt.want == unknown) {
			t.Errorf("%s: %v, %v; want %v", tt.filter, got, err, tt.want)
		}
	}
}

func TestLoses(t *testing.T) {
	h := New(Config{Scope: scope})
	old := policy("p", "a=1", "b=1", ":entryCSN=1", ":fixedAttributes="+option("a"))
	for _, tt := range []struct {
		new  *schema.Entry
		want []string
	}{
		{old, nil},
		{policy("p", "a=2", "b=1", ":fixedAttributes=x"), nil},
		{policy("p", "a=2"), []string{"fixedattributes", option("b")}},
		{entry(old.DN, "objectClass=x"), []string{"fixedattributes", option("a"), option("b")}},
	} {
		got := h.Loses(schema.Change{Old: old, New: tt.new})
		for i := range tt.want {
			tt.want[i] = schema.NewEntry(schema.UUID{}, "", schema.Attribute{Name: tt.want[i], Values: []string{""}}).Attrs[0].Name
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("loses %q, want %q", got, tt.want)
		}
	}
	asked := schema.Attribute{Name: schema.AttrServerRole, Values: []string{"memberserver"}}
	level := schema.NewEntry(refers(host).UUID, host, append(refers(host).Attrs, asked)...)
	if got := h.Loses(schema.Change{Old: level, New: refers(host)}); !slices.Equal(got, []string{"univentionserverrole"}) {
		t.Errorf("a host that may not match the filter of a policy any more loses %q", got)
	}
}
