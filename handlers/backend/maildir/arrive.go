package maildir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/handlers/backend/confine"
	"github.com/mailreg/mailreg/schema"
)

// Place returns the path of the owner's store; found is false when the owner has none in place. The hints are addresses
// where it may lie.
func (s *Spool) Place(ctx context.Context, uuid schema.UUID, hints ...schema.Address) (place string, found bool, err error) {
	w, err := s.begin(ctx)
	if err != nil {
		return "", false, err
	}
	defer w.end()
	h, found, err := w.locate(uuid, hints...)
	return path.Join(w.homes.base, h.rel), found, err
}

// Account returns the numbers of the user and group that own the homes.
func (s *Spool) Account() (uid, gid int) { return s.owner.UID, s.owner.GID }

// incomingPlace is where the copy of a store is made that comes from another host.
func (w *work) incomingPlace(uuid schema.UUID) string {
	return path.Join(w.homes.private, ".incoming", uuid.String())
}

// Incoming makes ready for the copy of a store that comes from another host, and returns the path of it. Mail does not get
// there, so the copy may be made equal to its source again and again. Idempotent.
func (s *Spool) Incoming(ctx context.Context, o backend.Owner) (string, error) {
	uuid := o.UUID
	w, err := s.begin(ctx)
	if err != nil {
		return "", err
	}
	defer w.end()
	if err := w.firstStore(); err != nil {
		return "", failed(uuid, err)
	}
	place := w.incomingPlace(uuid)
	parent, _, err := w.makeParent(place)
	if err != nil {
		return "", failed(uuid, err)
	}
	parent.Close()
	return path.Join(w.homes.base, place), nil
}

// Withdraw removes the copy that Incoming was for. Idempotent.
func (s *Spool) Withdraw(ctx context.Context, o backend.Owner) error {
	uuid := o.UUID
	w, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer w.end()
	parent, name, err := w.parent(w.incomingPlace(uuid))
	if absent(err) {
		return nil
	}
	if err != nil {
		return failed(uuid, err)
	}
	defer parent.Close()
	area, _, err := w.makeParent(path.Join(trash.dir(), "any"))
	if err != nil {
		return failed(uuid, err)
	}
	defer area.Close()
	for n := 1; ; n++ {
		dead := fmt.Sprintf("%s%s.%d", deadPrefix, name, n)
		err := parent.Move(name, area, dead)
		switch {
		case errors.Is(err, fs.ErrExist):
		case absent(err):
			return nil
		case err != nil:
			return failed(uuid, err)
		default:
			return failed(uuid, area.RemoveAll(dead))
		}
	}
}

// Arrive puts the copy that Incoming was for into the owner's place, and merges into it what the owner has had here: mail
// that came early, and stores that come back. Without a copy the owner gets a store as by Ensure. join says that the owner was here
// all along: then a store with mail stays in place, and it is the copy that is merged. Idempotent.
func (s *Spool) Arrive(ctx context.Context, o backend.Owner, join bool) error {
	w, err := s.beginChange(ctx)
	if err != nil {
		return err
	}
	defer w.end()
	return failed(o.UUID, w.making(ctx, func() error { return w.arrive(o, join) }))
}

func (w *work) arrive(o backend.Owner, join bool) error {
	if err := w.firstStore(); err != nil {
		return err
	}
	copied, err := w.look(w.incomingPlace(o.UUID))
	if err != nil {
		return err
	}
	if !copied.found {
		if err := w.ensure(o, true); err != nil {
			return err
		}
		return w.mergeBack(o)
	}
	want := w.homes.home(o.UUID, o.Address)
	if err := w.remark(copied.rel, o); err != nil {
		return err
	}
	if join {
		has, found, err := w.locate(o.UUID, o.Address)
		if err != nil {
			return err
		}
		if found && w.holdsMail(has) {
			return w.joinCopy(o)
		}
	}
	if err := w.point(o.UUID, want); err != nil {
		return err
	}
	// Whoever asked Dovecot before the address was closed may make a home at the last moment.
	for range 10 {
		if err = w.clearFor(want, o); err != nil {
			return err
		}
		if err = w.move(copied.rel, want); !errors.Is(err, fs.ErrExist) {
			break
		}
	}
	if err != nil {
		return err
	}
	w.cfg.Logger.Info("store arrived", "uuid", o.UUID)
	if err := w.label(want, o); err != nil {
		return err
	}
	return w.mergeBack(o)
}

