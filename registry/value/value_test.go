package value_test

import (
	"strings"
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
		{"int", []string{"-500", " 7 ", "\t7", "0", "-0", "+5", "9223372036854775807"}, []string{"", " ", "1.5", "x", "0x10", "1_000", "1 0", "9223372036854775808", "٣"}},
		{"uint", []string{"0", " 20971520 ", "-0"}, []string{"-1", "10M", ""}},
		{"pint", []string{"1", " 2 "}, []string{"0", "-1", ""}},
		{"portnumber", []string{"0", "25", "65535", " 25 "}, []string{"65536", "-1", "smtp", "", "25/tcp"}},
		{"bool", []string{"yes", "NO", "True", "0", "1", "enable", "enabled", "on", "disable", "DISABLED", "off", "false"}, []string{"", "ja", " yes", "yes ", "2", "y", "none"}},
		{"ipv4address", []string{"127.0.0.1", "255.255.255.255"}, []string{"::1", "1.2.3", "127.0.0.01", "256.1.1.1", " 1.2.3.4", "1.2.3.4/32", "127.0.0.1:25", ""}},
		{"ipv6address", []string{"::1", "2001:db8::1", "::ffff:192.0.2.1", "::"}, []string{"127.0.0.1", "fe80::1%eth0", "[::1]", ":::", ""}},
		{"ipaddress", []string{"::1", "127.0.0.1"}, []string{"host", "", "127.0.0.1 ", "fe80::1%eth0"}},
		{"cidr", []string{"10.0.0.0/8", "10.1.2.3/8", "2001:db8::/32", "127.0.0.1", "0.0.0.0/0"}, []string{"10.0.0.0/33", "x/8", "10.0.0.0/-1", "10.0.0.0/08", "[2001:db8::]/32", "10.0.0.0/", ""}},
		{
			"network",
			[]string{"127.0.0.0/8", "10.1.2.3", "!10.1.2.3/32", "[::1]", "[2001:db8::]/32", "cidr:/etc/nets", "/etc/nets"},
			[]string{"127.0.0.0/99", "10.1.2.3/8", "::1/128", "[::1", "[10.0.0.1]", "[2001:db8::1]/32", "mail.example.org", "hash:", "dead:beef::1", "", "/a/../b"},
		},
		{"fqdn", []string{"mail1.example.test", "Host", "xn--mller-kva.example", "a1.b-2.c"}, []string{"a..b", "-a.b", "a-.b", "a_b.c", "", "mail.example.test.", "a b", "müller.example", "\u212aelvin.example", strings.Repeat("a", 64) + ".test", strings.Repeat("a.", 127) + "a"}},
		{"hostname", []string{"mail1", "MAIL1", "1"}, []string{"mail1.example", "", "mail_1", "-"}},
		{"domain", []string{"example.test", "test"}, []string{"exa mple", "a/b", "@example.test", ""}},
		{"email", []string{"a.b@example.test", "A+b@Example.test"}, []string{"a", "a@@b", "../x@d", "a@", "@b", "a b@c", "a@\u212aelvin", "<a@b>", "a@b, c@d", ""}},
		{"path", []string{"/etc/x", "/a b", "/", "/a/./b", "/..a/b..", "/a//b"}, []string{"etc/x", "/a/../b", "/..", "/a/..", "/a\nb", "/a\x7f", "~/x", "file:/x", ""}},
		{"url_http", []string{"http://h:80/p?q", "https://[::1]/", "HTTP://user:pw@h.test/", "http://192.0.2.1"}, []string{"ftp://h", "http://", "http://h:99999/", "http://h:port/", "http://h:", "h", "//h/", "http:/h", "http://h/a b", "http://h/\n", "http://[::1", "http://\u212a/", ""}},
		{"url_proxy", []string{"http://proxy:3128", "https://p", "http://user:pw@proxy.test:3128"}, []string{"http://p/x", "http://p/", "http://p?x", "http://p?", "http://p#x", "socks://p", "proxy:3128", ""}},
		{"ldap_uri", []string{"ldap://h", "ldap://h:389/", "ldaps://h:636/", "ldap://[::1]:389", "ldapi://", "ldapi:///", "ldapi://%2Frun%2Fldapi", "ldapi://%2frun%2fldapi/"}, []string{"http://h", "ldap://", "ldap://h/dc=x", "ldap://h?x", "ldap://h#x", "ldap://u@h", "ldapi:///run/ldapi", "ldapi://run%2Fldapi", "ldapi://%2F..%2Fx", "ldapi://%zz", "ldap://a ldap://b", ""}},
		{"json", []string{"{}", `[1,"a"]`, "null", "3", ` {"a": "\n"} `}, []string{"", "{", "{} x", "{'a': 1}", "[1,]"}},
		{"cron", []string{"*/5 * * * *", "0 1-5/2 1,15 jan sun", "0 0 * DEC Fri", "59 23 31 12 7", "0-59/60 * * * *", " 0\t3 * * 0 ", "0,10-20,*/7 * * * *", "@annually", "@yearly", "@monthly", "@weekly", "@daily", "@midnight", "@hourly", "@reboot", "# off", "#"}, []string{"", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *", "* * * 13 *", "* * * 0 *", "* * * * 8", "5/2 * * * *", "*/0 * * * *", "*/ * * * *", "*/+5 * * * *", "+5 * * * *", "5-1 * * * *", "1- * * * *", "-1 * * * *", "1--5 * * * *", "1,,2 * * * *", ", * * * *", "@never", "@Daily", "@daily ", "* * * jan,feb *", "* * * jan-mar *", "jan * * * *", "0 3\n* * *", "# off\n* * * * *", "* * * * *\n", "0\u00a03 * * *"}},
		{"size", []string{"10M", "500", "20 kB", "1GiB", "0", "7b", "7 B", " 5k ", "8388607T"}, []string{"", "M", "10X", "-1", "+1", "1.5M", "10 M B", "10Mi", "1k1", "1bb", "9999999T", "8388608T"}},
		{"duration", []string{"7d", "5 mins", "60s", "1h30m", "30", "0", "1h 30 m", "1 W", "250 msecs", " 2 hours "}, []string{"", "7x", "d", "-1s", "+1s", "1.5h", "1h30", "5 5", "30 1h", "99999999w"}},
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
