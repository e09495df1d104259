package mailbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/handlers/backend/maildir"
	"github.com/mailreg/mailreg/registry"
	"github.com/mailreg/mailreg/schema"
)

// host is a handler on a maildir spool in a scratch root.
type host struct {
	*Handler
	t    *testing.T
	root string
	// spool counts the calls of the backend and ends with errCrash from the limit on.
	spool *crashing
}

var errCrash = errors.New("crash")

// crashing is the maildir backend until a number of calls, and then no more.
type crashing struct {
	Backend
	calls []string
	limit int
}

func (c *crashing) call(op string, do func() error) error {
	if c.limit >= 0 && len(c.calls) >= c.limit {
		return errCrash
	}
	c.calls = append(c.calls, op)
	return do()
}

func (c *crashing) Ensure(ctx context.Context, o backend.Owner, follow bool) error {
	return c.call("ensure", func() error { return c.Backend.Ensure(ctx, o, follow) })
}

func (c *crashing) Keep(ctx context.Context, o backend.Owner) error {
	return c.call("keep", func() error { return c.Backend.Keep(ctx, o) })
}

func (c *crashing) Trash(ctx context.Context, a backend.Away) error {
	return c.call("trash", func() error { return c.Backend.Trash(ctx, a) })
}

func (c *crashing) Quarantine(ctx context.Context, a backend.Away) error {
	return c.call("quarantine", func() error { return c.Backend.Quarantine(ctx, a) })
}

func (c *crashing) Flush(_ context.Context, names ...string) error {
	return c.call("flush "+strings.Join(names, " "), func() error { return nil })
}

func (c *crashing) Kick(_ context.Context, names ...string) error {
	return c.call("kick "+strings.Join(names, " "), func() error { return nil })
}

func newHost(t *testing.T, settings ...string) *host {
	t.Helper()
	h := &host{t: t, root: scratch(t)}
	h.set(append([]string{"hostname: mail1", "domainname: example.test", "mail/mailbox/backend: maildir"}, settings...)...)
	h.restart(-1)
	return h
}

// scratch returns a directory that is gone after the test: in memory where the host can, since the stores fsync much.
func scratch(t *testing.T) string {
	t.Helper()
	root, err := os.MkdirTemp("/dev/shm", "mailbox")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	return root
}

// set writes the settings as a layer file.
func (h *host) set(lines ...string) {
	h.t.Helper()
	if os.Getuid() == 0 {
		lines = append(lines, "mail/dovecot/location/uid: 5000", "mail/dovecot/location/gid: 5000")
	} else {
		lines = append(lines, fmt.Sprintf("mail/dovecot/location/uid: %d", os.Getuid()), fmt.Sprintf("mail/dovecot/location/gid: %d", os.Getgid()))
	}
	slices.Sort(lines)
	text := "# mailreg layer file 1: base.conf\n" + strings.Join(lines, "\n") + "\n# end of base.conf\n"
	h.write(text, "etc/mailreg/base.conf")
}

func (h *host) write(text string, below string) {
	h.t.Helper()
	name := filepath.Join(h.root, below)
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o600)); err != nil {
		h.t.Fatal(err)
	}
}

// restart makes a new handler whose backend takes limit calls, any number when it is negative.
func (h *host) restart(limit int) {
	h.t.Helper()
	h.spool = nil
	view := registry.Open(h.root).View
	plain := New(Config{Root: h.root, View: view})
	_, backend, err := plain.open()
	if err != nil {
		h.t.Fatal(err)
	}
	h.spool = &crashing{Backend: backend, limit: limit}
	h.Handler = New(Config{Root: h.root, View: view, Backend: h.spool})
}

