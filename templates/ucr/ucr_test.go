package ucr_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/mailreg/mailreg/schema"
	"github.com/mailreg/mailreg/templates"
	"github.com/mailreg/mailreg/templates/markers"
	"github.com/mailreg/mailreg/templates/ucr"
)

// host is a host that makes Postfix's files and declares mail/*. It takes no default that is a word for a number.
func host() ucr.Host {
	return ucr.Host{
		Made: map[string]ucr.Made{
			"/etc/postfix/main.cf":   {Manifest: "postfix", Template: "postfix/main.cf", Joined: true},
			"/etc/postfix/master.cf": {Manifest: "postfix", Template: "postfix/master.cf"},
		},
		Declared: func(key string) bool { return strings.HasPrefix(key, "mail/") },
		Check: func(section string) error {
			if strings.Contains(section, "Type = uint") && strings.Contains(section, "Default = \n") {
				return errors.New("the default is no number")
			}
			return nil
		},
	}
}

func convert(t *testing.T, dir, name string) ucr.Module {
	t.Helper()
	all, err := ucr.Convert(os.DirFS("testdata"), dir, name, host())
	if err != nil || len(all) != 1 {
		t.Fatalf("%d modules, %v", len(all), err)
	}
	return all[0]
}

func same(t *testing.T, what, want, got string) {
	t.Helper()
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestSourcePackage(t *testing.T) {
	m := convert(t, "source", "example-mail-filter")
	if len(m.Refused) > 0 {
		t.Errorf("refused: %+v", m.Refused)
	}
	same(t, "manifest", ucr.Imported+`
[/etc/default/site-filter]
Service  = example-mail-filter
Format   = shell
Template = example-mail-filter/etc/default/site-filter
Mode     = 0644

[/etc/postfix/main.cf]
Part = postfix/main.cf/80_site-filter

[/etc/site/filter.conf]
Service  = example-mail-filter
Format   = lines
Template = example-mail-filter/etc/site/filter.conf
Mode     = 0640
Group    = mail

[/etc/site/rules]
Service  = example-mail-filter
Format   = lines
Template = multifile/etc/site/rules/
Mode     = 0644

[/etc/site/rules]
Part = multifile/etc/site/rules/10_base

[/etc/site/rules]
Part = multifile/etc/site/rules/20_local
`, m.Files["templates/example-mail-filter.ini"])
	same(t, "declarations", ucr.Imported+`
[filter/level]
Type = uint
Min = 1
Max = 9
Default = 5
Category = service-mail, service-example
Description[en] = How strict the filter is.
Description[de] = Wie streng der Filter ist.

[filter/name]
Type = str
Regex = (?:[a-z])(?s:.*)
Default = @%@hostname@%@ filter
Category = service-mail
Description[en] = The name of the filter, which may be long.

[filter/junk]
Type = pint
Default = 7
Description[en] = Commands that do nothing.

[filter/networks]
Type = list
Element = ipaddress
Default = 192.0.2.1 192.0.2.2
Description[en] = Networks.

[filter/words]
Type = list
Separator = ,
Default = a b, c
Description[en] = Words.

[filter/wrong]
Type = uint
Description[en] = A default that is none.

[filter/odd]
Type = str
Default = x
Description[en] = A type of later versions.

[filter/user/.*/level]
Type = uint
Description[en] = How strict for one user.
`, m.Files["schema.d/example-mail-filter.ini"])
	notes := strings.Join(m.Notes, "\n")
	for _, note := range []string{
		"[filter/words]: the expression \"(?!x)y\" is none here", "[filter/wrong]: its default does not come along: the default is no number",
		"[filter/odd]: the type \"elementlist\" is unknown", "1 of its variables have declarations of mailreg",
	} {
		if !strings.Contains(notes, note) {
			t.Errorf("no note %q in %s", note, notes)
		}
	}
	if names := slices.Sorted(keys(m.Files)); len(names) != 7 {
		t.Errorf("files %q", names)
	}
}

func keys(m map[string]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for key := range m {
			if !yield(key) {
				return
			}
		}
	}
}

