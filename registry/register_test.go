package registry_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mailreg/mailreg/registry"
)

// moduleRoot is a root with module "site", which belongs to the fake service "alpha", and a file in the place of its own.
func moduleRoot(t *testing.T, services ...registry.Service) (root string, reg *registry.Registry) {
	t.Helper()
	root = t.TempDir()
	for name, text := range map[string]string{
		"etc/site/site.conf":              "# by hand\n",
		"etc/mailreg/templates/site.ini":  "[/etc/site/site.conf]\nService = alpha\nFormat = lines\nTemplate = site\n",
		"etc/mailreg/templates/site.tmpl": "name {{get \"site/name\"}}\n",
		"etc/mailreg/schema.d/site.ini":   "[site/name]\nType = str\nDefault = a\nService = beta\nAction = restart\n",
	} {
		path := filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	return root, registry.New(registry.Config{Root: root, Services: services})
}

func fileText(t *testing.T, path ...string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(path...))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return string(data)
}

// TestModuleActions: the service of a file and that of a variable hear of a module once, when it comes.
func TestModuleActions(t *testing.T) {
	alpha, beta := &fakeService{name: "alpha"}, &fakeService{name: "beta"}
	root, reg := moduleRoot(t, alpha, beta)
	if _, err := reg.Change(t.Context(), registry.Edit{Set: []registry.Assignment{{Key: "other", Value: "x"}}}); err != nil {
		t.Fatal(err)
	}
	alpha.acts, beta.acts = nil, nil
	for range 2 {
		if _, err := reg.Register(t.Context(), "site", registry.RegisterOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if got := strings.Join(alpha.acts, ","); got != "reload" {
		t.Errorf("alpha hears %q", got)
	}
	if got := fileText(t, root, "etc/site/site.conf"); got != "name a\n" {
		t.Errorf("the file is %q", got)
	}
	if _, err := reg.Unregister(t.Context(), "site", registry.RegisterOptions{NoReload: true}); err != nil || len(alpha.acts) != 1 {
		t.Errorf("%v; alpha hears %q", err, alpha.acts)
	}
}

// TestModuleOfBrokenServer: when the server does not work without its file, or with it, all is as before, and so is the list
// of what is off.
func TestModuleOfBrokenServer(t *testing.T) {
	alpha := &fakeService{name: "alpha"}
	root, reg := moduleRoot(t, alpha)
	off := filepath.Join(root, "var/lib/mailreg/off")
	try := func(change func() error, content, list string) {
		t.Helper()
		fail := true
		alpha.verify = func() error {
			if fail {
				fail = false
				return errors.New("no greeting")
			}
			return nil
		}
		if err := change(); err == nil || !strings.Contains(err.Error(), "the former settings and files are back") {
			t.Errorf("error %v", err)
		}
		if got := fileText(t, root, "etc/site/site.conf"); got != content || fileText(t, off) != list {
			t.Errorf("the file is %q, off is %q; want %q, %q", got, fileText(t, off), content, list)
		}
		alpha.verify = nil
		if err := change(); err != nil {
			t.Error(err)
		}
	}
	register := func() error { _, err := reg.Register(t.Context(), "site", registry.RegisterOptions{}); return err }
	unregister := func() error { _, err := reg.Unregister(t.Context(), "site", registry.RegisterOptions{}); return err }
	try(register, "# by hand\n", "")
	try(unregister, "name a\n", "")
	try(register, "# by hand\n", "site\n")
	if got := fileText(t, root, "etc/site/site.conf"); got != "name a\n" || fileText(t, off) != "" {
		t.Errorf("the file is %q, off is %q", got, fileText(t, off))
	}
}

// TestModuleKilled breaks off at each step: the next command finds the module on or off as a whole.
func TestModuleKilled(t *testing.T) {
	for _, step := range registry.Steps {
		root, reg := moduleRoot(t)
		if _, err := reg.Register(t.Context(), "site", registry.RegisterOptions{}); err != nil {
			t.Fatal(err)
		}
		func() {
			defer func() { _ = recover() }()
			broken := registry.New(registry.Config{Root: root, Services: []registry.Service{}})
			broken.OnStep(func(at string) {
				if at == step {
					panic(step)
				}
			})
			_, _ = broken.Unregister(t.Context(), "site", registry.RegisterOptions{})
		}()
		if _, err := reg.Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		was := fileText(t, root, "etc/site/site.conf")
		view, err := reg.View()
		if err != nil {
			t.Fatal(err)
		}
		_, declared := view.Declaration("site/name")
		if on := was == "name a\n"; on != (step == "before journal") || on == (was == "# by hand\n") || on != declared {
			t.Errorf("killed %s: the file is %q, declared %v", step, was, declared)
		}
	}
}

// TestModuleGivesBackWhatItFound: a file that was there before a module comes back as it was, with its mode, although the
// module had nothing to change in it at first.
func TestModuleGivesBackWhatItFound(t *testing.T) {
	root, reg := moduleRoot(t)
	file := filepath.Join(root, "etc/site/site.conf")
	for name, mode := range map[string]os.FileMode{"same": 0o644, "closed": 0o600} {
		if err := errors.Join(os.WriteFile(file, []byte("name a\n"), mode), os.Chmod(file, mode)); err != nil {
			t.Fatal(err)
		}
		if _, err := reg.Register(t.Context(), "site", registry.RegisterOptions{}); err != nil {
			t.Fatal(err)
		}
		if _, err := reg.Change(t.Context(), registry.Edit{Set: []registry.Assignment{{Key: "site/name", Value: "b"}}}); err != nil {
			t.Fatal(err)
		}
		if got := fileText(t, file); got != "name b\n" {
			t.Errorf("%s: the file is %q", name, got)
		}
		if _, err := reg.Unregister(t.Context(), "site", registry.RegisterOptions{}); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(file)
		if got := fileText(t, file); err != nil || got != "name a\n" || info.Mode() != mode {
			t.Errorf("%s: the file is %q, %v, %v", name, got, info, err)
		}
		if _, err := reg.Change(t.Context(), registry.Edit{Unset: []string{"site/name"}}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestImportIsOneTransaction: the files of an imported package come with what they make, or not at all, whenever the
// process is killed; what it has imported before is no edit of somebody's.
func TestImportIsOneTransaction(t *testing.T) {
	root := t.TempDir()
	reg := registry.New(registry.Config{Root: root})
	pack := filepath.Join(root, "package")
	write := func(name, text string) {
		path := filepath.Join(pack, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	there := func() string {
		return fileText(t, root, "etc/mailreg/templates/site.ini") + fileText(t, root, "etc/mailreg/schema.d/site.ini") +
			fileText(t, root, "etc/mailreg/templates/site/etc/site.conf.tmpl") + fileText(t, root, "etc/site.conf") + fileText(t, root, "etc/other.conf")
	}
	write("debian/site.univention-config-registry-variables", "[site/name]\nDescription[en]=A name.\nType=str\nDefault=a\nCategories=service-mail\n")
	write("conffiles/etc/site.conf", "name @%@site/name@%@\n")
	write("conffiles/etc/other.conf", "other @%@site/name@%@\n")
	for _, file := range []string{"etc/site.conf", "etc/other.conf"} {
		write("debian/site.univention-config-registry", "Type: file\nFile: "+file+"\n")
		before, steps := there(), 0
		reg.OnStep(func(step string) {
			steps++
			if got := there(); (step == "settings read" || step == "before journal") && got != before || step == "before actions" && got == before {
				t.Errorf("%s: %q", step, got)
			}
		})
		if in, err := reg.ImportUCR(t.Context(), pack, registry.ImportOptions{DryRun: true}); err != nil || len(in.Outcome.Files) == 0 || there() != before {
			t.Fatal(in, err, there())
		}
		if _, err := reg.ImportUCR(t.Context(), pack, registry.ImportOptions{}); err != nil || steps < 4 {
			t.Fatal(steps, err)
		}
		if got := fileText(t, root, file); !strings.HasSuffix(got, " a\n") {
			t.Errorf("%s is %q", file, got)
		}
		if edits, err := reg.Edited(t.Context()); err != nil || len(edits.Files) > 0 {
			t.Errorf("edited: %v, %v", edits.Files, err)
		}
	}
	if got := fileText(t, root, "etc/site.conf"); got != "" {
		t.Errorf("the former file is left: %q", got)
	}
}

// TestStatusOfStrayTemplate: what a commit would refuse is not in force, although nothing renders it.
func TestStatusOfStrayTemplate(t *testing.T) {
	root, reg := moduleRoot(t)
	if err := os.WriteFile(filepath.Join(root, "etc/mailreg/templates/stray.tmpl"), []byte("{{get"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := reg.Change(t.Context(), edit("hostname=mail1", "domainname=example.test")); err != nil {
		t.Error("an edit looks only at what it renders:", err)
	}
	_, err := reg.Commit(t.Context(), registry.CommitOptions{})
	if s := reg.Status(t.Context()); err == nil || s.Unrendered == nil || s.Unrendered.Error() != err.Error() {
		t.Errorf("a commit says %v, the status %v", err, s.Unrendered)
	}
}
