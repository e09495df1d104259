package settings

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mailreg/mailreg/registry/layerfile"
	"github.com/mailreg/mailreg/schema"
)

// testTable declares a few variables beside the stock ones.
func testTable() *table {
	return newTable([]schema.Declaration{
		{Key: "t/size", Type: "uint", Default: "10", HasDefault: true},
		{Key: "t/path", Type: "path", Default: "/var/x", HasDefault: true},
		{Key: "t/sub", Type: "path", Default: "@%@t/path@%@/sub", HasDefault: true},
		{Key: "t/paths", Type: "list", Element: "path", Separator: ";", Default: "/a;/b c", HasDefault: true},
		{Key: "t/fqdn", Type: "fqdn", Default: "@%@hostname@%@.@%@domainname@%@", HasDefault: true},
		{Key: "t/loop", Type: "str", Default: "@%@t/loop2@%@", HasDefault: true},
		{Key: "t/loop2", Type: "str", Default: "@%@t/loop@%@", HasDefault: true},
		{Key: "t/list", Type: "list", Separator: ";", Expand: true},
		{Key: "t/rule/10", Type: "str", Default: "ten", HasDefault: true},
		{Key: "t/local", Type: "str", Local: true},
		{Key: "t/.*", Type: "str"},
		{Key: "t/deep/.*/x", Type: "int"},
		{Key: "t/secret", Type: "str", Secret: true},
	})
}

func TestViewMerges(t *testing.T) {
	v := newView("/r", testTable(), [Forced + 1]map[string]string{
		Normal: {"t/size": "1", "a": "n", "b": "n", "hostname": "Mail1"},
		LDAP:   {"a": "l", "t/local": "l", "mailreg/mode": "staging", "ldap/base": "dc=x"},
		Forced: {"a": "f", "t/list": "x y; z", "t/rule/9": "nine", "t/rule/x": "ex", "t/rule/100": "100"},
	})
	want := map[string]string{
		"t/size": "1", "a": "f", "b": "n", "t/path": "/r/var/x", "t/sub": "/r/var/x/sub",
		"t/paths": "/r/a;/r/b c", "t/fqdn": "(unset)", "t/loop": "(unset)", "t/local": "(unset)", "ldap/base": "(unset)",
	}
	got := map[string]string{}
	for key := range want {
		val, ok := v.Get(key)
		if !ok {
			val = "(unset)"
		}
		got[key] = val
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"x y", "z"}, v.List("t/list")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"t/rule/9", "t/rule/10", "t/rule/100", "t/rule/x"}, v.Keys("t/rule/")); diff != "" {
		t.Error(diff)
	}
	if _, err := v.FQDN(); err == nil || !strings.Contains(err.Error(), "domainname") {
		t.Errorf("FQDN error = %v", err)
	}
	if diff := cmp.Diff([]Candidate{{Normal, "n"}, {LDAP, "l"}, {Forced, "f"}}, v.Candidates("a")); diff != "" {
		t.Error(diff)
	}
	if layer, ok := v.Source("t/local"); ok {
		t.Errorf("Source of a local key in layer ldap = %v", layer)
	}
	if layer, ok := v.Source("t/path"); layer != Default || !ok {
		t.Errorf("Source of a default = %v, %v", layer, ok)
	}
	if !v.Expands("t/list") || v.Expands("a") || v.Int("t/size") != 1 {
		t.Error("Expands or Int")
	}
}

func TestDefaultsAreExpandedOnce(t *testing.T) {
	v := newView("/", testTable(), [Forced + 1]map[string]string{
		Normal: {"hostname": "@%@domainname@%@", "domainname": "Example.Test", "t/path": "/p"},
	})
	if got := v.String("t/fqdn"); got != "@%@domainname@%@.Example.Test" {
		t.Errorf("t/fqdn = %q", got)
	}
	if got := v.String("t/sub"); got != "/p/sub" {
		t.Errorf("t/sub = %q", got)
	}
	if got := v.String("hostname"); got != "@%@domainname@%@" {
		t.Errorf("hostname = %q", got)
	}
}

func TestPatterns(t *testing.T) {
	table := testTable()
	for key, want := range map[string]string{"t/size": "t/size", "t/other": "t/.*", "t/deep/a/b/x": "t/deep/.*/x", "t/deep//x": "t/.*", "t/": "", "u": ""} {
		if d, _ := table.find(key); d.Key != want {
			t.Errorf("find(%q) = %q, want %q", key, d.Key, want)
		}
	}
}

