package registry_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/mailreg/mailreg/registry"
)

func TestRefusalsChangeNoByte(t *testing.T) {
	readOnly := func(h *host) { h.mountReadOnly("/etc/smtpd") }
	tests := []struct {
		name    string
		edit    registry.Edit
		prepare func(h *host)
		want    string
	}{
		{"wrong type", edit("name=x", "size=many"), nil, `size: value "many" must be a whole number of 0 or more`},
		{"wrong key", edit("name=x", "a{b=y"), nil, `key "a{b": character '{' is not allowed`},
		{"control character in a key", edit("a\x01b=y"), nil, `key "a\x01b": character '\x01' is not allowed`},
		{"character in a key that turns the line", edit("a\u202eb=y"), nil, `key "a\u202eb": character '\u202e' is not allowed`},
		{"two keys", edit("size=a", "extra=b"), nil, "size: value \"a\" must be a whole number of 0 or more\nextra: value \"b\" must be yes or no (or true, 1, on; false, 0, off)"},
		{"not UTF-8", edit("name=\xff"), nil, "must be UTF-8 text"},
		{"read-only variable", edit("domains=a"), nil, "domains is read-only"},
		{"unset a read-only variable", edit("domains"), nil, "domains is read-only"},
		{"a template fails", edit("size=1", "fail=x"), nil, "cannot render /etc/imapd/imapd.conf with fail=x"},
		{"a check fails", edit("size=1"), func(h *host) { h.smtpd.check = func(string) error { return errBroken } }, "smtpd refuses its new files: it is broken"},
		{"folder in the place of a file", edit("size=1"), func(h *host) {
			h.must(os.Remove(h.path("/etc/smtpd/main.cf")))
			h.must(os.Mkdir(h.path("/etc/smtpd/main.cf"), 0o755))
		}, "/etc/smtpd/main.cf is no regular file"},
		{"symbolic link", edit("size=1"), func(h *host) {
			h.must(os.Remove(h.path("/etc/smtpd/main.cf")))
			h.must(os.Symlink("table", h.path("/etc/smtpd/main.cf")))
		}, "/etc/smtpd/main.cf is a symbolic link"},
		{"file in the place of a folder", edit("size=1"), func(h *host) {
			h.must(os.RemoveAll(h.path("/etc/smtpd")))
			h.file("/etc/smtpd", "")
		}, "/etc/smtpd"},
		{"read-only folder", edit("size=1", "name=y"), readOnly, "/etc/smtpd: read-only file system"},
		{"busy target", edit("size=1"), func(h *host) { h.mount("/etc/mailname", "/etc/smtpd/main.cf", 0) }, "main.cf is busy"},
		{"foreign owner", edit("size=1"), func(h *host) {
			h.needRoot()
			h.must(os.Chown(h.path("/etc/smtpd/main.cf"), 12345, -1))
		}, "belongs to user 12345"},
		{"lock in the way", edit("size=1"), func(h *host) {
			h.must(os.Remove(h.path("/var/lib/mailreg/lock")))
			h.must(os.Mkdir(h.path("/var/lib/mailreg/lock"), 0o755))
		}, "taking the lock of the registry: open"},
		{"log in the way", edit("size=1"), func(h *host) {
			h.must(os.Remove(h.path("/var/lib/mailreg/transactions.log")))
			h.must(os.Mkdir(h.path("/var/lib/mailreg/transactions.log"), 0o755))
		}, "writing the transaction log: open"},
		{"no room for the log", edit("size=1"), func(h *host) {
			h.mountFull("/full")
			h.mount("/full/log", "/var/lib/mailreg/transactions.log", 0)
		}, "transactions.log: no space left on device"},
		{"broken layer file", edit("size=1"), func(h *host) { h.file("/etc/mailreg/base.conf", "size: 1\n") }, "base.conf: line 1 is not the header"},
		{"missing layer file", edit("size=1"), func(h *host) { h.must(os.Remove(h.path("/etc/mailreg/base.conf"))) }, "base.conf is gone"},
		{"broken declarations", edit("size=1"), func(h *host) { h.file("/etc/mailreg/schema.d/x.ini", "[a]\nTipe = x\n") }, `unknown option "Tipe"`},
		{"account", edit("mail/dovecot/location/uid=nobody-knows"), nil, `mail/dovecot/location/uid: account "nobody-knows" does not exist`},
		{"group", edit("mail/dovecot/location/gid=nobody-knows"), nil, `mail/dovecot/location/gid: account "nobody-knows" does not exist`},
		{"layout of the stores", edit("mail/dovecot/location/key=address"), func(h *host) {
			h.file("/var/spool/dovecot/private/.mailreg-layout", `{"version":1,"layout":"uuid"}`)
		}, `mail/dovecot/location/key: value "address" must be uuid`},
		{
			"variables that do not fit each other", edit("size=1", "mail/messagesizelimit=0"), nil,
			"mail/messagesizelimit (0) is no limit, so mail/localmailboxsizelimit (51200000) must be none: set it to 0",
		},
		{
			"unset, so that the default does not fit", edit("mail/localmailboxsizelimit"),
			func(h *host) { h.change("mail/localmailboxsizelimit=0", "mail/messagesizelimit=0") }, "mail/messagesizelimit (0) is no limit",
		},
		{"home in layout uuid", edit("mail/dovecot/location/home=/x/%d/%n"), nil, "mail/dovecot/location/home: only layout address reads it"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := newHost(t)
			h.change("name=x", "entry/a=1")
			if test.prepare != nil {
				test.prepare(h)
			}
			again := registry.New(h.config) // knows of nothing that was there before
			h.unchanged(func() {
				_, err := again.Change(t.Context(), test.edit)
				if err == nil || errors.Is(err, registry.ErrPending) || !strings.Contains(err.Error(), test.want) {
					t.Errorf("error %v, want %q", err, test.want)
				}
			})
		})
	}
	t.Run("dry run", func(t *testing.T) {
		h := newHost(t)
		h.mountReadOnly("/etc/smtpd")
		h.unchanged(func() {
			e := edit("size=1")
			e.DryRun = true
			if _, err := h.reg.Change(t.Context(), e); err == nil || !strings.Contains(err.Error(), "read-only file system") {
				t.Errorf("error %v", err)
			}
		})
	})
	t.Run("unknown file", func(t *testing.T) {
		h := newHost(t)
		h.unchanged(func() {
			_, err := h.reg.Commit(t.Context(), registry.CommitOptions{Files: list("/etc/unknown")})
			if err == nil || err.Error() != "no template makes the file /etc/unknown" {
				t.Errorf("error %v", err)
			}
		})
	})
}

