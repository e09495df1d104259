package maildir

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/schema"
)

// files lists the files of a home with their contents, ours left out.
func (w *world) files(home string) []string {
	w.t.Helper()
	var list []string
	root := w.file(home)
	w.must(filepath.WalkDir(root, func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == MarkName {
			return err
		}
		data, err := os.ReadFile(p)
		list = append(list, strings.TrimPrefix(p, root+"/")+": "+string(data))
		return err
	}))
	return list
}

func TestRestoreMerges(t *testing.T) {
	w := newWorld(t, backend.ByUUID)
	gone, heir := owner("a", "a@example.test"), owner("b", "b@example.test")
	w.ensure(gone, true)
	from := "private/by-id/" + gone.UUID.String()
	for name, text := range map[string]string{
		"Maildir/new/1.M1.host":               "one",
		"Maildir/cur/2.M2.host,S=3:2,FSac":    "two",
		"Maildir/tmp/9.M9.host":               "half",
		"Maildir/dovecot-keywords":            "0 $Work\n2 $Lost\n",
		"Maildir/dovecot.index":               "index",
		"Maildir/dovecot-uidlist":             "uids",
		"Maildir/subscriptions":               "V\t2\n\nSent\nOld\n",
		"Maildir/.Old/cur/3.M3.host:2,S":      "three",
		"Maildir/.Old/maildirfolder":          "",
		"Maildir/.Sent/new/4.M4.host":         "four",
		"Maildir/.Sent/dovecot-acl":           "user=friend lr",
		"Maildir/.Old/dovecot-acl":            "user=friend lr",
		".dovecot.sieve":                      "redirect",
		"sieve/mine.sieve":                    "keep;",
		"sieve/both.sieve":                    "old",
		"Maildir/.Sent/cur/5.M5.host,S=4:2,b": "five",
	} {
		w.write(text, from, name)
	}
	w.must(w.Trash(t.Context(), backend.Away{UUID: gone.UUID, From: gone.Address, Cause: backend.Deleted}))
	w.ensure(heir, true)
	into := "private/by-id/" + heir.UUID.String()
	for name, text := range map[string]string{
		"Maildir/cur/1.M1.host:2,S":           "another one",
		"Maildir/new/2.M2.host,S=3":           "another two",
		"Maildir/dovecot-keywords":            "0 $Other\n3 $Work\n",
		"Maildir/dovecot-uidlist":             "own uids",
		"Maildir/subscriptions":               "V\t2\n\nSent\n",
		"Maildir/.Sent/cur/6.M6.host:2,":      "six",
		"Maildir/.Sent/cur/5.M5.host,S=4:2,S": "another five",
		"sieve/both.sieve":                    "new",
	} {
		w.write(text, into, name)
	}
	kept, err := w.Kept(t.Context())
	w.must(err)
	restored, err := w.Restore(t.Context(), kept[0].ID, gone.Address, heir.Address)
	w.must(err)
	if want := (backend.Restored{Path: "/var/spool/dovecot/" + into, Left: 3}); restored != want {
		t.Errorf("restored %+v, want %+v", restored, want)
	}
	want := []string{
		"Maildir/.Old/cur/3.M3.host:2,S: three",
		"Maildir/.Old/maildirfolder: ",
		"Maildir/.Sent/cur/5.M5.host,S=4:2,S: another five",
		"Maildir/.Sent/cur/5.M5.host-r1,S=4:2,b: five",
		"Maildir/.Sent/cur/6.M6.host:2,: six",
		"Maildir/.Old/dovecot-acl: user=friend lr", // the folder as it was
		"Maildir/.Sent/new/4.M4.host: four",
		"Maildir/cur/1.M1.host:2,S: another one",
		"Maildir/cur/2.M2.host-r1,S=3:2,FSdb: two", // $Work has another letter here, $Lost had none
		"Maildir/dovecot-keywords: 0 $Other\n1 $Lost\n3 $Work\n",
		"Maildir/dovecot-uidlist: own uids",
		"Maildir/new/1.M1.host-r1: one",
		"Maildir/new/2.M2.host,S=3: another two",
		"Maildir/subscriptions: V\t2\n\nSent\nOld\n",
		"sieve/both.sieve: new",
		"sieve/mine.sieve: keep;",
	}
	got := w.files(into)
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("merged (-want +got):\n%s", diff)
	}
	kept, err = w.Kept(t.Context())
	w.must(err)
	if len(kept) != 1 {
		t.Fatalf("what could not be merged is gone: %v", kept)
	}
	if u, err := w.Usage(t.Context(), kept[0]); u.Messages != 0 || err != nil {
		t.Errorf("%d messages were left, %v", u.Messages, err)
	}
}

