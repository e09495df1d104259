package maildir

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/schema"
)

// indexes lists the files in the directory of indexes.
func (w *world) indexes() (files []string) {
	w.t.Helper()
	w.must(filepath.WalkDir(w.cfg.Index, func(p string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(w.cfg.Index, p)
			files = append(files, rel)
		}
		return err
	}))
	return files
}

// index writes an index where a server would.
func (w *world) index(place string) {
	w.t.Helper()
	name := filepath.Join(w.cfg.Index, place)
	w.must(os.MkdirAll(name, 0o700))
	w.must(os.WriteFile(filepath.Join(name, "dovecot.index"), nil, 0o600))
}

// TestIndexFollows: the index goes where its store goes, and no store finds that of another.
func TestIndexFollows(t *testing.T) {
	a, b := owner("a", "a@example.test"), owner("a", "b@example.test")
	uuid := a.UUID.String()
	const item = ".away/20261124T053715Z-aaaaaaaa/dovecot.index"
	for layout, places := range map[backend.Layout][2]string{
		backend.ByUUID:    {"by-id/" + uuid, "by-id/" + uuid},
		backend.ByAddress: {"example.test/a", "example.test/b"},
	} {
		w := newWorld(t, layout)
		w.cfg.Index = filepath.Join(w.cfg.Root, "var/lib/dovecot/index")
		w.reopen(nil)
		wants := func(when string, want ...string) {
			t.Helper()
			if got := w.indexes(); !slices.Equal(got, want) {
				t.Errorf("%s, %s: %q, want %q", layout, when, got, want)
			}
		}
		w.ensure(a, true)
		w.index(places[0])
		if layout == backend.ByAddress {
			w.index(places[1]) // of a home that is not there any more
		}
		w.ensure(b, true)
		wants("renamed", places[1]+"/dovecot.index")
		w.must(w.Trash(t.Context(), backend.Away{UUID: a.UUID, From: b.Address, Cause: backend.Deleted}))
		wants("trashed", item)
		_, err := w.Restore(t.Context(), filepath.Base(filepath.Dir(item)), schema.Address{}, schema.Address{})
		w.must(err)
		wants("restored", places[1]+"/dovecot.index")
		w.must(w.convert(other(layout), nil, func() {}))
		after := w.inLayout(other(layout))
		converted := map[backend.Layout]string{backend.ByUUID: "example.test/b", backend.ByAddress: "by-id/" + uuid}[layout]
		wants("converted", converted+"/dovecot.index")
		after.must(after.Trash(t.Context(), backend.Away{UUID: a.UUID, From: b.Address, Cause: backend.Deleted}))
		wants("trashed again", item)
		after.cfg.Now = func() time.Time { return at("05:37:15").Add(8 * 24 * time.Hour) }
		after.reopen(nil)
		_, err = after.Purge(t.Context())
		after.must(err)
		wants("purged")
	}
}
