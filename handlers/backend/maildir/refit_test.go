package maildir

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/mailreg/mailreg/handlers/backend/confine"
)

// TestRefitHome: a script that is still ours is replaced, also after a crash half-way; one that somebody has changed, made, or
// stores in this moment is not.
func TestRefitHome(t *testing.T) {
	work := func(home *confine.Dir) refit {
		return refit{Dir: home, script: "sieve/default.sieve", active: ".dovecot.sieve", owner: confine.Caller()}
	}
	const old, new, others = "old", "new", "somebody's"
	hash := func(text string) string { return digest([]byte(text)) }
	for name, c := range map[string]struct {
		script, known string // as they are, "" for none
		want          string
		changed       bool
		mark          string
	}{
		"ours":            {old, hash(old), new, true, hash(new)},
		"ours already":    {new, hash(new), new, false, hash(new)},
		"crash before":    {old, hash(old) + hash(new), new, true, hash(new)},
		"crash after":     {new, hash(old) + hash(new), new, false, hash(old) + hash(new)},
		"changed":         {others, hash(old), others, false, hash(old)},
		"not ours":        {old, "", old, false, ""},
		"removed":         {"", hash(old), "", false, hash(old)},
		"a part of hash":  {old, hash(old)[:8], old, false, hash(old)[:8]},
		"nothing in mark": {old, "\n", old, false, "\n"},
	} {
		dir := t.TempDir()
		write := func(name, text string) {
			if text == "" {
				return
			}
			if err := errors.Join(os.MkdirAll(filepath.Join(dir, "sieve"), 0o700), os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		write("sieve/default.sieve", c.script)
		write(originalName, c.known)
		home, err := confine.Open(dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer home.Close()
		changed, err := work(home).home(func() ([]File, error) {
			return []File{OriginalFile([]byte(new)), {Name: "sieve/default.sieve", Data: []byte(new)}}, nil
		})
		got, _ := os.ReadFile(filepath.Join(dir, "sieve/default.sieve"))
		mark, _ := os.ReadFile(filepath.Join(dir, originalName))
		if err != nil || changed != c.changed || string(got) != c.want || string(mark) != c.mark {
			t.Errorf("%s: %t, %v, script %q, mark %q", name, changed, err, got, mark)
		}
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "default.sieve"), []byte(others), 0o600); err != nil {
		t.Fatal(err)
	}
	in, err := confine.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	done, err := work(in).swap(in, []byte(new), hash(old))
	if names, _ := in.Names(); done || err != nil || len(names) != 1 {
		t.Errorf("stored meanwhile: %t, %v, %q", done, err, names)
	}
	if got, _ := os.ReadFile(filepath.Join(dir, "default.sieve")); string(got) != others {
		t.Errorf("stored meanwhile: %q", got)
	}
}
