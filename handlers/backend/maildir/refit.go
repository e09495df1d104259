package maildir

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/handlers/backend/confine"
)

// originalName is a file of a home that tells what the Sieve script of the store was when we wrote it: its SHA-256, in a line
// of its own. While it is being replaced there are two lines.
const originalName = ".mailreg-sieve"

// largestScript is up to which size a script can be one of ours.
const largestScript = 64 << 10

// OriginalFile is the file of a skeleton by which Refit knows the script that the store begins with.
func OriginalFile(script []byte) File { return File{Name: originalName, Data: []byte(digest(script))} }

func digest(script []byte) string {
	sum := sha256.Sum256(script)
	return hex.EncodeToString(sum[:]) + "\n"
}

// Refit gives the stores in place whose owners have not changed the script that they began with the one that a new store
// would have, and returns their number. script is its path below a home, active what makes it count; files are what a new
// store at a place begins with, the script among them. A script that somebody has changed, or made, is left alone.
func (s *Spool) Refit(ctx context.Context, script, active string, files func(home string) ([]File, error)) (renewed int, err error) {
	var places []backend.Store
	for st, err := range s.Stores(ctx) {
		if err != nil {
			return 0, err
		}
		if st.State == "live" {
			places = append(places, st)
		}
	}
	for _, st := range places {
		changed, err := s.refit(ctx, st, func(r refit) (bool, error) {
			r.script, r.active = script, active
			return r.home(func() ([]File, error) { return files(r.place) })
		})
		if err != nil {
			return renewed, failed(st.UUID, err)
		}
		if changed {
			renewed++
		}
	}
	return renewed, nil
}

// refit is the work at one home.
type refit struct {
	*confine.Dir
	// place is the path of the home; script and active are paths below it.
	place, script, active string
	owner                 confine.Owner
}

// refit opens one home for a change. It may have moved since it was listed: then it is another one's turn.
func (s *Spool) refit(ctx context.Context, st backend.Store, do func(refit) (bool, error)) (bool, error) {
	w, err := s.begin(ctx)
	if err != nil {
		return false, err
	}
	defer w.end()
	h, err := w.look(st.Place)
	if err != nil || !h.marked || h.mark.UUID != st.UUID {
		return false, err
	}
	home, err := w.base.Walk(st.Place)
	if err != nil {
		return false, err
	}
	defer home.Close()
	return do(refit{Dir: home, place: w.base.Path(st.Place), owner: w.owner})
}

// home replaces the script of a home when it is one of ours.
func (r refit) home(files func() ([]File, error)) (bool, error) {
	known, err := r.Read(originalName, smallFile)
	if err != nil {
		return false, nil // it is none of ours, or nobody's file
	}
	in, err := r.Sub(path.Dir(r.script))
	if err != nil {
		return false, nil // gone, or a link: its owner's doing
	}
	defer in.Close()
	has, err := in.Read(path.Base(r.script), largestScript)
	if err != nil || !slices.Contains(strings.SplitAfter(string(known), "\n"), digest(has)) {
		return false, nil
	}
	all, err := files()
	if err != nil {
		return false, err
	}
	i := slices.IndexFunc(all, func(f File) bool { return f.Name == r.script })
	if i < 0 || string(all[i].Data) == string(has) {
		return false, nil
	}
	sum := digest(all[i].Data)
	if err := r.Replace(originalName, []byte(digest(has)+sum), r.owner); err != nil {
		return false, err
	}
	done, err := r.swap(in, all[i].Data, digest(has))
	if err != nil || !done {
		return false, err
	}
	if r.Target(r.active) == r.script {
		if err := r.recompile(all); err != nil {
			return false, err
		}
	}
	return true, r.Replace(originalName, []byte(sum), r.owner)
}

// swap puts a new script in the place of the one with a digest. One that its owner has stored meanwhile goes back.
func (r refit) swap(in *confine.Dir, text []byte, was string) (bool, error) {
	name := path.Base(r.script)
	temp := ".mailreg-tmp" + name
	err := cmp.Or(in.Remove(temp), in.Create(temp, text, r.owner), in.Date(temp, time.Now().Add(-time.Second)))
	if err != nil {
		return false, err
	}
	ok, err := in.Exchange(temp, in, name)
	if err != nil {
		return false, errors.Join(err, in.Remove(temp))
	}
	if !ok { // a file system that cannot
		return true, cmp.Or(in.Rename(temp, name), in.Sync())
	}
	before, err := in.Read(temp, largestScript)
	if err != nil || digest(before) != was {
		_, back := in.Exchange(temp, in, name)
		return false, cmp.Or(back, in.Remove(temp), in.Sync())
	}
	return true, cmp.Or(in.Remove(temp), in.Sync())
}

// recompile writes what was compiled ahead; else Dovecot does it with the next mail, for the script is newer than what it has.
func (r refit) recompile(all []File) error {
	name := strings.TrimSuffix(r.active, ".sieve") + ".svbin"
	for _, f := range all {
		if f.Name == name {
			return r.Replace(name, f.Data, r.owner)
		}
	}
	return nil
}
