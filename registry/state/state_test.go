package state_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/mailreg/mailreg/registry/state"
	"github.com/mailreg/mailreg/templates"
)

func TestState(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	s, err := state.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	s.Serial = 7
	s.Outputs["/etc/a"] = state.Record{Service: "x", Hash: state.Hash([]byte("a")), Uses: state.UsesOf(templates.Uses{Keys: []string{"a/k", "k", "kk"}, Files: []string{"/f"}})}
	s.Outputs["/etc/b"] = state.Record{Uses: state.UsesOf(templates.Uses{Prefixes: []string{"p/"}}), Map: "/etc/b.db"}
	s.Pending["x"] = "reload"
	data, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := state.Read(path)
	if diff := cmp.Diff(s, got, cmpopts.IgnoreUnexported(state.State{})); err != nil || diff != "" {
		t.Error(err, diff)
	}
	if diff := cmp.Diff([]string{"/f"}, got.Outputs["/etc/a"].Uses.Files.All()); diff != "" || got.Outputs["/etc/b"].Uses.Files.All() != nil {
		t.Error(diff)
	}
	for key, want := range map[string][]string{"k": {"/etc/a"}, "a/k": {"/etc/a"}, "kk": {"/etc/a"}, "/k": nil, "p/1": {"/etc/b"}, "p": nil} {
		if diff := cmp.Diff(want, got.Drives(key)); diff != "" {
			t.Errorf("%s drives:\n%s", key, diff)
		}
	}
	if err := os.WriteFile(path, data[:len(data)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := state.Read(path); err == nil {
		t.Error("half a state was read")
	}
}
