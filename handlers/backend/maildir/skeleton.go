package maildir

import (
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
func (s *Spool) furnish(made *confine.Tree, place string) error {
	if s.cfg.Skeleton == nil {
		return nil
	}
	files := s.cfg.Skeleton(place)
	at := time.Now().Add(-time.Duration(len(files)) * time.Second)
	for _, f := range files {
		at = at.Add(time.Second)
		if err := s.add(made, f, at); err != nil {
			return err
		}
	}
	return nil
}

func (s *Spool) add(home *confine.Tree, f File, at time.Time) error {
	folder, name := path.Split(f.Name)
	in, err := home, error(nil)
	if folder != "" {
		in, err = home.Branch(path.Clean(folder), 0o700)
	}
	if err != nil {
		return err
	}
	if f.Link == "" {
		err = in.File(name, f.Data, s.owner)
	} else {
		err = in.Link(name, f.Link)
	}
	if err != nil {
		return err
	}
	return in.Date(name, at)
}