// TestRefusals gives a program the keys and the kinds of fault.
func TestRefusals(t *testing.T) {
	h := newHost(t)
	_, err := h.reg.Change(t.Context(), edit("size=many", "a{b=y", "name=ok", "extra=\xff", "domains=x"))
	got := map[string]registry.Reason{}
	for _, r := range registry.Refusals(err) {
		got[r.Key] = r.Reason
		if !strings.Contains(err.Error(), r.Error()) {
			t.Errorf("%q is not told by %q", r, err)
		}
	}
	want(t, "refusals", map[string]registry.Reason{
		"size": registry.BadValue, "a{b": registry.BadKey, "extra": registry.NotText, "domains": registry.ReadOnly,
	}, got)
	_, err = h.reg.Change(t.Context(), registry.Edit{Layer: registry.LDAP, Set: []registry.Assignment{{Key: "password", Value: "p"}}})
	want(t, "secret in layer ldap", registry.WrongLayer, registry.Refusals(err)[0].Reason)
	_, err = h.reg.Change(t.Context(), edit("mail/dovecot/location/uid=nobody-knows"))
	want(t, "unknown account", registry.Conflict, registry.Refusals(err)[0].Reason)
	_, err = h.reg.Change(t.Context(), edit("fail=x"))
	want(t, "a template that fails", 0, len(registry.Refusals(err)))
}

// TestSkip changes what may be changed, and tells why the rest is left alone.
func TestSkip(t *testing.T) {
	h := newHost(t)
	h.change("name=x")
	e := edit("size=many", "a{b=y", "name=ok", "extra=\xff", "domains=x", "a{b", "nothing", "domains")
	e.Set = append(e.Set, registry.Assignment{Key: "name", Value: "\xff", IfUnset: true})
	e.Skip = true
	out, err := h.reg.Change(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "keys", list("Not setting size", "Not setting a{b", "Setting name", "Not setting extra", "Not setting domains",
		"Not updating name", " a{b", " nothing", " domains"), verbs(out))
	reasons := map[string]registry.Reason{}
	for _, key := range out.Keys {
		if key.Refusal != nil {
			reasons[key.Key] = key.Refusal.Reason
		}
	}
	want(t, "reasons", map[string]registry.Reason{
		"size": registry.BadValue, "a{b": registry.BadKey, "extra": registry.NotText, "domains": registry.ReadOnly,
	}, reasons)

	// What concerns the whole is no matter of one key.
	e = edit("fail=x", "a{b=y")
	e.Skip = true
	h.unchanged(func() {
		if _, err := h.reg.Change(t.Context(), e); err == nil {
			t.Error("a template that fails is accepted")
		}
	})

	// A value that was set although it does not fit its type.
	e = edit("extra=1", "size=many")
	e.Skip, e.IgnoreCheck, e.DryRun = true, true, true
	e.Layer = registry.LDAP
	out, err = h.reg.Change(t.Context(), e)
	if err != nil || len(out.Keys) != 2 || out.Keys[1].Verb != "Create" || out.Keys[1].Refusal.Reason != registry.BadValue {
		t.Errorf("%+v, %v", out.Keys, err)
	}
}

