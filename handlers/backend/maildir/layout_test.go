package maildir

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/schema"
)

func TestLayoutCheck(t *testing.T) {
	o := owner("a", "a@example.test")
	for _, tt := range []struct {
		name  string
		setUp func(*world)
		// has is the layout that the spool has, "" when any will do
		has backend.Layout
	}{
		{"no spool", func(*world) {}, ""},
		{"empty spool", func(w *world) { w.must(os.MkdirAll(w.file("private/by-id"), 0o755)) }, ""},
		{"record uuid", func(w *world) { w.ensure(o, true) }, backend.ByUUID},
		{"stores of a peer", func(w *world) { w.write("", "private/example.test/a/Maildir/new/m1") }, backend.ByAddress},
		{"stores that Dovecot made", func(w *world) { w.write("", "private/by-id", o.UUID.String(), "Maildir/new/m1") }, backend.ByUUID},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, backend.ByUUID)
			tt.setUp(w)
			for _, layout := range []backend.Layout{backend.ByUUID, backend.ByAddress} {
				w.cfg.Layout = layout
				w.reopen(nil)
				err := w.Check()
				var wrong *LayoutError
				if differs := tt.has != "" && tt.has != layout; errors.As(err, &wrong) != differs || !differs && err != nil {
					t.Errorf("%s: %v", layout, err)
				}
			}
			if tt.has == backend.ByUUID {
				return
			}
			w.cfg.Layout = backend.ByUUID
			w.reopen(nil)
			if err := w.Ensure(t.Context(), o, true); (err == nil) != (tt.has == "") {
				t.Errorf("ensure: %v", err)
			}
		})
	}
	t.Run("record that cannot be read", func(t *testing.T) {
		w := newWorld(t, backend.ByUUID)
		w.write("uuid", "private", recordName)
		if err := w.Check(); err == nil || !strings.Contains(err.Error(), recordName) {
			t.Errorf("Check: %v", err)
		}
	})
}

func TestOpen(t *testing.T) {
	for _, tt := range []struct{ name, home, uid, want string }{
		{"default", "", "5000", ""},
		{"no account", "", "no-such-account", `mail/dovecot/location/uid: account "no-such-account" does not exist on this host`},
		{"relative", "private/%d/%n", "", "want an absolute path"},
		{"parent", "/srv/../private/%d/%n", "", "want an absolute path"},
		{"no variable", "/srv/mail", "", "want a directory and below it"},
		{"no fixed part", "/%d/%n", "", "want a directory and below it"},
		{"only the domain", "/srv/mail/%d", "", "two addresses would share a home"},
		{"only the local part", "/srv/mail/%n", "", "two addresses would share a home"},
		{"other variable", "/srv/mail/%d/%1n", "", "only %d, %n, %u"},
		{"hidden", "/srv/mail/.%u", "", "begins with a dot"},
		{"user", "/srv/mail/%Lu", "", ""},
		{"nested", "/srv/mail/%d/users/%n", "", ""},
	} {
		_, err := Open(Config{Layout: backend.ByAddress, Home: tt.home, UID: tt.uid})
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

func TestHomeAndBack(t *testing.T) {
	for _, home := range []string{"/srv/mail/%d/%n", "/srv/mail/%Lu", "/srv/mail/%d/users/u-%n"} {
		h, err := parseHome(backend.ByAddress, home)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{"a@x.test", "a.b+c@sub.x.test", "{$}@x.test", "-a@x"} {
			a, err := schema.ParseAddress(text)
			if err != nil {
				t.Fatal(err)
			}
			rel := h.home(schema.UUID{}, a)
			if got := h.address(rel); got != a || h.base != "/srv" || !strings.HasPrefix(rel, "mail/") || strings.Contains(rel, "..") {
				t.Errorf("%s: %s -> %s -> %s", home, text, rel, got)
			}
		}
		for _, rel := range []string{"mail", "mail/x.test", "mail/../x.test/a", "mail/X.test/a", "other/x.test/a", "mail/a@b@c"} {
			if got := h.address(rel); !got.IsZero() {
				t.Errorf("%s: %s -> %s", home, rel, got)
			}
		}
	}
}
