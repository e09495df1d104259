package value_test

import (
	"strings"
	"testing"

	"github.com/mailreg/mailreg/registry/settings"
	"github.com/mailreg/mailreg/registry/value"
	"github.com/mailreg/mailreg/schema"
)

// TestStockDeclarations holds the stock declarations to what the registry understands.
func TestStockDeclarations(t *testing.T) {
	view, err := settings.NewReader(t.TempDir()).View()
	if err != nil {
		t.Fatal(err)
	}
	view = view.With(settings.Normal, map[string]string{
		"hostname": "mail1", "domainname": "example.test", "mail/hosteddomains": "example.test example.org",
		"mail/dovecot/logging/log_path": "syslog",
	})
	for _, d := range schema.Declarations {
		if err := value.CheckDeclaration(d); err != nil {
			t.Errorf("%s: %v", d.Key, err)
		}
		// The directory must not lead a host to other files.
		if (d.Type == "path" || d.Element == "path") && !d.Local {
			t.Errorf("%s is a path and not local", d.Key)
		}
		if !strings.Contains(d.Default, "@%@") {
			continue
		}
		// What other variables say must fit as well.
		text, ok := view.Get(d.Key)
		if err := value.Check(d, text); !ok || err != nil {
			t.Errorf("%s: default %q is %q: %v", d.Key, d.Default, text, err)
		}
	}
}

func TestCheckDeclaration(t *testing.T) {
	tests := []struct {
		name string
		d    schema.Declaration
		want string
	}{
		{"plain", schema.Declaration{Type: "str"}, ""},
		{"all of a number", schema.Declaration{Type: "size", Min: "1k", Max: "1M", Default: "2k", HasDefault: true, Service: "postfix", Action: "reload"}, ""},
		{"all of a list", schema.Declaration{Type: "list", Element: "uint", Separator: ";", Max: "9", Default: "1;2", HasDefault: true}, ""},
		{"list of enum", schema.Declaration{Type: "list", Element: "enum", Enum: []string{"a"}, Default: "a a", HasDefault: true}, ""},
		{"default that refers", schema.Declaration{Type: "uint", Default: "@%@other@%@", HasDefault: true}, ""},
		{"unknown type", schema.Declaration{Type: "integer"}, `unknown Type "integer"`},
		{"unknown element", schema.Declaration{Type: "list", Element: "integer"}, `unknown Element "integer"`},
		{"list of lists", schema.Declaration{Type: "list", Element: "list"}, `unknown Element "list"`},
		{"element of no list", schema.Declaration{Type: "str", Element: "str"}, "only a list has an Element, not Type str"},
		{"separator of no list", schema.Declaration{Type: "str", Separator: ","}, "only a list has a Separator, not Type str"},
		{"bad regex", schema.Declaration{Type: "str", Regex: "a("}, "broken Regex: error parsing regexp: missing closing ): `a(`"},
		{"regex that closes what it has not opened", schema.Declaration{Type: "str", Regex: "a)|(b"}, "broken Regex: error parsing regexp: unexpected ): `a)|(b`"},
		{"min over max", schema.Declaration{Type: "int", Min: "2", Max: "1"}, "the Min 2 is more than the Max 1"},
		{"min over max in units", schema.Declaration{Type: "duration", Min: "2m", Max: "119s"}, "the Min 2m is more than the Max 119s"},
		{"min over max of elements", schema.Declaration{Type: "list", Element: "int", Min: "2", Max: "-2"}, "the Min 2 is more than the Max -2"},
		{"bound that is none", schema.Declaration{Type: "int", Min: "few"}, `broken bound: "few" is no whole number`},
		{"bound of a text", schema.Declaration{Type: "str", Max: "3"}, "type str has no Min and Max"},
		{"enum without values", schema.Declaration{Type: "enum"}, "an enum needs Enum, and nothing else does"},
		{"values without enum", schema.Declaration{Type: "str", Enum: []string{"a"}}, "an enum needs Enum, and nothing else does"},
		{"service without action", schema.Declaration{Type: "str", Service: "postfix"}, `the Service "postfix" needs the Action reload or restart, not ""`},
		{"unknown action", schema.Declaration{Type: "str", Service: "postfix", Action: "stop"}, `the Service "postfix" needs the Action reload or restart, not "stop"`},
		{"secret with default", schema.Declaration{Type: "str", Secret: true, HasDefault: true}, "a secret has no Default: it would be no secret"},
		{"wrong default", schema.Declaration{Type: "pint", Default: "0", HasDefault: true}, `the Default "0" must be a whole number of 1 or more`},
		{"default out of bounds", schema.Declaration{Type: "int", Max: "5", Default: "6", HasDefault: true}, `the Default "6" must be at most 5`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := ""
			if err := value.CheckDeclaration(test.d); err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
