package model_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/go-cmp/cmp"

	"github.com/mailreg/mailreg/listener/store"
	"github.com/mailreg/mailreg/schema"
	"github.com/mailreg/mailreg/tests/harness"
)

// verdict collects what is wrong, so that rapid can look for a shorter way to it.
type verdict struct{ wrong []string }

func (v *verdict) errorf(format string, args ...any) {
	v.wrong = append(v.wrong, fmt.Sprintf(format, args...))
}

// directory returns what the listener should have: the entries at and below its base.
func (l *lab) directory() map[schema.UUID]*schema.Entry {
	l.t.Helper()
	entries := map[schema.UUID]*schema.Entry{}
	scope := schema.Scope{Base: inside, Host: harness.ListenerDN}
	for _, e := range l.slapd.Entries(scope.Filter(), scope.Attributes()...) {
		if e.DN == inside || strings.HasSuffix(e.DN, ","+inside) {
			entries[e.UUID] = e
		}
	}
	return entries
}

// view looks at the store of the stopped listener.
func (l *lab) view(look func(*store.Tx) error) {
	l.t.Helper()
	st, err := store.Open(filepath.Join(l.root, "var/lib/mailreg/listener.db"))
	if err != nil {
		l.t.Fatalf("%v", err)
	}
	if err := errors.Join(st.View(look), st.Close()); err != nil {
		l.t.Fatalf("%v", err)
	}
}

// check compares what the listener has at rest with the directory: the replica, what each handler has acknowledged, and
// the mail that is in the stores. With strict nothing may wait for a person any more. It stops the listener.
func (l *lab) check(sent []letter, strict bool) []string {
	l.t.Helper()
	v := &verdict{}
	l.daemon.Stop()
	l.stopped = true
	want := l.directory()
	waiting := map[schema.UUID]bool{}
	l.view(func(tx *store.Tx) error {
		l.checkReplica(v, tx, want)
		for _, name := range tx.State().Handlers {
			if name == "mailbox" || name == "journal" {
				l.checkHandler(v, tx.Handler(name), name, want, waiting)
			}
		}
		return nil
	})
	if strict && len(waiting) > 0 {
		v.errorf("%d entries wait for a person although nothing is in the way", len(waiting))
	}
	if !l.setup.daemon && !strict {
		l.checkJournal(v, want, waiting)
	}
	l.checkMail(v, sent, want, waiting)
	return v.wrong
}

func (l *lab) checkReplica(v *verdict, tx *store.Tx, want map[schema.UUID]*schema.Entry) {
	got := map[schema.UUID]*schema.Entry{}
	for e := range tx.Entries(schema.UUID{}) {
		got[e.UUID] = e
	}
	if diff := cmp.Diff(want, got); diff != "" {
		v.errorf("replica, -directory +replica:\n%s", diff)
	}
}

// checkHandler demands that a handler has acknowledged what the directory says, or that it is said why not.
func (l *lab) checkHandler(v *verdict, h *store.Handler, name string, want map[schema.UUID]*schema.Entry, waiting map[schema.UUID]bool) {
	marks := map[schema.UUID]store.Mark{}
	for m := range h.Marks() {
		marks[m.UUID] = m
		waiting[m.UUID] = true
		if m.Class != store.Parked && m.Class != store.Held || m.Reason == "" {
			v.errorf("%s: left with %+v", name, m)
		}
	}
	all := slices.Collect(h.AckedIDs())
	all = slices.AppendSeq(all, maps.Keys(want))
	for _, uuid := range all {
		entry := want[uuid]
		if !schema.IsMailbox(entry) {
			entry = nil
		}
		_, dirty := marks[uuid]
		acked := h.Acked(uuid)
		if !dirty && !acked.Entry.Equal(entry) {
			v.errorf("%s: acknowledged %v, the directory has %v, and no mark", name, acked.Entry, entry)
		}
		for _, r := range acked.Claims {
			if owner, _ := h.Owner(r); owner != uuid {
				v.errorf("%s: %s is owned by %s, acknowledged for %s", name, r, owner, uuid)
			}
		}
	}
}

