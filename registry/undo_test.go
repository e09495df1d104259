package registry_test

import (
	"strings"
	"testing"

	"github.com/mailreg/mailreg/registry"
)

// TestUndoPassesOverTheDaemon: an undo without ID is about what a person did, and what did not work stands for nothing.
func TestUndoPassesOverTheDaemon(t *testing.T) {
	h := newHost(t)
	h.change("size=20") // 2; the first commit was 1
	if _, err := h.reg.Change(t.Context(), registry.Edit{Internal: true, Set: []registry.Assignment{{Key: "domains", Value: "a.test"}}}); err != nil {
		t.Fatal(err)
	}
	failures := 1
	h.smtpd.verify = func() error {
		if failures--; failures >= 0 {
			return errBroken
		}
		return nil
	}
	if _, err := h.reg.Change(t.Context(), edit("size=21")); err == nil {
		t.Fatal("broken settings were taken")
	}
	out, err := h.reg.Undo(t.Context(), registry.UndoOptions{})
	if err != nil || out.Undoes != 2 {
		t.Fatalf("undid %d, %v", out.Undoes, err)
	}
	want(t, "keys", list("Unsetting size"), verbs(out))
	want(t, "files", list("/etc/smtpd/main.cf"), out.Files)
	h.settled()
	var notes []string
	for e, err := range h.reg.History() {
		if err != nil {
			t.Fatal(err)
		}
		note := e.Changes[0].Key
		if e.Internal {
			note += " internal"
		}
		if e.Failed {
			note += " failed"
		}
		if e.UndoneBy != 0 {
			note += " undone"
		}
		notes = append(notes, note)
	}
	want(t, "log", list("size", "size failed", "size undone", "domains internal", "size undone"), notes)
	// What the daemon wrote is undone by its ID alone, and a read-only key not even so.
	if _, err := h.reg.Undo(t.Context(), registry.UndoOptions{ID: 3}); err == nil || !strings.Contains(err.Error(), "domains is read-only") {
		t.Errorf("undo of the daemon's: %v", err)
	}
	h.unchanged(func() {
		if _, err := h.reg.Undo(t.Context(), registry.UndoOptions{}); err == nil || !strings.Contains(err.Error(), "nothing to undo") {
			t.Errorf("undo of nothing: %v", err)
		}
	})
}
