package value_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/mailreg/mailreg/registry/value"
	"github.com/mailreg/mailreg/schema"
)

// TestStockDeclarations holds the stock declarations to what the registry understands.
func TestStockDeclarations(t *testing.T) {
	for _, d := range schema.Declarations {
		if !value.Known(d.Type) || d.Element != "" && !value.Known(d.Element) {
			t.Errorf("%s: unknown type %q or element %q", d.Key, d.Type, d.Element)
		}
		// The directory must not lead a host to other files.
		if (d.Type == "path" || d.Element == "path") && !d.Local {
			t.Errorf("%s is a path and not local", d.Key)
		}
		if (d.Service == "") != (d.Action == "") || d.Action != "" && d.Action != "reload" && d.Action != "restart" {
			t.Errorf("%s: service %q, action %q", d.Key, d.Service, d.Action)
		}
		if _, err := regexp.Compile(d.Regex); err != nil {
			t.Errorf("%s: %v", d.Key, err)
		}
		if d.HasDefault && !strings.Contains(d.Default, "@%@") {
			if err := value.Check(d, d.Default); err != nil {
				t.Errorf("%s: default %q %v", d.Key, d.Default, err)
			}
		}
	}
}
