package watch

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mailreg/mailreg/registry"
	"github.com/mailreg/mailreg/registry/generate"
	"github.com/mailreg/mailreg/templates"
)

// oneFile renders a file that holds the size and includes another one.
type oneFile struct{ root string }

func (o oneFile) Outputs() []templates.Output {
	return []templates.Output{{Path: "/etc/smtpd/main.cf", Mode: 0o644}}
}

func (o oneFile) Render(_ templates.Output, w templates.World) ([]byte, templates.Uses, error) {
	local := filepath.Join(o.root, "etc/smtpd/main.cf.local")
	used := templates.Uses{Keys: []string{"size"}, Files: []string{local}}
	data, err := w.ReadFile(local)
	if err != nil && !os.IsNotExist(err) {
		return nil, used, err
	}
	size, _ := w.Settings.Get("size")
	return []byte(size + "\n" + string(data)), used, nil
}

// told tells the test of each commit.
type told struct {
	*registry.Registry
	commits chan registry.Outcome
}

func (c told) Commit(ctx context.Context, opts registry.CommitOptions) (registry.Outcome, error) {
	out, err := c.Registry.Commit(ctx, opts)
	if err == nil {
		c.commits <- out
	}
	return out, err
}

// desk is a watched root at which a person edits.
type desk struct {
	*testing.T
	root    string
	reg     *registry.Registry
	commits chan registry.Outcome
}

// newDesk returns a root on which everything was committed once, and what before has made, watched with real inotify.
func newDesk(t *testing.T, before func(*desk)) *desk {
	t.Helper()
	d := &desk{T: t, root: t.TempDir(), commits: make(chan registry.Outcome, 100)}
	d.reg = registry.New(registry.Config{
		Root: d.root, Services: []registry.Service{}, Load: func() (generate.Renderer, error) { return oneFile{d.root}, nil },
	})
	d.write("etc/mailreg/base.conf", layer("mailreg/autocommit: yes\n"))
	if before != nil {
		before(d)
	}
	if _, err := d.reg.Commit(t.Context(), registry.CommitOptions{}); err != nil {
		t.Fatal(err)
	}
	ready := make(chan struct{})
	w := New(Config{Registry: told{d.reg, d.commits}, Quiet: 20 * time.Millisecond})
	ctx, cancel := context.WithCancel(t.Context())
	w.listen() // before the first edit, not some time after it
	done := make(chan struct{})
	go func() {
		defer close(done)
		close(ready)
		_ = w.Run(ctx) // it never fails
	}()
	<-ready
	t.Cleanup(func() { cancel(); <-done })
	return d
}

func layer(lines string) string {
	return "# mailreg layer file 1: base.conf\n" + lines + "# end of base.conf\n"
}

func (d *desk) path(name string) string { return filepath.Join(d.root, name) }

func (d *desk) write(name, text string) {
	d.Helper()
	d.must(os.MkdirAll(filepath.Dir(d.path(name)), 0o755), os.WriteFile(d.path(name), []byte(text), 0o644))
}

func (d *desk) must(errs ...error) {
	d.Helper()
	if err := errors.Join(errs...); err != nil {
		d.Fatal(err)
	}
}

// committed waits for the commit of what was edited. On a busy machine a file may be caught half written; then there is
// another commit.
func (d *desk) committed() {
	d.Helper()
	for {
		select {
		case <-d.commits:
		case <-time.After(20 * time.Second):
			d.Fatal("no commit")
		}
		edits, err := d.reg.Edited(d.Context())
		d.must(err)
		if len(edits.Files) == 0 {
			return
		}
	}
}

// mainCF waits for a commit after which main.cf has that text.
func (d *desk) mainCF(want string) {
	d.Helper()
	d.committed()
	if data, err := os.ReadFile(d.path("etc/smtpd/main.cf")); err != nil || string(data) != want {
		d.Errorf("main.cf is %q, %v; want %q", data, err, want)
	}
}