func (l *lab) checkJournal(v *verdict, want map[schema.UUID]*schema.Entry, waiting map[schema.UUID]bool) {
	lines := map[string]string{}
	files, err := os.ReadDir(filepath.Join(l.root, "journal"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		l.t.Fatalf("reading the journal: %v", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(filepath.Join(l.root, "journal", file.Name()))
		if err != nil {
			l.t.Fatalf("reading the journal: %v", err)
		}
		lines[file.Name()] = string(data)
	}
	for uuid, entry := range want {
		if schema.IsMailbox(entry) && !waiting[uuid] && lines[uuid.String()] != entry.First(schema.AttrPrimaryAddress) {
			v.errorf("journal: %s has %q, the directory %v", uuid, lines[uuid.String()], entry)
		}
	}
	for name := range lines {
		uuid, err := schema.ParseUUID(name)
		if err != nil || !waiting[uuid] && !schema.IsMailbox(want[uuid]) {
			v.errorf("journal: %s is left over", name)
		}
	}
}

// letter is a message that was put into somebody's store.
type letter struct {
	subject string
	owner   schema.UUID
}

// deliver puts a letter into the store of each mail user; the listener is at rest, so that everyone has one.
func (l *lab) deliver(sent []letter) []letter {
	l.t.Helper()
	for path, owner := range l.homes() {
		if strings.Contains(path, "/.") {
			continue // set aside
		}
		subject := fmt.Sprintf("%s-%d", owner, len(sent))
		l.spool.Deliver(path, subject)
		sent = append(sent, letter{subject, owner})
	}
	return sent
}

// homes returns the owner of each store, those set aside included, by its path below the spool.
func (l *lab) homes() map[string]schema.UUID {
	l.t.Helper()
	homes := map[string]schema.UUID{}
	err := filepath.WalkDir(l.spool.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != ".mailreg-owner" {
			return err
		}
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		var mark struct{ UUID schema.UUID }
		if err := json.NewDecoder(bufio.NewReader(file)).Decode(&mark); err != nil {
			return err
		}
		below, err := filepath.Rel(l.spool.Dir, filepath.Dir(path))
		homes[below] = mark.UUID
		return err
	})
	if err != nil {
		l.t.Fatalf("reading the spool: %v", err)
	}
	return homes
}

// checkMail demands that each letter is there once and in a store of its owner, or of an heir that a person has approved of,
// in place for all who live and have an address, and that nobody has two stores in place.
func (l *lab) checkMail(v *verdict, sent []letter, want map[schema.UUID]*schema.Entry, waiting map[schema.UUID]bool) {
	found, homes := l.spool.Messages(), l.homes()
	inPlace := map[schema.UUID]string{}
	for path, owner := range homes {
		if strings.Contains(path, "/.") || strings.HasPrefix(path, ".") {
			continue
		}
		if other := inPlace[owner]; other != "" {
			v.errorf("%s has the stores %s and %s", owner, other, path)
		}
		inPlace[owner] = path
	}
	for _, m := range sent {
		paths := found[m.subject]
		if len(paths) != 1 {
			v.errorf("the letter %s is in %q, want it once", m.subject, paths)
			continue
		}
		home, _, _ := strings.Cut(paths[0], "/Maildir/")
		if owner, ok := homes[home]; !ok || !l.related(m.owner, owner) {
			v.errorf("the letter %s is in %s, a store of %s", m.subject, home, owner)
		}
		if schema.IsMailbox(want[m.owner]) && !waiting[m.owner] && home != inPlace[m.owner] {
			v.errorf("the letter %s of a living owner is in %s, whose store is %q", m.subject, home, inPlace[m.owner])
		}
	}
	for uuid, entry := range want {
		if waiting[uuid] || !schema.IsMailbox(entry) {
			continue
		}
		home := harness.HomeByID(uuid.String())
		if l.setup.layout == "address" {
			home = harness.HomeByAddress(entry.First(schema.AttrPrimaryAddress))
		}
		if inPlace[uuid] != home {
			v.errorf("%s has the store %q, want %s", uuid, inPlace[uuid], home)
		}
	}
}
