package templates_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mailreg/mailreg/templates"
)

// folder makes a folder of local templates.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestLocalTemplatesOverrideByName(t *testing.T) {
	set := mustLoad(t, folder(t, map[string]string{
		"postfix/main.cf/60-tls.tmpl":    "# no TLS here\n",
		"postfix/main.cf/9-first.tmpl":   "first_restrictions = permit\n",
		"postfix/main.cf/100-after.tmpl": "after_restrictions = permit\n",
		"postfix/main.cf/60-tls.tmpl~":   "{{broken",
		"postfix/main.cf/.hidden.tmpl":   "{{broken",
		"site.ini":                       "[/etc/site.conf]\nService = site\nFormat = dovecot\nTemplate = site\nMode = 0600\nWhen = site/on\n",
		"site.tmpl":                      "name = {{get \"site/name\"}}\n",
		"README":                         "{{broken",
	}))
	main := output(t, set, "/etc/postfix/main.cf")
	if main.Parts[0] != "postfix/main.cf/9-first" || main.Parts[len(main.Parts)-1] != "postfix/main.cf/100-after" {
		t.Errorf("parts in the order %q", main.Parts)
	}
	data, _, err := set.Render(main, world("/", small, nil, nil))
	if err != nil || !strings.Contains(string(data), "# no TLS here") || strings.Contains(string(data), "smtpd_tls") {
		t.Errorf("the local part is not used: %v\n%s", err, data)
	}
	want := templates.Output{
		Path: "/etc/site.conf", Service: "site", Format: "dovecot", Mode: 0o600, When: "site/on",
		Manifest: "site", Template: "site", Parts: []string{"site"},
	}
	if diff := cmp.Diff(want, output(t, set, "/etc/site.conf")); diff != "" {
		t.Errorf("local output (-want +got):\n%s", diff)
	}
}

func TestMissingFolder(t *testing.T) {
	set := mustLoad(t, filepath.Join(t.TempDir(), "none"))
	paths := func(outputs []templates.Output) (all []string) {
		for _, o := range outputs {
			all = append(all, o.Path)
		}
		return all
	}
	if got := paths(set.Outputs()); !slices.IsSorted(got) || len(got) < 10 {
		t.Errorf("outputs %q", got)
	}
}

// TestLinkThatLeadsNowhere must not make the files beside it be passed over.
func TestLinkThatLeadsNowhere(t *testing.T) {
	dir := folder(t, map[string]string{"postfix/main.cf/60-tls.tmpl": "# no TLS here\n"})
	if err := os.Symlink("nowhere", filepath.Join(dir, "a.tmpl")); err != nil {
		t.Fatal(err)
	}
	if _, err := templates.Load(dir); err == nil || !strings.Contains(err.Error(), "reading the templates of "+dir) {
		t.Errorf("error %v", err)
	}
}

