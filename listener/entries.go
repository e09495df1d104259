package listener

import (
	"context"

	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/listener/selection"
	"github.com/mailreg/mailreg/listener/store"
	"github.com/mailreg/mailreg/schema"
)

// Entries returns the replica's entries that a selection picks.
func (l *Listener) Entries(_ context.Context, s control.Selection) ([]control.Entry, error) {
	pick, err := selection.New(s)
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
		if schema.Secret(a.Name) {
			attrs[a.Name] = []string{"(secret)"}
			continue
		}
		attrs[a.Name] = a.Values
	}
	return control.Entry{UUID: e.UUID, DN: e.DN, Attrs: attrs}
}