// clearFor puts aside whatever the owner has in place, and takes the new place from anybody else.
func (w *work) clearFor(want string, o backend.Owner) error {
	if has, found, err := w.locate(o.UUID, o.Address); err != nil {
		return err
	} else if found {
		if _, err := w.put(quarantine, has, backend.Early); err != nil {
			return err
		}
	}
	theirs, err := w.vacate(want, o)
	if err != nil || !theirs {
		return err
	}
	if err := w.remark(want, o); err != nil {
		return err
	}
	h, err := w.look(want)
	if err == nil {
		_, err = w.put(quarantine, h, backend.Early)
	}
	return err
}

// mergeBack merges what comes back to an owner into the store in place. What cannot be merged stays for a person.
func (w *work) mergeBack(o backend.Owner) error {
	has, found, err := w.locate(o.UUID, o.Address)
	if err != nil || !found {
		return err
	}
	for {
		back, kept, err := w.returning(o)
		if err != nil || !kept {
			return err
		}
		left, err := w.mergeFrom(back, has.rel, false)
		if err != nil {
			return err
		}
		if left > 0 {
			if err := w.keepLeft(back); err != nil {
				return err
			}
		}
	}
}

// keepLeft gives up an item of which files were left: it is not merged again.
func (w *work) keepLeft(i item) error {
	d, err := w.base.Walk(i.rel())
	if err != nil {
		return err
	}
	defer d.Close()
	i.info.Cause = backend.Moved
	w.cfg.Logger.Warn("files could not be merged and stay", "uuid", i.info.UUID, "id", i.id)
	return d.Replace(infoName, line(i.info), confine.Caller())
}

// Retire puts the store of an owner aside whose mail is on another host now: into the trash, else into quarantine until a
// person purges it. It does not come back by itself. Idempotent.
func (s *Spool) Retire(ctx context.Context, a backend.Away, remove bool) error {
	return s.away(ctx, a, func(w *work, h home) error {
		to := quarantine
		if remove {
			to = trash
		}
		i, err := w.put(to, h, backend.Moved)
		if err != nil || !remove || s.cfg.Keep > 0 {
			return err
		}
		return w.discard(i)
	})
}

// holdsMail reports whether there is a message in the inbox or a folder of a store.
func (w *work) holdsMail(h home) bool {
	maildir, err := w.base.Walk(path.Join(h.rel, "Maildir"))
	if err != nil {
		return false
	}
	defer maildir.Close()
	names, err := maildir.Names()
	if err != nil {
		return true
	}
	for _, name := range append(names, ".") {
		for _, sub := range []string{"cur", "new"} {
			d, err := w.base.Walk(path.Join(h.rel, "Maildir", name, sub))
			if err != nil {
				continue
			}
			messages, err := d.Names()
			d.Close()
			if err != nil || len(messages) > 0 {
				return true
			}
		}
	}
	return false
}

// joinCopy merges the copy into the store in place.
func (w *work) joinCopy(o backend.Owner) error {
	copied, err := w.look(w.incomingPlace(o.UUID))
	if err != nil {
		return err
	}
	if _, err := w.put(quarantine, copied, backend.Early); err != nil {
		return err
	}
	return w.mergeBack(o)
}

// HasMail reports whether the owner has a store in place with a message in it.
func (s *Spool) HasMail(ctx context.Context, uuid schema.UUID, hints ...schema.Address) (bool, error) {
	w, err := s.begin(ctx)
	if err != nil {
		return false, err
	}
	defer w.end()
	h, found, err := w.locate(uuid, hints...)
	return found && err == nil && w.holdsMail(h), err
}
