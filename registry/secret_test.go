package registry_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/mailreg/mailreg/registry"
)

// newSecretHost returns a host with a secret that is to be made up, and two outputs that read it, one of them by name
// only with name=token.
func newSecretHost(t *testing.T) *host {
	h := newHost(t)
	h.file("/etc/mailreg/schema.d/token.ini", "[token]\nType = str\nSecret = yes\nGenerate = 24\n")
	h.set.text["/etc/imapd/imapd.conf"] = "token name"
	return h
}

func (h *host) token() string {
	h.Helper()
	view, err := h.reg.View()
	if err != nil {
		h.Fatal(err)
	}
	return view.String("token")
}

// TestGeneratedSecret makes a secret in the first transaction that needs it, and never another one by itself.
func TestGeneratedSecret(t *testing.T) {
	h := newSecretHost(t)
	h.change("size=11")
	want(t, "a secret that nothing has read", "", h.token())
	h.unchanged(func() {
		e := edit("name=x")
		e.DryRun = true
		if _, err := h.reg.Change(t.Context(), e); err != nil {
			t.Error(err)
		}
	})
	h.change("name=x")
	made := h.token()
	if !regexp.MustCompile(`^[A-Za-z0-9]{24}$`).MatchString(made) {
		t.Fatalf("made %q", made)
	}
	want(t, "imapd.conf", "token=\""+made+"\"\nname=\"x\"\n", h.read("/etc/imapd/imapd.conf"))
	if info, err := os.Stat(h.path("/etc/mailreg/secrets.conf")); err != nil || info.Mode() != 0o600 {
		t.Errorf("secrets.conf: %v, %v", info, err)
	}
	for _, path := range list("/etc/mailreg/base.conf", "/var/lib/mailreg/transactions.log", "/var/lib/mailreg/state.json") {
		if strings.Contains(h.read(path), made) {
			t.Errorf("%s tells the secret", path)
		}
	}
	if log := h.read("/var/lib/mailreg/transactions.log"); !strings.Contains(log, `"key":"token","new":"(secret)","masked":true,"made":true}`) {
		t.Errorf("log:\n%s", log)
	}
	h.settled()
	h.commit(registry.CommitOptions{}) // the declaration is in force from here on
	h.unchanged(func() { h.commit(registry.CommitOptions{}) })
	out, err := h.reg.Undo(t.Context(), registry.UndoOptions{})
	want(t, "undone", list("Unsetting name"), verbs(out))
	want(t, "token", made, h.token())
	if err != nil {
		t.Error(err)
	}
}

// TestGeneratedSecretOfACommit is shared by outputs, those included that the transaction would not have touched.
func TestGeneratedSecretOfACommit(t *testing.T) {
	h := newSecretHost(t)
	h.set.text["/etc/smtpd/main.cf"] += " token"
	out := h.commit(registry.CommitOptions{})
	want(t, "files", list("/etc/imapd/imapd.conf", "/etc/smtpd/main.cf"), out.Files)
	made := h.token()
	want(t, "main.cf", "size=\"10\"\ntoken=\""+made+"\"\n", h.read("/etc/smtpd/main.cf"))
	// Without a value another one is made; an empty one is what the administrator wants.
	out = h.change("token")
	want(t, "files", list("/etc/imapd/imapd.conf", "/etc/smtpd/main.cf"), out.Files)
	if again := h.token(); again == made || len(again) != 24 {
		t.Errorf("%q was made after %q", again, made)
	}
	h.settled()
	h.change("token=")
	want(t, "main.cf", "size=\"10\"\ntoken=\"\"\n", h.read("/etc/smtpd/main.cf"))
}

// TestGeneratedSecretForWhatWasWritten brings in the files that have looked for the secret before it was there.
func TestGeneratedSecretForWhatWasWritten(t *testing.T) {
	h := newHost(t)
	h.set.text["/etc/imapd/imapd.conf"], h.set.text["/etc/smtpd/main.cf"] = "token name", "token size"
	h.commit(registry.CommitOptions{})
	h.file("/etc/mailreg/schema.d/token.ini", "[token]\nType = str\nSecret = yes\nGenerate = 24\n")
	out := h.change("name=x")
	want(t, "files", list("/etc/imapd/imapd.conf", "/etc/mailname", "/etc/smtpd/main.cf"), out.Files)
	h.settled()
}

func TestRefusedSecretIsNotMade(t *testing.T) {
	h := newSecretHost(t)
	h.imapd.check = func(string) error { return errBroken }
	h.unchanged(func() {
		if _, err := h.reg.Change(t.Context(), edit("name=x")); err == nil {
			t.Error("accepted")
		}
	})
}

// TestDiffMasks shows of a file with secrets which lines differ, not their values.
func TestDiffMasks(t *testing.T) {
	h := newHost(t)
	h.set.outputs[1].Mode = 0o644
	h.change("name=x", "password=hunter2")
	h.file("/etc/imapd/imapd.conf", "password=\"hunter1\"\n\nhunter2=y\nplain\nname=\"x\"\n")
	h.file("/etc/mailname", "name=\"y\"\n")
	diffs, err := h.reg.Diff(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "diffs", []registry.FileDiff{
		{
			Path: "/etc/imapd/imapd.conf",
			Diff: "--- /etc/imapd/imapd.conf\n+++ /etc/imapd/imapd.conf\n@@ -1,5 +1,2 @@\n-password= (secret)\n-\n-(secret)\n-(secret)\n+password= (secret)\n name= (secret)\n",
		},
		{Path: "/etc/mailname", Diff: "--- /etc/mailname\n+++ /etc/mailname\n@@ -1 +1 @@\n-name=\"y\"\n+name=\"x\"\n"},
	}, diffs)
	h.change("password=")
	h.must(os.Chmod(h.path("/etc/imapd/imapd.conf"), 0o640))
	h.file("/etc/imapd/imapd.conf", "by hand\n")
	if diffs, err = h.reg.Diff(t.Context(), list("/etc/imapd/imapd.conf")); err != nil || strings.Contains(diffs[0].Diff, "hand") {
		t.Errorf("a file that is not for everybody: %v, %v", diffs, err)
	}
}

// TestDeclaredSecretLater: what becomes a secret by a declaration that comes later leaves the file that all may read.
func TestDeclaredSecretLater(t *testing.T) {
	for _, how := range list("register", "commit") {
		root, reg := moduleRoot(t)
		key := "late/" + how
		if _, err := reg.Change(t.Context(), edit(key+"=geheim", "hostname=mail1", "domainname=example.test")); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(root, "etc/mailreg/schema.d/late.ini")
		if err := os.WriteFile(path, []byte("["+key+"]\nType = str\nSecret = yes\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		var err error
		if how == "register" {
			_, err = reg.Register(t.Context(), "late", registry.RegisterOptions{})
		} else {
			_, err = reg.Commit(t.Context(), registry.CommitOptions{})
		}
		if err != nil {
			t.Fatal(err)
		}
		if text := fileText(t, root, "etc/mailreg/base.conf"); strings.Contains(text, "geheim") {
			t.Errorf("%s: everybody may read %s", how, text)
		}
		if value, _, err := reg.Lookup(key); value != "geheim" || err != nil {
			t.Errorf("%s: the value is %q, %v", how, value, err)
		}
		edits, err := reg.Edited(t.Context())
		want(t, "edited", nil, edits.Files)
		want(t, "error", nil, err)
	}
}
