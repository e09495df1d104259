package maildir

import (
	"context"
	"fmt"
	"path"

	"golang.org/x/sys/unix"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/handlers/backend/confine"
	"github.com/mailreg/mailreg/schema"
)

// Inspect tells how the owner's store differs from what Ensure would leave: no store, another address, another account that
// owns the files. It changes nothing.
func (s *Spool) Inspect(ctx context.Context, o backend.Owner) ([]schema.Difference, error) {
	w, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer w.end()
	has, found, err := w.locate(o.UUID, o.Address)
	switch {
	case err != nil:
		return nil, failed(o.UUID, err)
	case !found:
		return w.missing(o)
	case has.mark.address != o.Address || has.rel != w.homes.home(o.UUID, o.Address):
		return []schema.Difference{{What: "store", Want: o.Address.String(), Have: has.mark.address.String()}}, nil
	}
	account, err := w.account(has.rel)
	if err != nil || account == w.wanted() {
		return nil, failed(o.UUID, err)
	}
	return []schema.Difference{{What: "files", Want: w.wanted(), Have: account}}, nil
}

// missing tells what is where the owner's store should be.
func (w *work) missing(o backend.Owner) ([]schema.Difference, error) {
	d := schema.Difference{What: "store", Want: o.Address.String()}
	there, err := w.look(w.homes.home(o.UUID, o.Address))
	switch {
	case err != nil:
		return nil, failed(o.UUID, err)
	case there.marked:
		d.What, d.Want, d.Have = "owner", o.UUID.String(), there.mark.UUID.String()
	case there.found:
		d.Have = "unmarked"
	}
	return []schema.Difference{d}, nil
}

// wanted prints the account that homes belong to, as UID:GID; "" when any will do.
func (w *work) wanted() string {
	if w.owner == confine.Caller() {
		return ""
	}
	return fmt.Sprintf("%d:%d", w.owner.UID, w.owner.GID)
}

// account prints whose a home and the Maildir in it are; that of the first which is not as wanted.
func (w *work) account(rel string) (string, error) {
	if w.wanted() == "" {
		return "", nil
	}
	parent, name, err := w.parent(rel)
	if err != nil {
		return "", err
	}
	defer parent.Close()
	st, _, err := parent.Stat(name)
	if err != nil || w.strange(st) {
		return printed(st), err
	}
	home, err := parent.Sub(name)
	if err != nil {
		return "", err
	}
	defer home.Close()
	st, found, err := home.Stat("Maildir")
	if err != nil || found && w.strange(st) {
		return printed(st), err
	}
	return w.wanted(), nil
}

func (w *work) strange(st unix.Stat_t) bool {
	return w.owner.UID >= 0 && int(st.Uid) != w.owner.UID || w.owner.GID >= 0 && int(st.Gid) != w.owner.GID
}

func printed(st unix.Stat_t) string { return fmt.Sprintf("%d:%d", st.Uid, st.Gid) }

// own gives a home whose account is wrong to the right one, with all that is in it.
func (w *work) own(rel string) error {
	account, err := w.account(rel)
	if err != nil || account == w.wanted() {
		return err
	}
	parent, name, err := w.parent(rel)
	if err != nil {
		return err
	}
	defer parent.Close()
	home, err := parent.Sub(name)
	if err != nil {
		return err
	}
	defer home.Close()
	w.cfg.Logger.Warn("store of another account given to the mail user", "path", w.shown(path.Join(w.homes.base, rel)), "from", account)
	// The home comes last: when it is right, all is.
	if err := home.Own(w.owner, MarkName); err != nil {
		return err
	}
	return parent.OwnOne(name, w.owner)
}
