package cyrus

import (
	"context"

	"github.com/mailreg/mailreg/handlers/backend"
)

// Foretell tells what Ensure would find for an owner who has no store: one to adopt, one to put aside, one that comes back;
// "" when it would make a new one, or has nothing to provide. It changes nothing.
func (b *Backend) Foretell(ctx context.Context, o backend.Owner) (string, error) {
	if err := checkAddress(o.Address); err != nil {
		return "", err
	}
	w, err := b.begin(ctx)
	if err != nil {
		return "", err
	}
	defer w.end()
	what, err := w.foretell(o)
	return what, failed(o.UUID, err)
}

func (w *work) foretell(o backend.Owner) (string, error) {
	if _, has, err := w.locate(o.UUID); err != nil || has {
		return "", err
	}
	there, err := w.look(inbox(o.Address))
	if err != nil {
		return "", err
	}
	if !there.found {
		_, kept, err := w.returning(o)
		if kept {
			return "brings back the store that was set aside", err
		}
		return "", err
	}
	adopt := there.belongs(o.UUID) || there.marked && w.cfg.Reuse == backend.AdoptForeign
	if !there.marked {
		first, err := w.readFirst()
		if err != nil {
			return "", err
		}
		// Without a record nobody has had a store yet: all that is there was there before this host was set up.
		if adopt = first == nil; !adopt {
			if adopt, err = w.since(*first, there.name, o); err != nil {
				return "", err
			}
		}
	}
	if adopt {
		return "adopts the store that is there", nil
	}
	return "puts the store that is there into quarantine", nil
}
