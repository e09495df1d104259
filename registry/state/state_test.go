package state_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

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
	s.Outputs["/etc/a"] = state.Record{Service: "x", Hash: state.Hash([]byte("a")), Uses: templates.Uses{Keys: []string{"k"}}}
	s.Outputs["/etc/b"] = state.Record{Uses: templates.Uses{Prefixes: []string{"p/"}}, Map: "/etc/b.db"}
	s.Pending["x"] = "reload"
	data, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := state.Read(path)
	if diff := cmp.Diff(s, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
	for key, want := range map[string][]string{"k": {"/etc/a"}, "p/1": {"/etc/b"}, "p": nil} {
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
