package value_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mailreg/mailreg/registry/value"
	"github.com/mailreg/mailreg/schema"
)

func TestCheckTypes(t *testing.T) {
	tests := []struct {
		typ       string
		good, bad []string
	}{
		{"str", []string{"", "a\nb", "$x %y"}, []string{"\xff"}},
		{"int", []string{"-500", " 7 ", "0"}, []string{"", "1.5", "x", "0x10"}},
		{"uint", []string{"0", "20971520"}, []string{"-1", "10M", ""}},
		{"pint", []string{"1"}, []string{"0", "-1"}},
		{"portnumber", []string{"0", "25", "65535"}, []string{"65536", "-1", "smtp"}},
		{"bool", []string{"yes", "NO", "True", "0", "enabled", "off"}, []string{"", "ja", " yes"}},
		{"ipv4address", []string{"127.0.0.1"}, []string{"::1", "1.2.3", "127.0.0.01"}},
		{"ipv6address", []string{"::1", "2001:db8::1"}, []string{"127.0.0.1", "fe80::1%eth0"}},
		{"ipaddress", []string{"::1", "127.0.0.1"}, []string{"host", ""}},
		{"cidr", []string{"10.0.0.0/8", "2001:db8::/32", "127.0.0.1"}, []string{"10.0.0.0/33", "x/8"}},
		{
			"network",
			[]string{"127.0.0.0/8", "10.1.2.3", "!10.1.2.3/32", "[::1]", "[2001:db8::]/32", "cidr:/etc/nets", "/etc/nets"},
			[]string{"127.0.0.0/99", "10.1.2.3/8", "::1/128", "[::1", "[10.0.0.1]", "[2001:db8::1]/32", "mail.example.org", "hash:", "dead:beef::1", "", "/a/../b"},
		},
		{"fqdn", []string{"mail1.example.test", "Host"}, []string{"a..b", "-a.b", "a_b.c", ""}},
		{"hostname", []string{"mail1"}, []string{"mail1.example", ""}},
		{"domain", []string{"example.test"}, []string{"exa mple", "a/b"}},
		{"email", []string{"a.b@example.test"}, []string{"a", "a@@b", "../x@d"}},
		{"path", []string{"/etc/x", "/a b"}, []string{"etc/x", "/a/../b", "/a\nb", ""}},
		{"url_http", []string{"http://h:80/p?q", "https://[::1]/"}, []string{"ftp://h", "http://", "http://h:99999/", "h"}},
		{"url_proxy", []string{"http://proxy:3128", "https://p/"}, []string{"http://p/x", "http://p?x", "http://p#x"}},
		{"ldap_uri", []string{"ldap://h", "ldaps://h:636/", "ldapi:///", "ldapi://%2Frun%2Fldapi"}, []string{"http://h", "ldap://", "ldap://h/dc=x", "ldap://u@h"}},
		{"json", []string{"{}", `[1,"a"]`}, []string{"", "{", "{} x"}},
		{"cron", []string{"*/5 * * * *", "0 1-5/2 1,15 jan sun", "@daily", "# off"}, []string{"* * * *", "60 * * * *", "5/2 * * * *", "@never", "* * * jan,feb *"}},
		{"size", []string{"10M", "500", "20 kB", "1GiB", "0", "7b"}, []string{"M", "10X", "-1", "9999999T"}},
		{"duration", []string{"7d", "5 mins", "60s", "1h30m", "30"}, []string{"", "7x", "d", "-1s", "99999999w"}},
		{"nonsense", nil, []string{"x"}},
	}
	for _, test := range tests {
		t.Run(test.typ, func(t *testing.T) {
			d := schema.Declaration{Type: test.typ}
			for _, s := range test.good {
				if err := value.Check(d, s); err != nil {
					t.Errorf("%q is refused: %v", s, err)
				}
			}
			for _, s := range test.bad {
				if err := value.Check(d, s); err == nil {
					t.Errorf("%q is accepted", s)
				}
			}
			if known := value.Known(test.typ); known != (test.good != nil) {
				t.Errorf("Known(%q) = %v", test.typ, known)
			}
		})
	}
}

func TestCheckConstraints(t *testing.T) {
	tests := []struct {
		name string
		d    schema.Declaration
		s    string
		want string
	}{
		{"enum", schema.Declaration{Type: "enum", Enum: []string{"a", "b"}}, "c", "must be one of a, b"},
		{"enum ok", schema.Declaration{Type: "enum", Enum: []string{"a", "b"}}, "b", ""},
		{"min", schema.Declaration{Type: "int", Min: "5"}, "4", "must be at least 5"},
		{"max", schema.Declaration{Type: "duration", Max: "1h"}, "61m", "must be at most 1h"},
		{"size in bounds", schema.Declaration{Type: "size", Min: "1k", Max: "1M"}, "2k", ""},
		{"regex is anchored", schema.Declaration{Type: "str", Regex: "a|b"}, "ab", "must match a|b"},
		{"list of uint", schema.Declaration{Type: "list", Element: "uint"}, "1, 2 x", "element 3 must be a whole number of 0 or more"},
		{"list with bound", schema.Declaration{Type: "list", Element: "int", Max: "3"}, "1 2 4", "element 3 must be at most 3"},
		{"list of enum", schema.Declaration{Type: "list", Element: "enum", Enum: []string{"a"}}, "a b", "element 2 must be one of a"},
		{"list of str", schema.Declaration{Type: "list"}, "anything at all", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := ""
			if err := value.Check(test.d, test.s); err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("Check(%q) = %q, want %q", test.s, got, test.want)
			}
		})
	}
}

func TestSplit(t *testing.T) {
	if diff := cmp.Diff([]string{"a", "b", "c"}, value.Split(schema.Declaration{}, " a,b\n ,c ")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"a b", "c"}, value.Split(schema.Declaration{Separator: ";"}, "a b ; ; c")); diff != "" {
		t.Error(diff)
	}
}

func TestQuantities(t *testing.T) {
	for s, want := range map[string]time.Duration{"7d": 168 * time.Hour, "5 mins": 5 * time.Minute, "1h30m": 90 * time.Minute, "90": 90 * time.Second, "250ms": 250 * time.Millisecond} {
		if got, err := value.Duration(s); err != nil || got != want {
			t.Errorf("Duration(%q) = %v, %v", s, got, err)
		}
	}
	for s, want := range map[string]int64{"0": 0, "10k": 10240, "10 MB": 10 << 20, "1GiB": 1 << 30, "12b": 12} {
		if got, err := value.Size(s); err != nil || got != want {
			t.Errorf("Size(%q) = %v, %v", s, got, err)
		}
	}
}
