package cyrus

import (
	"context"
	"errors"
	"fmt"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/handlers/backend/cyrus/replica"
	"github.com/mailreg/mailreg/schema"
)

// Dial opens a session of the administrator by which the store of a user is copied; as a user when as is one.
func (b *Backend) Dial(ctx context.Context, as string) (*replica.Session, error) {
	s, err := replica.Dial(ctx, replica.Login{Address: b.cfg.Address, User: b.cfg.User, Secret: b.cfg.Secret, As: as})
	if err != nil {
		return nil, down(ctx, err)
	}
	return s, nil
}

// Place returns the inbox of the owner's store; found is false when the owner has none in place.
func (b *Backend) Place(ctx context.Context, uuid schema.UUID, _ ...schema.Address) (place string, found bool, err error) {
	err = b.away(ctx, backend.Away{UUID: uuid}, func(_ *work, st store) error {
		place, found = st.name, true
		return nil
	})
	return place, found, err
}

// HasMail reports whether the owner has a store in place with a message in it.
func (b *Backend) HasMail(ctx context.Context, uuid schema.UUID, _ ...schema.Address) (bool, error) {
	place, found, err := b.Place(ctx, uuid)
	if err != nil || !found {
		return false, err
	}
	return b.holdsMail(ctx, place)
}

func (b *Backend) holdsMail(ctx context.Context, inbox string) (has bool, err error) {
	err = b.replicate(ctx, func(s *replica.Session) error {
		has, err = s.HasMail(user(inbox))
		return err
	})
	return has, err
}

func (b *Backend) replicate(ctx context.Context, act func(s *replica.Session) error) error {
	within, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	s, err := b.Dial(within, "")
	if err != nil {
		return err
	}
	defer s.Close()
	return act(s)
}

// Account returns zeros: Cyrus has its own account for all stores.
func (b *Backend) Account() (uid, gid int) { return 0, 0 }

// Reserve makes an empty inbox for a user who is awaited, so that mail gets no 550; nobody has looked at one that is there.
// Idempotent.
func (b *Backend) Reserve(ctx context.Context, a schema.Address) error {
	if err := checkAddress(a); err != nil {
		return err
	}
	return b.replicate(ctx, func(s *replica.Session) error { return s.Reserve(a.String()) })
}

// Incoming makes the owner's place ready for a copy from another host: what lies there with mail in it goes aside, and is merged
// when the copy has arrived. Idempotent as long as nothing has been copied. It returns the name of the inbox.
func (b *Backend) Incoming(ctx context.Context, o backend.Owner) (string, error) {
	place := inbox(o.Address)
	if err := checkAddress(o.Address); err != nil {
		return "", err
	}
	has, err := b.holdsMail(ctx, place)
	if err != nil {
		return "", failed(o.UUID, err)
	}
	if err := b.clear(ctx, o, has); err != nil {
		return "", failed(o.UUID, err)
	}
	return place, b.Reserve(ctx, o.Address)
}

func (b *Backend) clear(ctx context.Context, o backend.Owner, has bool) error {
	w, err := b.begin(ctx)
	if err != nil {
		return err
	}
	defer w.end()
	if err := w.firstStore(); err != nil {
		return err
	}
	if own, found, err := w.locate(o.UUID); err != nil {
		return err
	} else if found && own.name != inbox(o.Address) {
		if _, err := w.put(quarantine, own, backend.Early); err != nil {
			return err
		}
	}
	if !has {
		return nil
	}
	st, err := w.look(inbox(o.Address))
	if err != nil || !st.found {
		return err
	}
	return w.makeWay(st, o)
}

// Withdraw removes what a copy has left in the owner's place, or the empty inbox that was reserved there when it has not begun.
// Idempotent.
func (b *Backend) Withdraw(ctx context.Context, o backend.Owner, begun bool) error {
	place := inbox(o.Address)
	if !begun {
		if has, err := b.holdsMail(ctx, place); err != nil || has {
			return err
		}
	}
	w, err := b.begin(ctx)
	if err != nil {
		return err
	}
	defer w.end()
	st, err := w.look(place)
	if err != nil || !st.found || !begun && st.marked {
		return err
	}
	w.host.owners = nil
	return failed(o.UUID, w.discard(place))
}

// Arrive makes the copy in the owner's place the owner's store, and merges into it what the owner has had here. Without a copy
// the owner gets a store as by Ensure. Idempotent.
func (b *Backend) Arrive(ctx context.Context, o backend.Owner, _ bool) error {
	w, err := b.begin(ctx)
	if err != nil {
		return err
	}
	defer w.end()
	w.host.owners = nil // the copy has brought a mark along
	return failed(o.UUID, w.receive(o))
}

// receive goes by the mark that the copy has brought along.
func (w *work) receive(o backend.Owner) error {
	if err := w.firstStore(); err != nil {
		return err
	}
	st, err := w.look(inbox(o.Address))
	if err != nil {
		return err
	}
	if err := w.know(); err != nil {
		return err
	}
	switch {
	case !st.found:
		err = w.ensure(o, true)
	case st.marked && !st.belongs(o.UUID):
		err = fmt.Errorf("%s is the store of %s", st.name, st.mark.UUID)
	case st.marked:
		err = w.label(st, o)
	default: // what was only reserved
		if err = w.furnish(st.name, true); err == nil {
			err = w.label(st, o)
		}
	}
	if err != nil {
		return err
	}
	w.cfg.Logger.Info("store arrived", "uuid", o.UUID)
	for {
		back, kept, err := w.returning(o)
		if err != nil || !kept {
			return err
		}
		if err := w.merge(back, inbox(o.Address)); err != nil {
			return err
		}
	}
}

// Retire puts the store of an owner aside whose mail is on another host now: into the trash, else into quarantine until a
// person purges it. It does not come back by itself. Idempotent.
func (b *Backend) Retire(ctx context.Context, a backend.Away, remove bool) error {
	return b.away(ctx, a, func(w *work, st store) error {
		to := quarantine
		if remove {
			to = trash
		}
		kept, err := w.put(to, st, backend.Moved)
		if err != nil || !remove || w.cfg.Keep > 0 {
			return err
		}
		return w.discard(kept.name)
	})
}

// Boxes returns the mailboxes of a user's store.
func (b *Backend) Boxes(ctx context.Context, a schema.Address) (boxes map[string]backend.Box, err error) {
	err = b.replicate(ctx, func(s *replica.Session) error {
		boxes, err = s.Boxes(a.String())
		return err
	})
	if r := (*replica.Refused)(nil); err != nil && !errors.As(err, &r) {
		err = down(ctx, err)
	}
	return boxes, err
}
