package cyrus

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/emersion/go-imap/v2"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/schema"
)

// Restore puts a store that was moved aside back to its owner: into its place when that is free, else merged folder by
// folder into the store that the owner has. asked is the address by which a person named it, zero when by id. as gives it to
// the owner of another address; that needs a store.
func (b *Backend) Restore(ctx context.Context, id string, asked, as schema.Address) (backend.Restored, error) {
	w, err := b.begin(ctx)
	if err != nil {
		return backend.Restored{}, err
	}
	defer w.end()
	kept, err := w.byID(id)
	if err != nil {
		return backend.Restored{}, err
	}
	var place string
	if as.IsZero() {
		place, err = w.restoreOwn(kept, asked)
	} else {
		place, err = w.restoreAs(kept, as)
	}
	if err != nil {
		return backend.Restored{}, fmt.Errorf("restoring %s: %w", id, err)
	}
	return backend.Restored{Path: place}, nil
}

// byID returns the item of an id, which a person has typed: it is compared with what is there and never becomes a name.
func (w *work) byID(id string) (store, error) {
	all, err := w.items("")
	if err != nil {
		return store{}, err
	}
	for _, st := range all {
		if _, has, _ := item(st.name); has == id {
			return st, nil
		}
	}
	return store{}, fmt.Errorf("no store with the id %q was moved aside", id)
}

func (w *work) restoreAs(kept store, as schema.Address) (string, error) {
	st, err := w.look(inbox(as))
	if err != nil {
		return "", err
	}
	if !st.found {
		return "", fmt.Errorf("no store on this host has the address %s", as)
	}
	return st.name, w.merge(kept, st.name)
}

func (w *work) restoreOwn(kept store, asked schema.Address) (string, error) {
	uuid, a := kept.mark.UUID, kept.mark.address
	if strings.HasPrefix(kept.name, "shared/") {
		return "", errors.New("this is a shared folder, which comes back with its entry: say --as ADDRESS to have the mail elsewhere")
	}
	if uuid.IsZero() || a.IsZero() {
		return "", errors.New("nobody knows whose this store was: say --as ADDRESS")
	}
	own, alive, err := w.locate(uuid)
	if err != nil {
		return "", err
	}
	// The address by which a person named the store, and that which it had, must not mislead: whoever asks for the mail of
	// an address that is another's by now means perhaps that other one.
	for _, address := range []schema.Address{asked, a} {
		if address.IsZero() || alive && address == a && asked.IsZero() {
			continue
		}
		other, err := w.look(inbox(address))
		if err != nil {
			return "", err
		}
		if other.found && !other.belongs(uuid) {
			return "", fmt.Errorf("%s belongs to another owner by now: say --as ADDRESS", address)
		}
	}
	if alive {
		return own.name, w.merge(kept, own.name)
	}
	if err := w.firstStore(); err != nil {
		return "", err
	}
	want := inbox(a)
	there, err := w.look(want)
	switch {
	case err != nil:
		return "", err
	case there.found: // left behind by rename=no, and the owner has gone
		return want, w.merge(kept, want)
	default:
		return want, w.takeBack(kept, want, backend.Owner{UUID: uuid, Address: a})
	}
}

// merge moves what a store that was moved aside holds into another one, and removes it. It does so whatever the other one may
// hold: the mail is there already, and a user whose quota is used up could never have it back.
func (w *work) merge(kept store, into string) error {
	if err := w.follow(kept); err != nil {
		return err
	}
	limit, err := w.lift(&kept, into)
	if err != nil {
		return err
	}
	folders, err := w.folders(kept.name)
	if err != nil {
		return err
	}
	if err := w.pour(kept.name, into); err != nil {
		return err
	}
	for _, from := range folders {
		name, _ := folderName(kept.name, from)
		to := folder(into, name)
		err := w.change("making", to, func(s *session) error { return s.Create(to, nil).Wait() })
		if err != nil && !exists(err) {
			return err
		}
		if err := w.pour(from, to); err != nil {
			return err
		}
	}
	if err := w.limit(into, limit); err != nil {
		return err
	}
	_, id, _ := item(kept.name)
	w.cfg.Logger.Info("store merged", "uuid", kept.mark.UUID, "id", id)
	return w.discard(kept.name)
}

// lift takes the limit of a store away while another one is merged into it, and returns what to set afterwards. The mark of
// the other one remembers it; that of a folder, which can have no such mark, does not.
func (w *work) lift(kept *store, into string) (limit int64, err error) {
	limit = kept.mark.Lifted
	if limit == 0 {
		if limit, err = w.limitOf(into); err != nil || limit == 0 {
			return 0, err
		}
		kept.mark.Lifted = limit
		if strings.HasPrefix(kept.name, "user/") {
			if err := w.setMark(kept.name, kept.mark); err != nil {
				return 0, err
			}
		}
	}
	return limit, w.limit(into, 0)
}

// pour moves all messages of a mailbox into another one, flags and all. Cyrus moves each of them once.
func (w *work) pour(from, to string) error {
	return w.withRights(from, allRights(), func() error {
		return w.withRights(to, allRights(), func() error {
			return w.change("merging", from, func(s *session) error {
				selected, err := s.Select(from, nil).Wait()
				if err != nil {
					return err
				}
				if selected.NumMessages > 0 {
					_, err = s.Move(imap.SeqSet{{Start: 1, Stop: 0}}, to).Wait()
				}
				return errors.Join(err, s.Unselect().Wait())
			})
		})
	})
}

// allRights are those that a user has to the own mailboxes.
func allRights() imap.RightSet { return imap.RightSet("lrswipkxtea") }