// TestSkipFiles commits the files that templates make, and names the others.
func TestSkipFiles(t *testing.T) {
	h := newHost(t)
	h.change("name=x")
	h.file("/etc/smtpd/main.cf", "edited")
	out := h.commit(registry.CommitOptions{Files: list("/etc/unknown"), Skip: true})
	want(t, "files", nil, out.Files)
	want(t, "unknown", list("/etc/unknown"), out.Unknown)
	out = h.commit(registry.CommitOptions{Files: list("/etc/unknown", "/etc/smtpd/main.cf"), Skip: true})
	want(t, "files", list("/etc/smtpd/main.cf"), out.Files)
	want(t, "unknown", list("/etc/unknown"), out.Unknown)
}

// TestConflictsThatPass: what was there before stands in nobody's way, and who insists is only warned.
func TestConflictsThatPass(t *testing.T) {
	const conflict = "mail/messagesizelimit (0) is no limit, so mail/localmailboxsizelimit (51200000) must be none: set it to 0"
	h := newHost(t)
	insist := edit("mail/messagesizelimit=0", "name=x")
	insist.IgnoreCheck = true
	warnings := func(e registry.Edit) []string {
		t.Helper()
		out, err := h.reg.Change(t.Context(), e)
		h.must(err)
		return out.Warnings
	}
	want(t, "warnings of who insists", list(conflict), warnings(insist))
	want(t, "warnings of another edit", nil, warnings(edit("name=y")))
	want(t, "warnings of the same value again", nil, warnings(edit("mail/messagesizelimit=0", "name=z")))
	out, err := h.reg.Commit(t.Context(), registry.CommitOptions{})
	h.must(err)
	want(t, "warnings of a commit", list(conflict), out.Warnings)
	_, err = h.reg.Change(t.Context(), edit("mail/localmailboxsizelimit=1"))
	want(t, "key of the refusal", "mail/messagesizelimit", registry.Refusals(err)[0].Key)
	want(t, "warnings of what is mended", nil, warnings(edit("mail/localmailboxsizelimit=0")))
	want(t, "warnings of what the servers put up with", 1, len(warnings(edit("mail/postfix/delay_warning_time=6d"))))
}

// TestRefusalOnAFreshRoot finds not even a lock file where nothing was ever done.
func TestRefusalOnAFreshRoot(t *testing.T) {
	h := openHost(t, t.TempDir())
	h.unchanged(func() {
		if _, err := h.reg.Change(t.Context(), edit("a{b=c")); err == nil {
			t.Error("accepted")
		}
	})
}

func (h *host) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

func (h *host) needRoot() {
	h.Helper()
	if os.Geteuid() != 0 {
		h.Skip("only root can do that")
	}
}

func (h *host) mountReadOnly(path string) {
	h.Helper()
	h.mount(path, path, unix.MS_RDONLY)
}

// mountFull mounts a file system that holds a file "log" and has no room left.
func (h *host) mountFull(path string) {
	h.Helper()
	h.needRoot()
	h.must(os.Mkdir(h.path(path), 0o755))
	if err := unix.Mount("tmpfs", h.path(path), "tmpfs", 0, "size=16k"); err != nil {
		h.Fatalf("this machine lets nothing be mounted: %v", err)
	}
	h.Cleanup(func() { h.must(unix.Unmount(h.path(path), unix.MNT_DETACH)) })
	h.file(path+"/log", "")
	if err := os.WriteFile(h.path(path+"/fill"), make([]byte, 1<<20), 0o600); !errors.Is(err, unix.ENOSPC) {
		h.Fatalf("filling %s: %v", path, err)
	}
}

// mount binds one path over another until the test ends; flags other than 0 are set by a second mount, as the kernel wants it.
func (h *host) mount(from, to string, flags uintptr) {
	h.Helper()
	h.needRoot()
	if err := unix.Mount(h.path(from), h.path(to), "", unix.MS_BIND, ""); err != nil {
		h.Fatalf("this machine lets nothing be mounted: %v", err)
	}
	h.Cleanup(func() { h.must(unix.Unmount(h.path(to), unix.MNT_DETACH)) })
	if flags != 0 {
		h.must(unix.Mount("", h.path(to), "", unix.MS_BIND|unix.MS_REMOUNT|flags, ""))
	}
}