func TestRestore(t *testing.T) {
	a, b := owner("a", "a@example.test"), owner("b", "a@example.test")
	for _, layout := range []backend.Layout{backend.ByUUID, backend.ByAddress} {
		for _, tt := range []struct {
			name  string
			setUp func(*world)
			asked string
			as    string
			want  string // a part of the state, or of the error
		}{
			{"into its place", func(*world) {}, "", "", "live aaaaaaaa a@example.test m1"},
			{"by address", func(*world) {}, "a@example.test", "", "live aaaaaaaa a@example.test m1"},
			{"into the owner's later store", func(w *world) { later := owner("a", "c@example.test"); w.make(later, "m2") }, "", "", "live aaaaaaaa c@example.test m1,m2"},
			{"address has another owner", func(w *world) { w.make(b, "m2") }, "", "", "belongs to another owner"},
			{"address has another owner, asked by it", func(w *world) { w.make(b, "m2") }, "a@example.test", "", "belongs to another owner"},
			{"to the other owner", func(w *world) { w.make(b, "m2") }, "a@example.test", "a@example.test", "live bbbbbbbb a@example.test m1,m2"},
			{"to an address without store", func(*world) {}, "", "c@example.test", "no store on this host"},
		} {
			t.Run(string(layout)+"/"+tt.name, func(t *testing.T) {
				w := newWorld(t, layout)
				w.make(a, "m1")
				w.must(w.Trash(t.Context(), backend.Away{UUID: a.UUID, From: a.Address, Cause: backend.Renamed}))
				tt.setUp(w)
				kept, err := w.Kept(t.Context())
				w.must(err)
				var asked, as schema.Address
				if tt.asked != "" {
					asked = owner("a", tt.asked).Address
				}
				if tt.as != "" {
					as = owner("a", tt.as).Address
				}
				_, err = w.Restore(t.Context(), kept[0].ID, asked, as)
				state := strings.Join(w.state(), "\n")
				if err != nil {
					state = err.Error()
				}
				if !strings.Contains(state, tt.want) {
					t.Errorf("got %s\nwant %s", state, tt.want)
				}
			})
		}
	}
}

// make gives an owner a store with a message.
func (w *world) make(o backend.Owner, message string) {
	w.t.Helper()
	w.ensure(o, false)
	w.deliver(o, message)
}

// TestRestoreAfterCrashes merges with a crash before each step, or a failure of it alone; each message is there once in
// the end.
func TestRestoreAfterCrashes(t *testing.T) {
	a, b := owner("a", "a@example.test"), owner("b", "b@example.test")
	for name, fault := range map[string]func(int) func(op, path string) error{"crash": crashAt, "failure": failAt} {
		for n := 0; ; n++ {
			w := newWorld(t, backend.ByUUID)
			w.make(a, "m1")
			w.deliver(a, "m2")
			w.write("s", "private/by-id", a.UUID.String(), "Maildir/.Sub/new/m3")
			w.must(w.Trash(t.Context(), backend.Away{UUID: a.UUID, From: a.Address, Cause: backend.Deleted}))
			w.make(b, "m1")
			kept, err := w.Kept(t.Context())
			w.must(err)
			w.reopen(fault(n))
			_, err = w.Restore(t.Context(), kept[0].ID, schema.Address{}, b.Address)
			if err != nil && !errors.Is(err, errCrash) {
				t.Fatalf("%s %d: %v", name, n, err)
			}
			w.reopen(nil)
			if left, leftErr := w.Kept(t.Context()); err != nil && leftErr == nil && len(left) == 1 {
				if _, err := w.Restore(t.Context(), kept[0].ID, schema.Address{}, b.Address); err != nil {
					t.Fatalf("%s %d: %v", name, n, err)
				}
			}
			w.want("live bbbbbbbb b@example.test m1,m1-r1,m2,m3", "link b@example.test bbbbbbbb")
			if t.Failed() {
				t.Fatalf("after a %s before change %d", name, n)
			}
			if err == nil {
				break
			}
		}
	}
}

