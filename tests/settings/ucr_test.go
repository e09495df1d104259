package settings_test

import (
	"os"
	"path/filepath"
	"testing"
)

// TestLink calls the real program through a symbolic link of the peer's name, as an existing script does: it speaks like
// the peer's tool then, for get of an unset key exits 0 and not 1.
func TestLink(t *testing.T) {
	t.Parallel()
	host := newHost(t)
	for _, name := range []string{"ucr", "univention-config-registry", "mailreg"} {
		link := filepath.Join(t.TempDir(), name)
		command := host.Mailreg.Command("get", "no/such/key")
		if err := os.Symlink(command.Path, link); err != nil {
			t.Fatal(err)
		}
		command.Path, command.Args[0] = link, link
		want := 0
		if name == "mailreg" {
			want = 1
		}
		if r := host.Mailreg.RunCommand("", command); r.Code != want || r.Stdout != "" {
			t.Errorf("%s: %s", name, r)
		}
	}
	link := filepath.Join(t.TempDir(), "ucr")
	command := host.Mailreg.Command("set", "my/key=it's", "my/bad[key=x")
	if err := os.Symlink(command.Path, link); err != nil {
		t.Fatal(err)
	}
	command.Path, command.Args[0] = link, link
	if r := host.Mailreg.RunCommand("", command); r.Code != 1 || r.Stdout != "Create my/key\nNot setting my/bad[key\n" {
		t.Errorf("set: %s", r)
	}
	if got := host.Mailreg.Must("--compat", "--shell", "get", "my/key"); got != "my_key='it'\"'\"'s'\n" {
		t.Errorf("--compat --shell get: %q", got)
	}
}