func TestEditors(t *testing.T) {
	const name = "etc/mailreg/base.conf"
	text := layer("mailreg/autocommit: yes\nsize: 7\n")
	for editor, save := range map[string]func(d *desk){
		"in place": func(d *desk) { d.write(name, text) },
		"renamed into place": func(d *desk) {
			d.write(name+".tmp", text)
			d.must(os.Rename(d.path(name+".tmp"), d.path(name)))
		},
		"deleted and made": func(d *desk) {
			d.must(os.Remove(d.path(name)))
			d.write(name, text)
		},
		"vim": func(d *desk) {
			d.write("etc/mailreg/.base.conf.swp", "b0VIM")
			d.write("etc/mailreg/4913", "")
			d.must(os.Remove(d.path("etc/mailreg/4913")), os.Rename(d.path(name), d.path(name+"~")))
			d.write(name, text)
			d.must(os.Remove(d.path(name+"~")), os.Remove(d.path("etc/mailreg/.base.conf.swp")))
		},
		"emacs": func(d *desk) {
			lock := d.path("etc/mailreg/.#base.conf")
			d.must(os.Symlink("root@mail1.1234:5678", lock))
			d.write("etc/mailreg/#base.conf#", text)
			d.must(os.Rename(d.path(name), d.path(name+"~")))
			d.write(name, text)
			d.must(os.Remove(lock), os.Remove(d.path("etc/mailreg/#base.conf#")))
		},
		"in pieces": func(d *desk) {
			f, err := os.Create(d.path(name))
			d.must(err)
			for _, line := range strings.SplitAfter(text, "\n") {
				_, err := f.WriteString(line)
				d.must(err, f.Sync())
			}
			d.must(f.Close())
		},
	} {
		t.Run(editor, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, nil)
			save(d)
			d.mainCF("7\n")
		})
	}
}

func TestLinkedLayer(t *testing.T) {
	const target, name = "srv/config/mail.conf", "etc/mailreg/base.conf"
	d := newDesk(t, func(d *desk) {
		d.write(target, layer("mailreg/autocommit: yes\n"))
		d.must(os.Remove(d.path(name)), os.Symlink(d.path(target), d.path(name)))
	})
	d.write(target, layer("mailreg/autocommit: yes\nsize: 8\n"))
	d.mainCF("8\n")
}

func TestInputsOfOtherKinds(t *testing.T) {
	d := newDesk(t, nil)
	d.write("etc/smtpd/main.cf.local", "x = y\n")
	d.mainCF("\nx = y\n")
	d.write("etc/mailreg/schema.d/ours.ini", "[ours]\nType = str\n")
	d.committed()
	// A folder in a folder that is new: what comes later is in folders that nobody watched at the start.
	d.write("etc/mailreg/templates/smtpd/main.cf/50-a.tmpl", "a")
	d.committed()
	d.write("etc/mailreg/templates/smtpd/main.cf/60-b.tmpl", "b")
	d.committed()
	d.must(os.Rename(d.path("etc/mailreg/templates"), d.path("etc/mailreg/templates.off")))
	d.committed()
	d.write("etc/mailreg/templates/new.tmpl", "c")
	d.committed()
	d.must(os.RemoveAll(d.path("etc/mailreg/templates")))
	d.committed()
}

func TestFoldersThatComeLater(t *testing.T) {
	d := newDesk(t, func(d *desk) { d.must(os.RemoveAll(d.path("etc/smtpd"))) })
	d.must(os.RemoveAll(d.path("etc/smtpd")))
	d.write("etc/smtpd/main.cf.local", "again\n")
	d.mainCF("\nagain\n")
}

func TestOwnWritingIsNoEdit(t *testing.T) {
	d := newDesk(t, nil)
	for _, size := range []string{"1", "2", "3"} {
		if _, err := d.reg.Change(t.Context(), registry.Edit{Set: []registry.Assignment{{Key: "size", Value: size}}}); err != nil {
			t.Fatal(err)
		}
	}
	d.write("etc/mailreg/base.conf", layer("mailreg/autocommit: yes\nsize: 4\n"))
	d.mainCF("4\n")
	d.write("etc/mailreg/base.conf", layer("mailreg/autocommit: yes\nsize: 5\n"))
	d.mainCF("5\n")
	if _, err := d.reg.Change(t.Context(), registry.Edit{Set: []registry.Assignment{{Key: "size", Value: "6"}}}); err != nil {
		t.Fatal(err)
	}
	d.write("etc/smtpd/main.cf.local", "at last\n")
	d.mainCF("6\nat last\n")
	if more := len(d.commits); more > 0 {
		t.Errorf("%d commits beside those of the edits", more)
	}
}
