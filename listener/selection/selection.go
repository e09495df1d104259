// Package selection says which entries a person means: by name, subtree, id or address. It does no I/O.
package selection

import (
	"strings"

	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/schema"
)

// New returns the function that picks the entries of a selection.
func New(s control.Selection) (func(*schema.Entry) bool, error) {
	var uuid schema.UUID
	if s.UUID != "" {
		parsed, err := schema.ParseUUID(s.UUID)
		if err != nil {
			return nil, err
		}
		uuid = parsed
	}
	named, err := schema.ParseDN(s.DN)
	if err != nil {
		return nil, err
	}
	tree, err := schema.ParseDN(s.Below)
	if err != nil {
		return nil, err
	}
	inPlace := func(e *schema.Entry) bool {
		if s.DN == "" && s.Below == "" {
			return true
		}
		dn, err := schema.ParseDN(e.DN)
		return err == nil && (s.DN == "" || dn.Equal(named)) && (s.Below == "" || dn.Equal(tree) || dn.Below(tree))
	}
	return func(e *schema.Entry) bool {
		return (s.UUID == "" || e.UUID == uuid) && (s.Address == "" || hasAddress(e, s.Address)) && inPlace(e)
	}, nil
}

// hasAddress looks at all addresses of an entry: a person who asks knows one of them, not which kind it is.
func hasAddress(e *schema.Entry, address string) bool {
	for _, name := range []string{schema.AttrPrimaryAddress, schema.AttrAlternativeAddress} {
		for _, v := range e.Values(name) {
			if strings.EqualFold(v, address) {
				return true
			}
		}
	}
	return false
}