// TestUnported lists what somebody has to port, with the lines, and takes over the rest.
func TestUnported(t *testing.T) {
	m := convert(t, "source", "example-mail-ported")
	var got strings.Builder
	for _, f := range m.Refused {
		fmt.Fprintf(&got, "%s:%d: %s\n", strings.TrimPrefix(f.File, "source/"), f.Line, f.Reason)
		for _, line := range f.Code {
			fmt.Fprintf(&got, "  %d %s\n", line.Line, line.Text)
		}
	}
	same(t, "findings", `conffiles/etc/site/generate.sh:1: code to port
  1 #!/bin/sh
  2 echo "$1" >/etc/site/generated
conffiles/etc/site/python.conf:2: Python in the template
  3 for user in configRegistry.get('site/users', '').split():
  4 	print('user = %s' % user)
conffiles/etc/site/python.conf:7: Python in the template
  7 print(1)
conffiles/restart-site.py:1: code to port
  1 from subprocess import call
  3 def postinst(ucr, changes):
  4     call(['service', 'site', 'restart'])
conffiles/site.py:1: code to port
  1 def handler(ucr, changes):
  2     pass
debian/example-mail-ported.univention-config-registry:10: Postinst: restart-site.py
debian/example-mail-ported.univention-config-registry:13: Module: site.py
debian/example-mail-ported.univention-config-registry:17: Script: etc/site/generate.sh
debian/example-mail-ported.univention-config-registry:20: /etc/postfix/main.cf is made by the manifest postfix already
debian/example-mail-ported.univention-config-registry:23: the manifest postfix makes /etc/postfix/master.cf from one template, which takes no parts
debian/example-mail-ported.univention-config-registry:28: File: "../etc/passwd" is not the path of a file
debian/example-mail-ported.univention-config-registry:31: the template source/conffiles/etc/site/missing.conf is missing
debian/example-mail-ported.univention-config-registry:33: unknown type "fifo"
`, got.String())
	if names := slices.Sorted(keys(m.Files)); !slices.Equal(names, []string{
		"templates/example-mail-ported.ini", "templates/example-mail-ported/etc/site/plain.conf.tmpl",
	}) {
		t.Errorf("files %q", names)
	}
}

func TestInstalledPackage(t *testing.T) {
	for _, dir := range []string{"univention", "univention/templates"} {
		m := convert(t, dir, "")
		if m.Name != "example-web" || len(m.Refused) != 2 || m.Refused[1].Reason != "code to port" ||
			m.Refused[1].File != "univention/templates/scripts/etc/example-hook.conf" {
			t.Errorf("%s: %+v", dir, m)
		}
		if !strings.Contains(m.Files["templates/example-web.ini"], "Format   = ini\n") || m.Files["schema.d/example-web.ini"] == "" {
			t.Errorf("%s: files %q", dir, m.Files)
		}
	}
}

func TestNoPackage(t *testing.T) {
	for _, test := range []struct{ dir, name, want string }{
		{"none", "", "none is no folder"},
		{"source/conffiles", "", "there is no package in source/conffiles"},
		{"source", "other", "there is no package other in source; there are: example-mail-filter, example-mail-ported"},
	} {
		if _, err := ucr.Convert(os.DirFS("testdata"), test.dir, test.name, host()); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v, want %q", err, test.want)
		}
	}
}

// registry is a registry in which every key holds its own name with hostile characters around it.
type registry struct{}

func (registry) Get(key string) (string, bool) {
	return "<$" + strings.Map(plain, key) + "{{x}}@%@a@%@>", true
}
func (registry) Keys(string) []string  { return nil }
func (registry) Split(string) []string { return nil }
func (registry) Expands(string) bool   { return false }

func plain(r rune) rune {
	if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0xfffd {
		return '_'
	}
	return r
}