func TestPurge(t *testing.T) {
	clock := at("05:37:15")
	w := newWorld(t, backend.ByUUID, func(c *Config) { c.Keep, c.Now = 48*time.Hour, func() time.Time { return clock } })
	for _, digit := range []string{"a", "b"} {
		o := owner(digit, digit+"@example.test")
		w.make(o, "m1")
		w.must(w.Trash(t.Context(), backend.Away{UUID: o.UUID, From: o.Address, Cause: backend.Deleted}))
		clock = clock.Add(24 * time.Hour)
	}
	c := owner("c", "c@example.test")
	w.make(c, "m1")
	w.must(w.Quarantine(t.Context(), backend.Away{UUID: c.UUID, From: c.Address}))
	w.write("", ".trash/.new-x/Maildir/new/m")
	w.write("", ".trash/20261124T000000Z-11111111/info")

	removed, err := w.Purge(t.Context())
	w.must(err)
	if diff := cmp.Diff([]string{"20261124T053715Z-aaaaaaaa"}, removed); diff != "" {
		t.Error(diff)
	}
	names, err := filepath.Glob(w.file(".trash/*"))
	w.must(err)
	if len(names) != 1 {
		t.Errorf("leftovers stay: %v", names)
	}
	clock = clock.Add(1000 * time.Hour)
	_, err = w.Purge(t.Context())
	w.must(err)
	w.want("quarantined-renamed cccccccc c@example.test m1")
	kept, err := w.Kept(t.Context())
	w.must(err)
	if _, err := w.PurgeIDs(t.Context(), kept[0].ID, "none"); err == nil {
		t.Error("an unknown id passes")
	}
	w.want("quarantined-renamed cccccccc c@example.test m1")
	_, err = w.PurgeIDs(t.Context(), kept[0].ID)
	w.must(err)
	w.want()
}

// TestPurgeGoesOn lets one store resist: the others go, and it is out of reach and goes the next time.
func TestPurgeGoesOn(t *testing.T) {
	w := newWorld(t, backend.ByUUID, func(c *Config) { c.Keep = time.Hour })
	for _, digit := range []string{"a", "b"} {
		o := owner(digit, digit+"@example.test")
		w.make(o, "m1")
		w.must(w.Trash(t.Context(), backend.Away{UUID: o.UUID, From: o.Address, Cause: backend.Deleted}))
	}
	w.reopen(func(op, path string) error {
		if op == "remove" && strings.Contains(path, "-aaaaaaaa") {
			return errCrash
		}
		return nil
	})
	removed, err := w.Empty(t.Context())
	if len(removed) != 2 || !errors.Is(err, errCrash) {
		t.Errorf("removed %q, %v", removed, err)
	}
	w.want()
	left := func() []string {
		names, err := filepath.Glob(w.file(".trash/.*"))
		w.must(err)
		return names
	}
	if names := left(); len(names) != 1 || !strings.Contains(names[0], ".dead-") {
		t.Errorf("the trash holds %q", names)
	}
	w.reopen(nil)
	_, err = w.Purge(t.Context())
	w.must(err)
	if names := left(); len(names) != 0 {
		t.Errorf("the trash holds %q", names)
	}
}

// TestStoreWithoutInfo proves that nothing is done to a store about which nothing is known.
func TestStoreWithoutInfo(t *testing.T) {
	w := newWorld(t, backend.ByUUID)
	area := w.file(".trash")
	w.write("", ".trash/20261124T053715Z-aaaaaaaa/home/Maildir/new/m1")
	if _, err := w.Kept(t.Context()); err == nil {
		t.Errorf("a store without info in %s passes unseen", area)
	}
	if _, err := w.Purge(t.Context()); err == nil {
		t.Errorf("a store without info in %s is purged unseen", area)
	}
	if _, err := os.Stat(filepath.Join(area, "20261124T053715Z-aaaaaaaa/home")); err != nil {
		t.Error(err)
	}
}
