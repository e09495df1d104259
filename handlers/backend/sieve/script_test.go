package sieve

import (
	"errors"
	"strings"
	"testing"

	"github.com/mailreg/mailreg/schema"
)

func TestScript(t *testing.T) {
	for _, tt := range []struct {
		folder, hits string
		want         []string // nil is an error
	}{
		{"Spam", "5.0", []string{`"X-Spam-Level" "*****" {`, `fileinto :create "Spam";`}},
		{"Spam", "5.001", []string{`"******"`}},
		{"Spam", "0", []string{`"*"`}},
		{"Spam", "999", []string{`"` + strings.Repeat("*", 50) + `"`}},
		{`a"; redirect "x@y.test`, "5", []string{`:create "a\"; redirect \"x@y.test";`}},
		{`back\slash`, "5", []string{`"back\\slash"`}},
		{"Unerwünscht/Ärger ${x}", "5", []string{`"Unerwünscht/Ärger ${x}"`}},
		{"", "5", nil},
		{"a\nb", "5", nil},
		{"\xff", "5", nil},
		{"Spam", "x", nil},
		{"Spam", "NaN", nil},
	} {
		got, err := Script(tt.folder, tt.hits)
		if (err != nil) != (tt.want == nil) || err != nil && !errors.Is(err, schema.ErrInvalid) {
			t.Errorf("%q %q: error %v", tt.folder, tt.hits, err)
		}
		for _, part := range tt.want {
			if !strings.Contains(string(got), part) {
				t.Errorf("%q %q: no %s in\n%s", tt.folder, tt.hits, part, got)
			}
		}
	}
}

func TestPlaces(t *testing.T) {
	for path, want := range map[string]string{
		"file:~/sieve;active=~/.dovecot.sieve": "sieve/default.sieve .dovecot.sieve",
		"file:~/s;active=~/x.sieve":            "s/default.sieve x.sieve",
		"~/.dovecot.sieve":                     "", "file:~/sieve": "", "file:/srv/%d/%n;active=~/x.sieve": "",
		"file:~/../x;active=~/x.sieve": "", "file:~/..;active=~/x.sieve": "", "file:~/%u;active=~/x.sieve": "", "": "",
		"file:~/sieve;active=~/a/b.sieve": "", "file:~/sieve;active=~/active": "",
	} {
		script, active, ok := places(path)
		if got := script + " " + active; ok != (want != "") || ok && got != want {
			t.Errorf("%q: %q, %v", path, got, ok)
		}
	}
}
