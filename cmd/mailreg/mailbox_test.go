package main

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/handlers/backend/maildir"
	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/listener/control/server"
	"github.com/mailreg/mailreg/schema"
)

// site is a root with a spool.
type site struct {
	t     *testing.T
	root  string
	spool *maildir.Spool
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{t: t, root: t.TempDir()}
	s.write("etc/mailreg/base.conf", "# mailreg layer file 1: base.conf\ndomainname: example.test\nhostname: mail1\n"+
		"mail/dovecot/location/gid: "+strconv.Itoa(os.Getgid())+"\nmail/dovecot/location/uid: "+strconv.Itoa(os.Getuid())+
		"\n# end of base.conf\n")
	spool, err := maildir.Open(maildir.Config{
		Root: s.root, Keep: 7 * 24 * time.Hour, Now: func() time.Time { return time.Date(2026, 11, 24, 5, 37, 15, 0, time.UTC) },
	})
	s.must(err)
	s.spool = spool
	return s
}

func (s *site) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) write(name, text string) {
	s.t.Helper()
	file := filepath.Join(s.root, name)
	s.must(os.MkdirAll(filepath.Dir(file), 0o755))
	s.must(os.WriteFile(file, []byte(text), 0o600))
}

func storeOwner(t *testing.T, digit, address string) backend.Owner {
	t.Helper()
	uuid, err := schema.ParseUUID(strings.Repeat(digit, 8) + "-0000-4000-8000-" + strings.Repeat(digit, 12))
	if err != nil {
		t.Fatal(err)
	}
	a, err := schema.ParseAddress(address)
	if err != nil {
		t.Fatal(err)
	}
	return backend.Owner{UUID: uuid, Address: a}
}

// mail gives an owner a store with a message.
func (s *site) mail(o backend.Owner, message string) {
	s.t.Helper()
	s.must(s.spool.Ensure(s.t.Context(), o, true))
	home := "var/spool/dovecot/private/by-id/" + o.UUID.String()
	s.write(home+"/Maildir/new/"+message, "Subject: "+message+"\n\n")
	s.write(home+"/last-login", "shared/last-login/"+o.Address.String()+"\n1795500000\n")
	for _, name := range []string{"new", "cur"} {
		s.must(os.Chtimes(filepath.Join(s.root, home, "Maildir", name), time.Time{}, time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC)))
	}
}

func (s *site) trash(o backend.Owner) {
	s.t.Helper()
	s.must(s.spool.Trash(s.t.Context(), backend.Away{UUID: o.UUID, From: o.Address, Cause: backend.Deleted}))
}

// run runs a command and returns what it printed with its exit code.
func (s *site) run(args ...string) (stdout, stderr string, code int) {
	var out, errors bytes.Buffer
	a := &app{stdin: strings.NewReader(""), stdout: &out, stderr: &errors, getenv: func(string) string { return "" }}
	code = a.run(s.t.Context(), append([]string{"--root", s.root}, args...))
	return out.String(), errors.String(), code
}

// wants runs a command and compares its output; a wanted error is a part of it.
func (s *site) wants(code int, stdout, stderr string, args ...string) {
	s.t.Helper()
	out, errors, got := s.run(args...)
	if diff := cmp.Diff(stdout, out); diff != "" || got != code || !strings.Contains(errors, stderr) || stderr == "" && errors != "" {
		s.t.Errorf("mailreg %s: exit %d, want %d, stderr %q\nstdout (-want +got):\n%s", strings.Join(args, " "), got, code, errors, diff)
	}
}

// directory is a daemon whose replica has the given entries.
type directory struct {
	fakeDaemon
	entries []control.Entry
	moves   []control.Move
}

func (d directory) Moves(context.Context) ([]control.Move, error) { return d.moves, nil }

func (d directory) Entries(_ context.Context, s control.Selection) ([]control.Entry, error) {
	var found []control.Entry
	for _, e := range d.entries {
		if s == (control.Selection{}) || s.UUID == e.UUID.String() {
			found = append(found, e)
		}
	}
	return found, nil
}

func (s *site) serve(entries ...control.Entry) {
	s.t.Helper()
	s.serveAll(directory{entries: entries})
}

// serveAll is serve for a daemon that knows of more; what it returns ends the daemon.
func (s *site) serveAll(d control.API) (stop func()) {
	s.t.Helper()
	l, err := server.Listen(filepath.Join(s.root, controlSocket))
	s.must(err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.Serve(ctx, l, d, slog.New(slog.DiscardHandler)) }()
	stop = sync.OnceFunc(func() {
		cancel()
		s.must(<-done)
	})
	s.t.Cleanup(stop)
	return stop
}

func entryOf(o backend.Owner, home string) control.Entry {
	return control.Entry{UUID: o.UUID, DN: "uid=" + o.Address.Local + ",dc=example,dc=test", Attrs: map[string][]string{
		"objectclass": {schema.ClassMail}, "mailprimaryaddress": {o.Address.String()}, "univentionmailhomeserver": {home},
	}}
}