// stores lists the stores as "state uuid address messages".
func (h *host) stores() []string {
	h.t.Helper()
	var lines []string
	spool, err := h.spoolOf()
	if err != nil {
		h.t.Fatal(err)
	}
	add := func(s backend.Store) {
		names, _ := filepath.Glob(filepath.Join(h.root, s.Path, "Maildir/new/*"))
		for i, name := range names {
			names[i] = filepath.Base(name)
		}
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %s %s %s", s.State, s.UUID.String()[:1], s.Address, strings.Join(names, ","))))
	}
	for s, err := range spool.Stores(h.t.Context()) {
		if err != nil {
			h.t.Fatal(err)
		}
		add(s)
	}
	kept, err := spool.Kept(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	for _, s := range kept {
		add(s)
	}
	slices.Sort(lines)
	return lines
}

func (h *host) spoolOf() (*maildir.Spool, error) {
	view, err := h.cfg.View()
	if err != nil {
		return nil, err
	}
	return maildir.Open(SpoolConfig(h.root, view, nil))
}

func (h *host) want(lines ...string) {
	h.t.Helper()
	slices.Sort(lines)
	if diff := cmp.Diff(lines, h.stores()); diff != "" {
		h.t.Errorf("stores (-want +got):\n%s", diff)
	}
}

func (h *host) apply(c schema.Change) {
	h.t.Helper()
	if err := h.Apply(h.t.Context(), c); err != nil {
		h.t.Fatal(err)
	}
}

// deliver puts a message into the inbox of whoever has an address.
func (h *host) deliver(address, name string) {
	h.t.Helper()
	spool, err := h.spoolOf()
	if err != nil {
		h.t.Fatal(err)
	}
	a, err := schema.ParseAddress(address)
	if err != nil {
		h.t.Fatal(err)
	}
	found, err := spool.Find(h.t.Context(), a)
	if err != nil || len(found) == 0 || found[0].State != "live" {
		h.t.Fatalf("no store of %s: %v %v", address, found, err)
	}
	h.write("Subject: "+name+"\n", filepath.Join(found[0].Path, "Maildir/new", name))
}

func uuidOf(digit string) schema.UUID {
	uuid, err := schema.ParseUUID(strings.Repeat(digit, 8) + "-0000-4000-8000-" + strings.Repeat(digit, 12))
	if err != nil {
		panic(err)
	}
	return uuid
}

// person returns an entry; home may be "".
func person(digit, address, home string) *schema.Entry {
	attrs := []schema.Attribute{
		{Name: "objectClass", Values: []string{"person", schema.ClassMail}},
		{Name: "uid", Values: []string{"u" + digit}},
		{Name: schema.AttrPrimaryAddress, Values: []string{address}},
		{Name: "entryCSN", Values: []string{"20261124053715.123456Z#000000#000#000000"}},
	}
	if home != "" {
		attrs = append(attrs, schema.Attribute{Name: schema.AttrHomeServer, Values: []string{home}})
	}
	return schema.NewEntry(uuidOf(digit), "uid=u"+digit+",ou=people,dc=example,dc=test", attrs...)
}

func change(digit string, old, new *schema.Entry) schema.Change {
	return schema.Change{UUID: uuidOf(digit), Old: old, New: new}
}

// TestApplyTwiceAndAfterCrashes applies each change with a crash before each of its actions, then again and twice more.
func TestApplyTwiceAndAfterCrashes(t *testing.T) {
	a, b := person("a", "a@x.test", here), person("a", "b@x.test", here)
	for _, tt := range []struct {
		name     string
		old, new *schema.Entry
		// want is the outcome by "rename delete"; the store holds m1 before unless old is nil.
		want map[string][]string
	}{
		{"added", nil, a, map[string][]string{"no no": {"live a a@x.test"}}},
		{"address", a, b, map[string][]string{
			"yes no":  {"live a b@x.test m1"},
			"yes yes": {"live a b@x.test m1"},
			"no no":   {"live a b@x.test", "quarantined a a@x.test m1"},
			"no yes":  {"live a b@x.test", "deleted a a@x.test m1"},
		}},
		{"deleted", a, nil, map[string][]string{"yes no": {"live a a@x.test m1"}, "yes yes": {"deleted a a@x.test m1"}}},
		{"home moved away", a, person("a", "a@x.test", there), map[string][]string{
			"yes no": {"live a a@x.test m1"}, "yes yes": {"deleted a a@x.test m1"},
		}},
		{"empty home moved away", person("a", "a@x.test", ""), person("a", "a@x.test", there), map[string][]string{
			"yes yes": {"live a a@x.test m1"},
		}},
	} {
		for flags, want := range tt.want {
			rename, del, _ := strings.Cut(flags, " ")
			t.Run(tt.name+" "+flags, func(t *testing.T) {
				for limit := range 100 { // no plan has as many steps
					h := newHost(t, "mail/dovecot/mailbox/rename: "+rename, "mail/dovecot/mailbox/delete: "+del)
					if tt.old != nil {
						h.apply(change("a", nil, tt.old))
						h.deliver("a@x.test", "m1")
					}
					h.restart(limit)
					err := h.Apply(t.Context(), change("a", tt.old, tt.new))
					if err != nil && !errors.Is(err, errCrash) {
						t.Fatal(err)
					}
					h.restart(-1)
					for range 2 {
						h.apply(change("a", tt.old, tt.new))
					}
					h.want(want...)
					if err == nil || t.Failed() {
						break
					}
				}
			})
		}
	}
}

func TestCoalescedChanges(t *testing.T) {
	a, b, c := person("a", "a@x.test", here), person("a", "b@x.test", here), person("a", "c@x.test", here)
	for _, layout := range []string{"uuid", "address"} {
		t.Run(layout, func(t *testing.T) {
			h := newHost(t, "mail/dovecot/mailbox/rename: yes", "mail/dovecot/mailbox/delete: yes", "mail/dovecot/location/key: "+layout, "mail/mailbox/trash/keep: 7d")
			h.apply(change("a", nil, a)) // not acknowledged
			h.deliver("a@x.test", "m1")
			h.apply(change("a", nil, b)) // acknowledged
			h.want("live a b@x.test m1")
			h.apply(change("a", b, c)) // not acknowledged
			h.apply(change("a", b, a))
			h.want("live a a@x.test m1")
			h.apply(change("a", b, b))
			h.want("live a b@x.test m1")
			h.apply(change("a", b, c)) // not acknowledged
			h.spool.calls = nil
			h.apply(change("a", b, nil))
			h.want("deleted a c@x.test m1")
			if !slices.Contains(h.spool.calls, "kick b@x.test c@x.test") {
				t.Errorf("calls %q end no session of c@x.test", h.spool.calls)
			}
		})
	}
}

// TestRejectedChange takes a change of address as done without effect, as a person who rejects it does; then the entry
// changes in something else. The store stays with its owner, who sees the mail.
func TestRejectedChange(t *testing.T) {
	a, b := person("a", "a@x.test", here), person("a", "b@x.test", here)
	for _, del := range []string{"yes", "no"} {
		h := newHost(t, "mail/dovecot/mailbox/rename: no", "mail/dovecot/mailbox/delete: "+del)
		h.apply(change("a", nil, a))
		h.deliver("a@x.test", "m1")
		for range 2 {
			h.apply(change("a", b, b))
		}
		h.want("live a a@x.test m1")
		h.apply(change("a", b, a)) // the directory is mended
		h.want("live a a@x.test m1")
	}
}

func TestReturns(t *testing.T) {
	a, b := person("a", "a@x.test", here), person("a", "b@x.test", here)
	t.Run("from the trash", func(t *testing.T) {
		h := newHost(t, "mail/dovecot/mailbox/delete: yes", "mail/mailbox/trash/keep: 7d")
		h.apply(change("a", nil, a))
		h.deliver("a@x.test", "m1")
		h.apply(change("a", a, nil))
		h.apply(change("b", nil, person("b", "a@x.test", here)))
		h.want("deleted a a@x.test m1", "live b a@x.test")
		h.apply(change("a", nil, b))
		h.want("live a b@x.test m1", "live b a@x.test")
	})
	t.Run("old address with rename=no", func(t *testing.T) {
		h := newHost(t, "mail/dovecot/mailbox/rename: no")
		h.apply(change("a", nil, a))
		h.deliver("a@x.test", "m1")
		h.apply(change("a", a, b))
		h.deliver("b@x.test", "m2")
		c := person("a", "c@x.test", here)
		h.apply(change("a", b, c))
		h.want("live a c@x.test", "quarantined a a@x.test m1", "quarantined a b@x.test m2")
		h.apply(change("a", c, a))
		h.want("live a a@x.test m1", "quarantined a b@x.test m2", "quarantined a c@x.test")
	})
	t.Run("keep=0", func(t *testing.T) {
		h := newHost(t, "mail/dovecot/mailbox/delete: yes", "mail/mailbox/trash/keep: 0")
		h.apply(change("a", nil, a))
		h.apply(change("a", a, nil))
		h.want()
	})
}

func TestBadData(t *testing.T) {
	for _, address := range []string{"../x@d", "a b@x.test", "a@b@c", strings.Repeat("a", 300) + "@x.test", "a\x00@x.test", "a\n@x.test", "\xff@x.test"} {
		h := newHost(t)
		e := person("a", address, here)
		for _, c := range []schema.Change{change("a", nil, e), change("a", person("a", "a@x.test", here), e)} {
			err := h.Apply(t.Context(), c)
			if !errors.Is(err, schema.ErrInvalid) || strings.Count(err.Error(), e.DN) != 1 || strings.ContainsAny(err.Error(), "\x00\n") {
				t.Errorf("%q: error %q", address, err)
			}
			if h.Takes(c) || h.Claims(e) != nil {
				t.Errorf("%q takes or claims", address)
			}
		}
		h.want()
	}
}

// TestBrokenRegistry is about settings that cannot be read: no entry is at fault.
func TestBrokenRegistry(t *testing.T) {
	h := New(Config{Root: t.TempDir(), View: func() (*registry.View, error) { return nil, errors.New("base.conf is not whole") }})
	err := h.Apply(t.Context(), change("a", nil, person("a", "a@x.test", here)))
	if _, ok := errors.AsType[*schema.TargetDown](err); !ok {
		t.Errorf("error %v", err)
	}
}

func TestClaims(t *testing.T) {
	h := newHost(t)
	if diff := cmp.Diff([]string{"mailbox:anna.b@x.test"}, h.Claims(person("a", "Anna.B@X.test", there))); diff != "" {
		t.Error(diff)
	}
}

func TestLayoutIsChecked(t *testing.T) {
	h := newHost(t)
	h.apply(change("a", nil, person("a", "a@x.test", here)))
	h.set("hostname: mail1", "domainname: example.test", "mail/dovecot/location/key: address",
		"mail/dovecot/location/home: "+filepath.Join(h.root, "var/spool/dovecot/private/%d/%n"))
	view, err := registry.Open(h.root).View()
	if err != nil {
		t.Fatal(err)
	}
	if err := Check(h.root, view); !errors.As(err, new(*maildir.LayoutError)) {
		t.Errorf("Check: %v", err)
	}
}

func TestTargets(t *testing.T) {
	h := newHost(t)
	at, away := person("a", "a@x.test", here), person("a", "a@x.test", there)
	for _, c := range []struct {
		old, new *schema.Entry
		want     []string
	}{
		{nil, at, []string{"spool"}},
		{at, away, []string{"spool"}},
		{away, away, nil},
		{nil, person("a", "nonsense", here), nil},
	} {
		if got := h.Targets(change("a", c.old, c.new)); !slices.Equal(got, c.want) {
			t.Errorf("%v: %q", c, got)
		}
	}
}
