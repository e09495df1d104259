package maildir

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io/fs"
	"strings"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/handlers/backend/confine"
	"github.com/mailreg/mailreg/schema"
)

// welcomeName is a file of a new store whose owner has not been welcomed yet. It holds one word: due, or sending from the
// moment before the mail is given away.
const (
	welcomeName = ".mailreg-welcome"
	welcomeDue  = "due\n"
	welcomeSent = "sending\n"
)

// WelcomeFile is the file of a skeleton that makes Welcome send.
func WelcomeFile() File { return File{Name: welcomeName, Data: []byte(welcomeDue)} }

// largestWelcome is up to which size a message can be the one that is looked for.
const largestWelcome = 64 << 10

// Welcome has the owner of a new store sent a mail, once: send delivers it, id is its Message-ID with the angle brackets. After
// a crash in between the store itself tells whether it has arrived. A store that was there before, or was welcomed, is left
// alone.
func (s *Spool) Welcome(ctx context.Context, o backend.Owner, id string, send func() error) error {
	home, err := s.unwelcomed(ctx, o)
	if err != nil || home == nil {
		return err
	}
	defer home.Close()
	state, err := home.Read(welcomeName, smallFile)
	if err != nil {
		return err
	}
	arrived := false
	if string(state) == welcomeSent {
		if arrived, err = holds(home, id); err != nil {
			return err
		}
	}
	if !arrived {
		if err := home.Replace(welcomeName, []byte(welcomeSent), confine.Caller()); err != nil {
			return err
		}
		if err := send(); err != nil {
			return err
		}
	}
	if err := home.Remove(welcomeName); err != nil {
		return err
	}
	return home.Sync()
}

// Unwelcomed returns the owners of stores in place who are still to be sent the first mail. It looks into each home.
func (s *Spool) Unwelcomed(ctx context.Context) (owners []backend.Owner, err error) {
	w, found, err := s.read(ctx)
	if err != nil || !found {
		return nil, err
	}
	defer w.end()
	for h, err := range w.all() {
		if err != nil || ctx.Err() != nil {
			return owners, cmp.Or(err, ctx.Err())
		}
		if !h.marked {
			continue
		}
		home, err := w.base.Walk(h.rel)
		if err != nil {
			continue // moved meanwhile
		}
		if _, due, err := home.Stat(welcomeName); err == nil && due {
			owners = append(owners, backend.Owner{UUID: h.mark.UUID, Address: h.mark.address})
		}
		home.Close()
	}
	return owners, nil
}

// unwelcomed opens the home of an owner who is still to be welcomed, nil when there is none.
func (s *Spool) unwelcomed(ctx context.Context, o backend.Owner) (*confine.Dir, error) {
	w, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer w.end()
	h, found, err := w.locate(o.UUID, o.Address)
	if err != nil || !found {
		return nil, err
	}
	home, err := w.base.Walk(h.rel)
	if err != nil {
		return nil, err
	}
	if _, due, err := home.Stat(welcomeName); err != nil || !due {
		home.Close()
		return nil, err
	}
	return home, nil
}

// holds reports whether a message with a Message-ID is in one of the folders of a home.
func holds(home *confine.Dir, id string) (bool, error) {
	maildir, err := home.Sub("Maildir")
	if err != nil {
		return false, err
	}
	defer maildir.Close()
	names, err := maildir.Names()
	if err != nil {
		return false, err
	}
	for _, name := range append(names, ".") {
		if name != "." && !strings.HasPrefix(name, ".") {
			continue
		}
		for _, sub := range []string{"new", "cur"} {
			found, err := folderHolds(maildir, name+"/"+sub, id)
			if err != nil || found {
				return found, err
			}
		}
	}
	return false, nil
}

func folderHolds(maildir *confine.Dir, rel, id string) (bool, error) {
	folder, err := maildir.Walk(strings.TrimPrefix(rel, "./"))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, schema.ErrInvalid) { // not a folder
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer folder.Close()
	names, err := folder.Names()
	if err != nil {
		return false, err
	}
	for _, name := range names {
		text, err := folder.Read(name, largestWelcome)
		if err == nil && bytes.Contains(text, []byte("Message-ID: "+id)) {
			return true, nil
		}
	}
	return false, nil // what cannot be read, or was moved meanwhile, is another one
}
