package maildir

import (
	"cmp"
	"path"
	"time"

	"github.com/mailreg/mailreg/handlers/backend/confine"
)

// File is what a new store holds beside its folders. It belongs to the mail user, and is there as soon as the store is.
type File struct {
	// Name is its path below the home: one name, or a folder and a name.
	Name string
	// Data is what a file holds; Link, when it is not empty, makes it a symbolic link to there.
	Data []byte
	Link string
}

// furnish adds what the caller wants every new store to hold. Its place is that where the store will be. Each file is dated a
// second later than the one before it, up to now: Dovecot takes a compiled Sieve script only when it is newer than the script.
func (w *work) furnish(made *confine.Dir, place string) error {
	if w.cfg.Skeleton == nil {
		return nil
	}
	files := w.cfg.Skeleton(place)
	at := time.Now().Add(-time.Duration(len(files)) * time.Second)
	for _, f := range files {
		at = at.Add(time.Second)
		if err := w.add(made, f, at); err != nil {
			return err
		}
	}
	return nil
}

func (w *work) add(home *confine.Dir, f File, at time.Time) error {
	folder, name := path.Split(f.Name)
	in, err := home.Walk(".")
	if err == nil && folder != "" {
		in.Close()
		in, err = home.Make(path.Clean(folder), 0o700, w.owner)
	}
	if err != nil {
		return err
	}
	defer in.Close()
	if f.Link == "" {
		err = in.Create(name, f.Data, w.owner)
	} else {
		err = cmp.Or(in.Link(name, f.Link), in.Chown(name, w.owner))
	}
	if err != nil {
		return err
	}
	return cmp.Or(in.Date(name, at), in.Sync())
}