// FuzzTemplate: what an imported template renders is what the peer would have written, values left alone.
func FuzzTemplate(f *testing.F) {
	for _, text := range []string{
		"a @%@k@%@ b\n", "{{x}} {{{ {@%@k@%@}\n", "@%@k@%@@%@l@%@", "{{@%@k@%@", "}}", "{{- x -}} \n", "@%@a\"b\\@%@ {{/* */}}\n{{", " {\n{ {{\n",
		"@%@k", "\r\n", "`{{`", "{@%@a{@%@{",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		want := ""
		for _, part := range markers.Parse(text) {
			switch part.Kind {
			case markers.Literal:
				want += part.Text
			case markers.Key:
				value, _ := registry{}.Get(part.Text)
				want += value
			default:
				return
			}
		}
		if !strings.HasSuffix(want, "\n") {
			want += "\n"
		}
		fsys := fstest.MapFS{
			"p/debian/x.univention-config-registry": {Data: []byte("Type: file\nFile: etc/x\n")}, "p/conffiles/etc/x": {Data: []byte(text)},
		}
		all, err := ucr.Convert(fsys, "p", "x", ucr.Host{})
		if err != nil {
			t.Fatal(err)
		}
		if len(all[0].Refused) > 0 {
			return // not text
		}
		if got := render(t, all[0]); got != want {
			t.Errorf("%q is written as %q, want %q", text, got, want)
		}
	})
}

// FuzzPackage: whatever is imported can be loaded.
func FuzzPackage(f *testing.F) {
	for _, file := range []string{"example-mail-filter", "example-mail-ported"} {
		info, err := os.ReadFile("testdata/source/debian/" + file + ".univention-config-registry")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(info), "[k]\nType=uint\nDefault=1\n  2\nDescription[en]=a\n b\n[k]\n[l]\nregex=(\n")
	}
	f.Add("Type: file\nFile: x\nUser: a = b\nMode: 04755\n", "[a]b]\nType=list\nseparator=[\n\tx\n[]\n[DEFAULT]\nx=y\n= z\n")
	f.Fuzz(func(t *testing.T, info, variables string) {
		fsys := fstest.MapFS{
			"p/debian/x.univention-config-registry":           {Data: []byte(info)},
			"p/debian/x.univention-config-registry-variables": {Data: []byte(variables)},
			"p/conffiles/x": {Data: []byte("x\n"), Mode: 0o755},
		}
		all, err := ucr.Convert(fsys, "p", "", ucr.Host{Check: func(section string) error {
			_, err := schema.ParseDeclarations("x.ini", []byte(section))
			return err
		}})
		if err != nil {
			return
		}
		if _, err := templates.New(ours(all[0])); err != nil {
			t.Error(err)
		}
		if _, err := schema.ParseDeclarations("x.ini", []byte(all[0].Files["schema.d/x.ini"])); err != nil {
			t.Error(err)
		}
	})
}

// ours returns the manifest and the templates of a module by the names that they have in their folder.
func ours(m ucr.Module) map[string]string {
	texts := map[string]string{}
	for name, text := range m.Files {
		if short, ok := strings.CutPrefix(name, "templates/"); ok {
			texts[short] = text
		}
	}
	return texts
}

// render returns the one file that a module makes.
func render(t *testing.T, m ucr.Module) string {
	t.Helper()
	set, err := templates.New(ours(m))
	if err != nil {
		t.Fatal(err)
	}
	w := templates.World{Root: "/", Settings: registry{}, ReadFile: func(string) ([]byte, error) { return nil, fs.ErrNotExist }, Version: func(string) string { return "" }}
	for _, o := range set.Outputs() {
		if o.Manifest == m.Name {
			data, _, err := set.Render(o, w)
			if err != nil {
				t.Fatal(err)
			}
			return string(data)
		}
	}
	t.Fatal("nothing is made")
	return ""
}
