package maildir

import (
	"context"

	"github.com/mailreg/mailreg/handlers/backend"
)

// Foretell tells what Ensure would find for an owner who has no store: one to adopt, one to put aside, one that comes back;
// "" when it would make a new one, or has nothing to provide. It changes nothing.
func (s *Spool) Foretell(ctx context.Context, o backend.Owner) (string, error) {
	w, found, err := s.read(ctx)
	if err != nil || !found {
		return "", err
	}
	defer w.end()
	if _, has, err := w.locate(o.UUID, o.Address); err != nil || has {
		return "", failed(o.UUID, err)
	}
	h, err := w.look(w.homes.home(o.UUID, o.Address))
	if err != nil || !h.found {
		return w.foretellReturn(o, err)
	}
	adopt := h.marked && w.cfg.Reuse == backend.AdoptForeign
	if !h.marked {
		// Without a record nobody has had a store yet: all that is there was there before this host was set up.
		if adopt = w.record.Version == 0; !adopt {
			if adopt, err = w.adoptable(h, o); err != nil {
				return "", failed(o.UUID, err)
			}
		}
	}
	if adopt {
		return "adopts the store that is there", nil
	}
	return "puts the store that is there into quarantine", nil
}

func (w *work) foretellReturn(o backend.Owner, err error) (string, error) {
	if err != nil {
		return "", failed(o.UUID, err)
	}
	if _, kept, err := w.returning(o); err != nil || !kept {
		return "", failed(o.UUID, err)
	}
	return "brings back the store that was set aside", nil
}
