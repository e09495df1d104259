package maildir

import (
	"context"
	"path"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/handlers/backend/confine"
	"github.com/mailreg/mailreg/schema"
)

// Home calls use with the home of an owner's store, under the lock of the spool; found is false when the owner has none in
// place. The hints are addresses where it may lie.
func (s *Spool) Home(ctx context.Context, owner schema.UUID, use func(home *confine.Dir) error, hints ...schema.Address) (found bool, err error) {
	w, err := s.begin(ctx)
	if err != nil {
		return false, err
	}
	defer w.end()
	has, found, err := w.locate(owner, hints...)
	if err != nil || !found {
		return false, failed(owner, err)
	}
	home, err := w.base.Walk(has.rel)
	if err != nil {
		return false, failed(owner, err)
	}
	defer home.Close()
	return true, failed(owner, use(home))
}

// Wanted returns the path of the home that an owner is to have.
func (s *Spool) Wanted(o backend.Owner) string {
	return path.Join(s.homes.base, s.homes.home(o.UUID, o.Address))
}

// Beside opens a directory of the file system of the spool, next to its fixed part.
func (s *Spool) Beside(rel string) (*confine.Dir, error) {
	base, err := s.openBase()
	if err != nil {
		return nil, err
	}
	defer base.Close()
	return base.Walk(rel)
}
