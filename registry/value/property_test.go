package value_test

import (
	"maps"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/mailreg/mailreg/registry/value"
	"github.com/mailreg/mailreg/schema"
)

var typeNames = strings.Fields("str int uint pint portnumber bool ipv4address ipv6address ipaddress cidr network fqdn domain hostname " +
	"email path url_http url_proxy ldap_uri json cron size duration")

// checked are the promises of the types: what Check lets pass, readers read without error, and it is what the type says.
func checked(t interface {
	Helper()
	Errorf(format string, args ...any)
}, typ, s string,
) {
	t.Helper()
	if value.Check(schema.Declaration{Type: typ}, s) != nil {
		return
	}
	fail := func(why any) { t.Helper(); t.Errorf("%s %q: %v", typ, s, why) }
	if !utf8.ValidString(s) {
		fail("not UTF-8")
	}
	number := func(least int64) {
		if n, err := value.Int(s); err != nil || n < least {
			fail(err)
		}
	}
	oneWord := func() {
		if strings.ContainsAny(s, " \t\r\n") {
			fail("more than one word")
		}
	}
	switch typ {
	case "int":
		number(-1 << 63)
	case "uint", "portnumber":
		number(0)
	case "pint":
		number(1)
	case "bool":
		if _, ok := value.Bool(s); !ok {
			fail("neither yes nor no")
		}
	case "size":
		if n, err := value.Size(s); err != nil || n < 0 {
			fail(err)
		}
	case "duration":
		if d, err := value.Duration(s); err != nil || d < 0 {
			fail(err)
		}
	case "path":
		if path.Join("/root", s) != path.Clean("/root"+s) || !strings.HasPrefix(path.Join("/root", s), "/root") || strings.ContainsAny(s, "\n\r") {
			fail("leads out")
		}
	case "cron":
		if strings.ContainsAny(s, "\n\r") {
			fail("more than one line")
		}
	case "url_http", "url_proxy", "ldap_uri":
		oneWord()
		if _, err := url.Parse(s); err != nil && typ != "ldap_uri" { // which net/url does not know with a socket
			fail(err)
		}
	case "fqdn", "domain", "hostname", "email", "ipaddress", "ipv4address", "ipv6address", "cidr":
		oneWord()
		if strings.ContainsFunc(s, func(r rune) bool { return r > '~' }) {
			fail("not ASCII")
		}
	}
}

// TestCheckedIsReadable builds texts from the pieces that the types are made of, right and wrong.
func TestCheckedIsReadable(t *testing.T) {
	pieces := []string{
		"0", "1", "59", "65535", "9223372036854775807", "-", "+", ".", ":", "/", "..", "@", "*", ",", " ", "\t", "\n", "%2F", "%", "#", "?",
		"[", "]", "::1", "127.0.0.1", "/8", "a", "mail", "example.test", "http://", "https://", "ldap://", "ldapi://", "k", "M", "GiB", "b",
		"h", "mins", "d", "w", "ms", "yes", "off", "jan", "sun", "@daily", "{}", "\u212a", "ü", "\xff", "\x00",
	}
	rapid.Check(t, func(t *rapid.T) {
		s := strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 9).Draw(t, "pieces"), "")
		for _, typ := range typeNames {
			checked(t, typ, s)
		}
	})
}

func FuzzCheck(f *testing.F) {
	for _, s := range []string{"", "7", "5 mins", "1h30m", "10M", "0 3 * * 0", "ldapi://%2Fx", "http://h:1/", "a@b", "/a/b", "::1/128"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, typ := range typeNames {
			checked(t, typ, s)
		}
	})
}

// TestDurationsAndSizesKeepTheirValue writes numbers in every unit and reads them back.
func TestDurationsAndSizesKeepTheirValue(t *testing.T) {
	units := map[string]time.Duration{"ms": time.Millisecond, "s": time.Second, "mins": time.Minute, "h": time.Hour, "d": 24 * time.Hour, "w": 168 * time.Hour}
	shifts := map[string]uint{"": 0, "B": 0, "k": 10, "MB": 20, "GiB": 30, "T": 40}
	blank := rapid.SampledFrom([]string{"", " ", "  "})
	rapid.Check(t, func(t *rapid.T) {
		var text string
		var want time.Duration
		for range rapid.IntRange(1, 4).Draw(t, "parts") {
			unit := rapid.SampledFrom(slices.Sorted(maps.Keys(units))).Draw(t, "unit")
			n := rapid.Int64Range(0, 1000).Draw(t, "n")
			text += strconv.FormatInt(n, 10) + blank.Draw(t, "blank") + unit + blank.Draw(t, "after")
			want += time.Duration(n) * units[unit]
		}
		if got, err := value.Duration(text); err != nil || got != want {
			t.Errorf("Duration(%q) = %v, %v; want %v", text, got, err, want)
		}
		suffix := rapid.SampledFrom(slices.Sorted(maps.Keys(shifts))).Draw(t, "suffix")
		n := rapid.Int64Range(0, 1<<23-1).Draw(t, "size")
		text = blank.Draw(t, "before") + strconv.FormatInt(n, 10) + blank.Draw(t, "between") + suffix
		if got, err := value.Size(text); err != nil || got != n<<shifts[suffix] {
			t.Errorf("Size(%q) = %d, %v", text, got, err)
		}
	})
}

// TestListsKeepTheirElements joins what the element's type lets pass and finds the same elements again.
func TestListsKeepTheirElements(t *testing.T) {
	words := map[string][]string{
		"uint": {"0", "17"}, "ipaddress": {"::1", "192.0.2.1"}, "cidr": {"10.0.0.0/8", "::/0"}, "fqdn": {"a.test", "b"},
		"email": {"a@b.test"}, "duration": {"5m", "1h30m"}, "size": {"10M", "0"}, "path": {"/a", "/b/c"}, "ldap_uri": {"ldap://h:389"},
		"url_http": {"http://h/"}, "enum": {"x", "y"},
	}
	rapid.Check(t, func(t *rapid.T) {
		element := rapid.SampledFrom(slices.Sorted(maps.Keys(words))).Draw(t, "element")
		d := schema.Declaration{Type: "list", Element: element, Separator: rapid.SampledFrom([]string{"", ",", ";", " "}).Draw(t, "separator")}
		if element == "enum" {
			d.Enum = words[element]
		}
		glue := map[string][]string{"": {" ", ",", ", ", "\n", "\t,"}, ",": {",", " , "}, ";": {";", "; "}, " ": {" ", "  "}}[d.Separator]
		elements := rapid.SliceOfN(rapid.SampledFrom(words[element]), 0, 5).Draw(t, "elements")
		var text strings.Builder
		for i, one := range elements {
			if i > 0 {
				text.WriteString(rapid.SampledFrom(glue).Draw(t, "glue"))
			}
			text.WriteString(one)
		}
		if err := value.Check(d, text.String()); err != nil {
			t.Errorf("list of %s %q: %v", element, text.String(), err)
		}
		got := append([]string{}, value.Split(d, text.String())...)
		if diff := cmp.Diff(append([]string{}, elements...), got); diff != "" {
			t.Errorf("list of %s with separator %q, %q:\n%s", element, d.Separator, text.String(), diff)
		}
	})
}
