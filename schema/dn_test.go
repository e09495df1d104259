package schema_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mailreg/mailreg/schema"
)

func TestDNsCompare(t *testing.T) {
	for _, same := range [][]string{
		{"", " "},
		{"cn=a,dc=b", "CN = A , DC=B", `cn=\61,dc=b`, "cn=a, dc=b"},
		{"cn=a b,dc=c", "cn=a  b,dc=c", `cn=\ A b\20,dc=c`},
		{"cn=a+uid=b,dc=c", "UID=b+cn=a,dc=c"},
		{`cn=a\,b,dc=c`, `cn=a\2Cb,dc=c`},
		{`cn=a\+b`, `cn=a\2bb`},
		{"cn=grün", `cn=gr\c3\bcn`, "cn=GRÜN"},
		{"cn=a=b,dc=c", `cn=a\=b,dc=c`},
	} {
		first, err := schema.ParseDN(same[0])
		if err != nil {
			t.Error(err)
		}
		for _, text := range same[1:] {
			if dn, err := schema.ParseDN(text); err != nil || dn.String() != first.String() {
				t.Errorf("%q is %q, %v; want %q", text, dn, err, first)
			}
		}
	}
	a, _ := schema.ParseDN(`cn=a\,dc=b`)
	b, _ := schema.ParseDN("cn=a,dc=b")
	if a.String() == b.String() {
		t.Error("an escaped comma separates")
	}
}

func TestBadDNs(t *testing.T) {
	for _, text := range []string{"a", "=a", "cn=a,", "cn=a,b", `cn=a\`, "cn=a,,dc=b", "cn=a+,dc=b"} {
		if dn, err := schema.ParseDN(text); !errors.Is(err, schema.ErrInvalid) {
			t.Errorf("%q is %q, %v", text, dn, err)
		}
	}
}

func TestLevels(t *testing.T) {
	parse := func(text string) schema.DN {
		dn, err := schema.ParseDN(text)
		if err != nil {
			t.Fatal(err)
		}
		return dn
	}
	for _, tt := range []struct {
		dn, base string
		want     []string
	}{
		{"cn=m,cn=hosts,dc=e,dc=t", "DC=E,dc=t", []string{"cn=m,cn=hosts,dc=e,dc=t", "cn=hosts,dc=e,dc=t", "dc=e,dc=t"}},
		{"dc=e,dc=t", "dc=e,dc=t", []string{"dc=e,dc=t"}},
		{"dc=t", "dc=e,dc=t", nil},
		{"cn=m,dc=x,dc=t", "dc=e,dc=t", nil},
	} {
		var got []string
		for _, level := range parse(tt.dn).Levels(parse(tt.base)) {
			got = append(got, level.String())
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("levels of %s below %s:\n%s", tt.dn, tt.base, diff)
		}
	}
}

func FuzzParseDN(f *testing.F) {
	f.Add(`cn=a\,b+uid=\c3\bc, DC = x`)
	f.Fuzz(func(t *testing.T, text string) {
		dn, err := schema.ParseDN(text)
		if err != nil {
			return
		}
		again, err := schema.ParseDN(dn.String())
		if err != nil || again.String() != dn.String() {
			t.Errorf("%q is %q, which is %q, %v", text, dn, again, err)
		}
	})
}

func TestRebase(t *testing.T) {
	for _, tt := range []struct {
		text   string
		first  int
		ending string
		want   string
	}{
		{"uid=A, OU=b,dc=c", 1, "ou=new,dc=c", "uid=A,ou=new,dc=c"},
		{`uid=a\,b+cn=x,ou=b,dc=c`, 1, "dc=c", `uid=a\,b+cn=x,dc=c`},
		{"uid=a,ou=b,dc=c", 2, "dc=d", "uid=a,ou=b,dc=d"},
		{"uid=a,ou=b,dc=c", 0, "dc=d", "dc=d"},
		{"uid=a,ou=b,dc=c", 1, "", "uid=a"},
		{"uid=a", 1, "dc=d", "uid=a,dc=d"},
	} {
		got, err := schema.Rebase(tt.text, tt.first, tt.ending)
		if err != nil || got != tt.want {
			t.Errorf("%q, %d, %q: %q, %v; want %q", tt.text, tt.first, tt.ending, got, err, tt.want)
		}
	}
	if _, err := schema.Rebase("uid=a,x", 2, "dc=d"); err == nil {
		t.Error("a broken DN was taken")
	}
}

func TestBelow(t *testing.T) {
	base, _ := schema.ParseDN("ou=b,dc=c")
	for text, want := range map[string]bool{"uid=a,OU=B,dc=c": true, "ou=b,dc=c": false, "uid=a,ou=bb,dc=c": false, "dc=c": false} {
		if dn, err := schema.ParseDN(text); err != nil || dn.Below(base) != want {
			t.Errorf("%q below %q: %t, want %t (%v)", text, base, !want, want, err)
		}
	}
}