func TestLoadErrors(t *testing.T) {
	manifest := func(lines ...string) string {
		return "[/etc/x]\nService = x\nFormat = dovecot\nTemplate = x\n" + strings.Join(lines, "\n") + "\n"
	}
	for _, test := range []struct{ name, file, text, want string }{
		{"syntax", "x.tmpl", "{{if}}", "template: x:1"},
		{"missing function", "x.tmpl", "{{shell \"id\"}}", `"shell" not defined`},
		{"function that builds text", "x.tmpl", "{{printf \"%s\" 1}}", `template x: function "printf" is not for templates`},
		{"function in an argument", "x.tmpl", "{{if eq (print 1) \"1\"}}{{end}}", `function "print" is not for templates`},
		{"function in a chain", "x.tmpl", "{{(index (slice \"a\" 1) 0).X}}", `function "slice" is not for templates`},
		{"function in a branch", "x.tmpl", "{{with 1}}{{else}}{{html 1}}{{end}}", `function "html" is not for templates`},
		{"writer", "x.tmpl", "{{_emit 1}}", `function "_emit" is not for templates`},
		{"NUL", "x.tmpl", "a\x00b", "template x has a NUL byte"},
		{"no service", "x.ini", "[/etc/x]\nFormat = dovecot\nTemplate = x\n", "/x.ini:1: [/etc/x]: no Service"},
		{"no format", "x.ini", "[/etc/x]\nService = x\nTemplate = x\n", "no Format"},
		{"no template", "x.ini", "[/etc/x]\nService = x\nFormat = dovecot\n", "no Template"},
		{"unknown format", "x.ini", "[/etc/x]\nFormat = xml\n", `no format "xml"; there are aliases, cyrus`},
		{"unknown template", "x.ini", "[/etc/x]\nTemplate = y\n", `no template "y"`},
		{"unknown option", "x.ini", manifest("Color = red"), `/x.ini:5: [/etc/x]: unknown option "Color"`},
		{"unknown table", "x.ini", manifest("Table = btree"), `no table type "btree"`},
		{"mode", "x.ini", manifest("Mode = rw"), `mode "rw" is not octal`},
		{"relative path", "x.ini", "[etc/x]\nService = x\n", "[etc/x]: not the path of a file"},
		{"path that goes up", "x.ini", "[/etc/../x]\nService = x\n", "not the path of a file"},
		{"stock path again", "x.ini", strings.ReplaceAll(manifest(), "/etc/x", "/etc/postfix/main.cf"), "two manifests declare the file /etc/postfix/main.cf: postfix.ini and /"},
		{"path twice", "x.ini", manifest() + manifest(), "x.ini declares the file /etc/x twice"},
		{"part and more", "x.ini", manifest("Part = x"), "a section with Part has nothing else"},
		{"unknown part", "x.ini", "[/etc/postfix/main.cf]\nPart = y\n", `x.ini:2: [/etc/postfix/main.cf]: no template "y"`},
		{
			"part elsewhere", "x.ini", "\n[/etc/postfix/main.cf]\nPart = x\n",
			`x.ini:3: [/etc/postfix/main.cf]: template "x" is no part of that file, whose parts lie in postfix/main.cf`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			files := map[string]string{"x.tmpl": "x = y\n"}
			files[test.file] = test.text
			set, err := templates.Load(folder(t, files))
			if err == nil {
				err = set.Check()
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// TestOff passes over a manifest, with what it adds to the files of others.
func TestOff(t *testing.T) {
	dir := folder(t, map[string]string{
		"postfix/main.cf/70-site.tmpl": "# of the site\n",
		"site/site.conf.tmpl":          "name = {{get \"site/name\"}}\n",
		"site.ini": "[/etc/site.conf]\nService = site\nFormat = dovecot\nTemplate = site/site.conf\n" +
			"[/etc/postfix/main.cf]\nPart = postfix/main.cf/70-site\n[/etc/site.d]\nService = site\nFormat = lines\nTemplate = site/d/\n",
	})
	on := mustLoad(t, dir)
	if !slices.Contains(output(t, on, "/etc/postfix/main.cf").Parts, "postfix/main.cf/70-site") {
		t.Error("the part is missing")
	}
	output(t, on, "/etc/site.conf")
	off, err := templates.Load(dir, "site")
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range off.Outputs() {
		if o.Manifest == "site" || slices.Contains(o.Parts, "postfix/main.cf/70-site") {
			t.Errorf("there is still %+v", o)
		}
	}
	if len(on.Outputs()) != len(off.Outputs())+1 { // nobody has put a part into site/d
		t.Errorf("%d outputs with site, %d without", len(on.Outputs()), len(off.Outputs()))
	}
}

func FuzzManifest(f *testing.F) {
	for _, text := range []string{
		"[/etc/x]\nService = x\nFormat = dovecot\nTemplate = x\nMode = 0600\nOwner = a\n", "[/etc/x]\nPart = x\n", "a = b", "[", "=", "[]\n",
		"[/etc/../x]\n", "[/etc/x]\nService", "[/etc/x]\nMode = 99999\n", "[/etc/x]\n\"Service\" = \"\"\"a\nb\"\"\"\n", "[/a]\nTemplate = x/\n",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		set, err := templates.New(map[string]string{"x.tmpl": "a = b\n", "x.ini": text})
		if err != nil {
			if !strings.Contains(err.Error(), "x.ini") {
				t.Errorf("%q is refused by %q, which does not name the file", text, err)
			}
			return
		}
		for _, o := range set.Outputs() {
			if !filepath.IsAbs(o.Path) || filepath.Clean(o.Path) != o.Path || o.Mode > 0o7777 || len(o.Parts) == 0 {
				t.Errorf("%q declares %+v", text, o)
			}
		}
	})
}
