package listener

import (
	"context"
	"strings"

	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/listener/store"
	"github.com/mailreg/mailreg/schema"
)

// Entries returns the replica's entries that a selection picks.
func (l *Listener) Entries(_ context.Context, s control.Selection) ([]control.Entry, error) {
	pick, err := selector(s)
	if err != nil {
		return nil, err
	}
	list := []control.Entry{}
	err = l.store.View(func(tx *store.Tx) error {
		for entry := range tx.Entries(schema.UUID{}) {
			if !pick(entry) {
				continue
			}
			list = append(list, shown(entry))
		}
		return nil
	})
	return list, err
}

// shown returns an entry as callers see it.
func shown(e *schema.Entry) control.Entry {
	attrs := map[string][]string{}
	for _, a := range e.Attrs {
		attrs[a.Name] = a.Values
	}
	return control.Entry{UUID: e.UUID, DN: e.DN, Attrs: attrs}
}

// selector returns the function that picks the entries of a selection.
func selector(s control.Selection) (func(*schema.Entry) bool, error) {
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