func TestMailboxShow(t *testing.T) {
	s := newSite(t)
	anna, ben := storeOwner(t, "a", "anna@example.test"), storeOwner(t, "b", "ben@example.test")
	s.mail(anna, "m1")
	s.mail(ben, "m2")
	s.serve(entryOf(anna, "mail1.example.test"), entryOf(ben, "mail2.example.test"))

	s.wants(0, `ADDRESS            UUID                                  STATE   DN
anna@example.test  aaaaaaaa-0000-4000-8000-aaaaaaaaaaaa  live    uid=anna,dc=example,dc=test
ben@example.test   bbbbbbbb-0000-4000-8000-bbbbbbbbbbbb  orphan  uid=ben,dc=example,dc=test
`, "", "mailbox", "list")

	out, _, _ := s.run("mailbox", "show", "Anna@Example.test", "--json")
	var got map[string]any
	s.must(json.Unmarshal([]byte(out), &got))
	want := map[string]any{
		"path": "/var/spool/dovecot/private/by-id/aaaaaaaa-0000-4000-8000-aaaaaaaaaaaa", "uuid": anna.UUID.String(),
		"dn": "uid=anna,dc=example,dc=test", "address": "anna@example.test", "state": "live",
		"messages": 1.0, "bytes": 13.0, "last_mail": "2026-11-02T12:00:00Z", "last_login": "2026-11-24T06:00:00Z", "kept": []any{},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("show (-want +got):\n%s", diff)
	}
	s.wants(1, "", "no store on this host has the address carl@example.test", "mailbox", "show", "carl@example.test")

	out, _, _ = s.run("mailbox", "list", "--orphans")
	if lines := strings.Split(out, "\n"); len(lines) != 3 || !strings.Contains(lines[0], "UNUSED") ||
		!strings.HasPrefix(lines[1], "ben@example.test  bbbbbbbb-0000-4000-8000-bbbbbbbbbbbb  orphan  1         13     2026-11-02T12:00:00Z  2026-11-24T06:00:00Z") {
		t.Errorf("mailbox list --orphans:\n%s", out)
	}
	s.wants(1, "", "a dot must stand between", "mailbox", "show", "../x@example.test")
}

func TestMailboxWithoutDaemon(t *testing.T) {
	s := newSite(t)
	s.wants(0, "ADDRESS  UUID  STATE  DN\n", "W: owners are not known", "mailbox", "list")
	s.mail(storeOwner(t, "a", "anna@example.test"), "m1")
	out, errors, code := s.run("mailbox", "show", "anna@example.test")
	if code != 0 || !strings.Contains(out, "State: live\n") || !strings.Contains(errors, "W: owners are not known") {
		t.Errorf("exit %d\n%s%s", code, out, errors)
	}
}

func TestTrash(t *testing.T) {
	s := newSite(t)
	anna, later := storeOwner(t, "a", "anna@example.test"), storeOwner(t, "b", "anna@example.test")
	s.wants(0, "[]\n", "", "mailbox", "trash", "list", "--json")
	s.mail(anna, "m1")
	s.trash(anna)
	s.wants(0, `ID                         KIND     ADDRESS            UUID                                  SINCE
20261124T053715Z-aaaaaaaa  deleted  anna@example.test  aaaaaaaa-0000-4000-8000-aaaaaaaaaaaa  2026-11-24T05:37:15Z
`, "", "mailbox", "trash", "list")

	s.mail(later, "m2")
	s.wants(1, "", "say --as", "mailbox", "trash", "restore", "anna@example.test")
	s.wants(1, "", "no store on this host has the address carl@example.test",
		"mailbox", "trash", "restore", "anna@example.test", "--as", "carl@example.test")
	s.wants(0, "Restored: 20261124T053715Z-aaaaaaaa to /var/spool/dovecot/private/by-id/"+later.UUID.String()+"\n", "",
		"mailbox", "trash", "restore", "anna@example.test", "--as", "anna@example.test")
	s.wants(1, "", "no store of anna@example.test was moved aside", "mailbox", "trash", "restore", "anna@example.test")
	if _, err := os.Stat(filepath.Join(s.root, "var/spool/dovecot/private/by-id", later.UUID.String(), "Maildir/new/m1")); err != nil {
		t.Error(err)
	}
	s.trash(later)
	s.mail(anna, "m3")
	s.trash(anna)
	out, errors, code := s.run("mailbox", "trash", "restore", "anna@example.test")
	if code != 1 || strings.Count(out, "anna@example.test") != 2 || !strings.Contains(errors, "2 stores of anna@example.test") {
		t.Errorf("several matches: exit %d\n%s%s", code, out, errors)
	}
	s.wants(1, "", "no store with the id", "mailbox", "trash", "restore", "nothing")
	s.wants(1, "", "no store with the id", "mailbox", "trash", "purge", "../private")
	s.wants(0, "Purged: 20261124T053715Z-bbbbbbbb\n", "", "mailbox", "trash", "purge", "20261124T053715Z-bbbbbbbb")
	s.wants(2, "", "not both", "mailbox", "trash", "purge", "--all", "x")
	s.wants(0, "Purged: 20261124T053715Z-aaaaaaaa\n", "", "mailbox", "trash", "purge", "--all")
}

func TestAuthFlushWithoutServer(t *testing.T) {
	s := newSite(t)
	s.wants(0, "Skipped: dovecot (not running)\n", "", "auth", "flush")
	s.wants(0, "Skipped: dovecot (not running)\n", "", "auth", "flush", "anna@example.test")
}

// TestMailboxPlan has a daemon with a plan for one entry, which an address finds.
func TestMailboxPlan(t *testing.T) {
	s := newSite(t)
	s.serve()
	s.wants(0, "Planned: mailbox change 00000000-0000-0000-0000-000000000000 uid=anna (takes mail away)\n  move a@x to b@x\n  waits\n", "1 change", "mailbox", "plan")
	s.wants(1, "", "is no address", "mailbox", "plan", "nobody")
}
