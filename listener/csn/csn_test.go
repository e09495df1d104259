package csn_test

import (
	"testing"

	"github.com/mailreg/mailreg/listener/csn"
)

func TestCovers(t *testing.T) {
	a1, a2, b1 := "20260101000000.000001Z#000000#001#000000", "20260101000000.000002Z#000000#001#000000", "20250101000000.000000Z#000000#002#000000"
	cases := []struct {
		name           string
		cookie         string
		position       []string
		covered, known bool
	}{
		{"same", "rid=001,csn=" + a1, []string{a1}, true, true},
		{"past", "rid=001,sid=001,csn=" + a2, []string{a1}, true, true},
		{"behind", "rid=001,csn=" + a1, []string{a2}, false, true},
		{"two servers", "rid=001,csn=" + a1 + ";" + b1, []string{b1, a1}, true, true},
		{"one of two behind", "rid=001,csn=" + a1 + ";" + b1, []string{a2, b1}, false, true},
		{"unknown server", "rid=001,csn=" + a1, []string{a1, b1}, false, true},
		{"what was deleted says nothing", "rid=001,csn=" + a1 + ",delcsn=" + a2, []string{a2}, false, true},
		{"389-ds", "ldap.example:389#cn=x:dc=x#17", []string{a1}, false, false},
		{"no cookie", "", []string{a1}, false, false},
		{"no position", "rid=001,csn=" + a1, nil, false, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if covered, known := csn.Covers(c.cookie, c.position); covered != c.covered || known != c.known {
				t.Errorf("%v %v", covered, known)
			}
		})
	}
}

func TestBackwards(t *testing.T) {
	for _, tt := range []struct {
		before, now []string
		want        string
	}{
		{nil, []string{"1#0#001#0"}, ""},
		{[]string{"1#0#001#0"}, []string{"1#0#001#0", "1#0#002#0"}, ""},
		{[]string{"1#0#001#0"}, []string{"2#0#001#0"}, ""},
		{[]string{"2#0#001#0"}, []string{"1#0#001#0"}, "2#0#001#0"},
		{[]string{"1#0#001#0"}, nil, "1#0#001#0"},
	} {
		if got := csn.Backwards(tt.before, tt.now); got != tt.want {
			t.Errorf("%q to %q: %q, want %q", tt.before, tt.now, got, tt.want)
		}
	}
}
