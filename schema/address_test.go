package schema_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/mailreg/mailreg/schema"
)

func TestParseAddress(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{"alice@example.test", "alice@example.test"},
		{"Alice.B@Example.TEST", "alice.b@example.test"},
		{"o'brien+tag@x-1.test", "o'brien+tag@x-1.test"},
		{"a@d", "a@d"},
	} {
		got, err := schema.ParseAddress(tc.in)
		if err != nil || got.String() != tc.want {
			t.Errorf("ParseAddress(%q) = %v, %v; want %s", tc.in, got, err, tc.want)
		}
	}
}

func TestParseAddressRefuses(t *testing.T) {
	for _, in := range []string{
		"", "@", "a@", "@d", "a", "a@@d", "a@b@c", "../x@d", "a/b@d", "a b@d", " a@d", "a@d ", "a@d\n", "a\x00@d",
		".a@d", "a.@d", "a..b@d", "a*master@d", "a%u@d", `a"b@d`, `a\b@d`, "ä@d", "a@dä", "a@-d", "a@d-", "a@d..e",
		"a@" + strings.Repeat("d", 64), strings.Repeat("a", 65) + "@d", strings.Repeat("a", 300) + "@d", "a\xff@d",
	} {
		got, err := schema.ParseAddress(in)
		if !errors.Is(err, schema.ErrInvalid) {
			t.Errorf("ParseAddress(%.40q) = %v, %v; want ErrInvalid", in, got, err)
		}
	}
}

// An accepted address must be safe as two path elements, whatever the directory holds.
func FuzzParseAddress(f *testing.F) {
	f.Add("alice@example.test")
	f.Add("../../x@..")
	f.Fuzz(func(t *testing.T, in string) {
		a, err := schema.ParseAddress(in)
		if err != nil {
			return
		}
		for _, part := range []string{a.Local, a.Domain} {
			if part == "" || part[0] == '.' || strings.ContainsAny(part, "/\x00\n @%*") {
				t.Fatalf("ParseAddress(%q) let %q through", in, part)
			}
		}
		if again, err := schema.ParseAddress(a.String()); err != nil || again != a {
			t.Fatalf("ParseAddress(%q) = %v, %v; want %v", a, again, err, a)
		}
	})
}
