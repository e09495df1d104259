package registry_test

import (
	"os"
	"strings"
	"testing"

	"github.com/mailreg/mailreg/registry"
)

// edited returns what counts as edited by hand.
func (h *host) edited() []string {
	h.Helper()
	edits, err := h.reg.Edited(h.Context())
	if err != nil {
		h.Fatal(err)
	}
	return edits.Files
}

// byHand writes the layer file as a person would.
func (h *host) byHand(file, lines string) {
	h.Helper()
	h.file("/etc/mailreg/"+file, "# mailreg layer file 1: "+file+"\n"+lines+"# end of "+file+"\n")
}

func TestEdited(t *testing.T) {
	h := openHost(t, t.TempDir())
	h.file("/etc/mailreg/schema.d/test.ini", declarations)
	want(t, "before the first transaction", nil, h.edited())
	h.change("size=1")
	h.commit(registry.CommitOptions{})
	want(t, "after transactions", nil, h.edited())
	h.change("size=2", "name=x")
	want(t, "after another one", nil, h.edited())

	h.byHand("base.conf", "size: 3\n")
	h.byHand("base-forced.conf", "name: f\n")
	h.file("/etc/mailreg/templates/a/b.tmpl", "x")
	h.file("/etc/mailreg/templates/a/.b.tmpl.swp", "x")
	h.file("/etc/mailreg/templates/a/4913", "")
	h.file("/etc/mailreg/schema.d/test.ini", declarations+"[new]\nType = str\n")
	all := list("/etc/mailreg/base-forced.conf", "/etc/mailreg/base.conf", "/etc/mailreg/schema.d/test.ini", "/etc/mailreg/templates/a/b.tmpl")
	want(t, "edited", all, h.edited())

	// An edit answers for what it has changed itself, not for what a person has written into the same file.
	h.change("size=4")
	want(t, "after an edit of an edited file", all, h.edited())
	h.commit(registry.CommitOptions{Files: list("/etc/mailname")})
	want(t, "after a commit of one file", all, h.edited())
	h.commit(registry.CommitOptions{})
	want(t, "after a commit", nil, h.edited())
	h.unchanged(func() { h.commit(registry.CommitOptions{}) })
	if err := os.Remove(h.path("/etc/mailreg/templates/a/b.tmpl")); err != nil {
		t.Fatal(err)
	}
	want(t, "after a removal", list("/etc/mailreg/templates/a/b.tmpl"), h.edited())
}

// TestEditedMeanwhile edits a layer file in the moment after a commit has read it: that is not in force.
func TestEditedMeanwhile(t *testing.T) {
	h := newHost(t)
	h.change("size=1")
	h.reg.OnStep(func(step string) {
		if step == "settings read" {
			h.byHand("base.conf", "size: 3\n")
		}
	})
	h.commit(registry.CommitOptions{})
	h.reg.OnStep(nil)
	want(t, "edited", list("/etc/mailreg/base.conf"), h.edited())
	h.commit(registry.CommitOptions{})
	want(t, "after another commit", nil, h.edited())
	want(t, "main.cf", true, strings.Contains(h.read("/etc/smtpd/main.cf"), "3"))
}

func TestMark(t *testing.T) {
	h := newHost(t)
	mark := func() string {
		edits, err := h.reg.Edited(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return edits.Mark
	}
	before := mark()
	if mark() != before {
		t.Error("the mark changes by itself")
	}
	h.byHand("base.conf", "size: 3\n")
	if mark() == before {
		t.Error("the mark stays although a file was edited")
	}
}

func TestTypedCommit(t *testing.T) {
	h := newHost(t)
	h.change("name=x")
	if _, err := h.reg.Change(t.Context(), registry.Edit{IgnoreCheck: true, Set: []registry.Assignment{{Key: "size", Value: "lots"}}}); err != nil {
		t.Fatal(err)
	}
	h.byHand("base-ldap.conf", "rule/1: a\n")
	h.commit(registry.CommitOptions{Typed: true}) // the file with the value that somebody insists on was not edited
	h.byHand("base-schedule.conf", "size: more\npassword: p\n")
	h.unchanged(func() {
		_, err := h.reg.Commit(t.Context(), registry.CommitOptions{Typed: true})
		if err == nil || !strings.Contains(err.Error(), `size: value "more"`) || !strings.Contains(err.Error(), "password is a secret") {
			t.Errorf("error %v", err)
		}
	})
	h.commit(registry.CommitOptions{})
	want(t, "after a commit of a person's", nil, h.edited())
}

func TestInputs(t *testing.T) {
	h := newHost(t)
	in, err := h.reg.Inputs()
	if err != nil {
		t.Fatal(err)
	}
	want(t, "trees", list(h.path("/etc/mailreg/templates"), h.path("/etc/mailreg/schema.d")), in.Trees)
	want(t, "files", 5, len(in.Files))
	want(t, "state", h.path("/var/lib/mailreg/state.json"), in.State)
}
