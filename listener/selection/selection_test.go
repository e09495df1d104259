package selection_test

import (
	"testing"

	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/listener/selection"
	"github.com/mailreg/mailreg/schema"
)

func TestSelection(t *testing.T) {
	uuid := schema.UUID{15: 1}
	entry := schema.NewEntry(uuid, "uid=a,ou=x,dc=t",
		schema.Attribute{Name: schema.AttrPrimaryAddress, Values: []string{"a@x.test"}},
		schema.Attribute{Name: schema.AttrAlternativeAddress, Values: []string{"b@x.test"}})
	for s, want := range map[control.Selection]bool{
		{}:                                       true,
		{DN: "UID=A, ou=x, dc=t"}:                true,
		{DN: "ou=x,dc=t"}:                        false,
		{Below: "ou=x,dc=t"}:                     true,
		{Below: "uid=a,ou=x,dc=t"}:               true,
		{Below: "ou=y,dc=t"}:                     false,
		{UUID: uuid.String()}:                    true,
		{UUID: schema.UUID{15: 2}.String()}:      false,
		{Address: "A@X.test"}:                    true,
		{Address: "b@x.test"}:                    true,
		{Address: "c@x.test"}:                    false,
		{Address: "a@x.test", Below: "dc=other"}: false,
	} {
		pick, err := selection.New(s)
		if err != nil || pick(entry) != want {
			t.Errorf("%+v: %v, want %v", s, err, want)
		}
	}
	for _, s := range []control.Selection{{UUID: "no"}, {DN: "no"}, {Below: "no"}} {
		if _, err := selection.New(s); err == nil {
			t.Errorf("%+v was taken", s)
		}
	}
}