func TestViewReadsFiles(t *testing.T) {
	root := t.TempDir()
	r := NewReader(root)
	empty, err := r.View()
	if err != nil || len(slices.Collect(empty.keys())) != 0 {
		t.Fatal(empty, err)
	}
	if entries, _ := os.ReadDir(root); len(entries) != 0 {
		t.Fatalf("reading created %v", entries)
	}
	write(t, root, "/etc/mailreg/base.conf", string(layerfile.Encode("base.conf", map[string]string{"a": "1"})))
	write(t, root, "/etc/mailreg/secrets.conf", string(layerfile.Encode("secrets.conf", map[string]string{"pw": "x"})))
	write(t, root, "/etc/mailreg/schema.d/a.ini", "[hostname]\nType = uint\n")
	write(t, root, "/etc/mailreg/schema.d/b.ini", "[hostname]\nType = bool\n")
	v, err := r.View()
	if err != nil || v.String("a") != "1" || v.String("pw") != "x" {
		t.Fatal(v, err)
	}
	if d, _ := v.Declaration("hostname"); d.Type != "uint" {
		t.Errorf("hostname has type %q", d.Type)
	}
	old := time.Now().Add(-time.Minute)
	for _, name := range []string{"base.conf", "secrets.conf", "schema.d", "schema.d/a.ini", "schema.d/b.ini"} {
		if err := os.Chtimes(filepath.Join(root, Dir, name), old, old); err != nil {
			t.Fatal(err)
		}
	}
	first, _ := r.View()
	if second, _ := r.View(); first != second {
		t.Error("unchanged files were read again")
	}
	write(t, root, "/etc/mailreg/base.conf", "broken")
	if last, err := r.View(); err == nil || last != first {
		t.Errorf("broken layer: %v, %v", last, err)
	}
	if err := os.Remove(filepath.Join(root, "/etc/mailreg/base.conf")); err != nil {
		t.Fatal(err)
	}
	if last, err := r.View(); err == nil || last != first {
		t.Errorf("missing layer: %v, %v", last, err)
	}
}

func write(t *testing.T, root, path, text string) {
	t.Helper()
	path = filepath.Join(root, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestPrefix finds what a search through all pairs finds, local declarations that override stock ones included.
func TestPrefix(t *testing.T) {
	local := []schema.Declaration{
		{Key: "mail/dovecot/imap/port", Type: "portnumber"}, // has a default no more
		{Key: "mail/dovecot/imaps/port", Type: "portnumber", Default: "994", HasDefault: true},
		{Key: "mail/dovecot/zz", Type: "str", Default: "new", HasDefault: true},
	}
	v := newView("/", newTable(local), [Forced + 1]map[string]string{Normal: {"mail/dovecot/own": "1", "mail/postfix/own": "2", "z": "3"}})
	pairs := v.Pairs()
	for _, prefix := range []string{"", "mail/", "mail/dovecot/", "mail/dovecot/im", "mail/dovecot/zz", "nothing/", "z"} {
		want := map[string]string{}
		for _, pair := range pairs {
			if strings.HasPrefix(pair.Key, prefix) {
				want[pair.Key] = pair.Value
			}
		}
		got := map[string]string{}
		for _, pair := range v.Prefix(prefix) {
			got[pair.Key] = pair.Value
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("prefix %q (-pairs +prefix):\n%s", prefix, diff)
		}
	}
	if _, ok := v.Get("mail/dovecot/imap/port"); ok || v.String("mail/dovecot/imaps/port") != "994" || pairs[len(pairs)-1].Key != "z" {
		t.Error("a local declaration does not override the stock one")
	}
}

func TestFollowers(t *testing.T) {
	v := newView("/", newTable([]schema.Declaration{
		{Key: "t/a", Type: "str"},
		{Key: "t/b", Type: "str", Default: "x@%@t/a@%@", HasDefault: true},
		{Key: "t/c", Type: "str", Default: "@%@t/b@%@ @%@t/a@%@", HasDefault: true},
		{Key: "t/set", Type: "str", Default: "@%@t/a@%@", HasDefault: true},
	}), [Forced + 1]map[string]string{Normal: {"t/set": "own"}})
	if diff := cmp.Diff([]string{"t/a", "t/b", "t/c"}, v.Followers("t/a")); diff != "" {
		t.Error(diff)
	}
}

// TestBrokenDeclarations are found when their file is read, not when somebody sets the variable.
func TestBrokenDeclarations(t *testing.T) {
	for text, want := range map[string]string{
		"[a]\nType = str\n[b/c]\nType = integer\n": `x.ini:3: [b/c]: unknown Type "integer"`,
		"[a]\nType = int\nMin = 2\nMax = 1\n":      "x.ini:1: [a]: the Min 2 is more than the Max 1",
		"[a]\nType = str\nRegex = a(\n":            "x.ini:1: [a]: broken Regex",
		"[a]\nType = pint\nDefault = 0\n":          `x.ini:1: [a]: the Default "0" must be`,
		"[a]\nTipe = str\n":                        `x.ini:2: [a]: unknown option "Tipe"`,
	} {
		root := t.TempDir()
		if err := os.MkdirAll(filepath.Join(root, schemaDir), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, schemaDir, "x.ini"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := NewReader(root).View(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
	}
}
