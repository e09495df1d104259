package external_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mailreg/mailreg/handlers/external"
	"github.com/mailreg/mailreg/schema"
)

func entry(dn string, attrs ...string) *schema.Entry {
	var list []schema.Attribute
	for _, a := range attrs {
		name, value, _ := strings.Cut(a, "=")
		list = append(list, schema.Attribute{Name: name, Values: []string{value}})
	}
	return schema.NewEntry(schema.UUID{1}, dn, list...)
}

// program writes a shell script and returns its path. Other users may run it.
func program(t *testing.T, text string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "mailreg-external-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "program")
	if err := errors.Join(os.Chmod(dir, 0o755), os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o755)); err != nil {
		t.Fatal(err)
	}
	return path
}

func parse(t *testing.T, lines ...string) external.File {
	t.Helper()
	f, err := external.Parse("crm", []byte("[handler]\nFilter = (objectClass=person)\n"+strings.Join(lines, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestParse(t *testing.T) {
	f := parse(t, "Filter = (&(objectClass=person)(!(cn=#1;\\2a)))", "Attributes = mail sn", "Command = /bin/x --to a", "Timeout = 5s",
		"User = mail", "Parallel = 3", "Guard = no")
	if f.Name != "crm" || f.Text != `(&(objectClass=person)(!(cn=#1;\2a)))` || f.Timeout != 5*time.Second || f.User != "mail" ||
		f.Parallel != 3 || f.Guard || !slices.Equal(f.Command, []string{"/bin/x", "--to", "a"}) || !slices.Equal(f.Attributes, []string{"mail", "sn"}) {
		t.Errorf("%+v", f)
	}
	if f := parse(t, "Command = /bin/x"); f.User != "nobody" || f.Timeout != time.Minute || f.Parallel != 1 || !f.Guard {
		t.Errorf("defaults %+v", f)
	}
	for text, want := range map[string]string{
		"":                                 "no Filter",
		"[handler]\nFilter = (a=b)":        "no Command",
		"[handler]\nFilter = (a>=b)":       "no comparison",
		"[handler]\nFilter = (a b=c)":      "no attribute's name",
		"[handler]\nCommand = x":           "whole path",
		"[handler]\nCommand =":             "whole path",
		"[handler]\nTimeout = -1s":         "more than nothing",
		"[handler]\nTimeout = soon":        "invalid duration",
		"[handler]\nParallel = 0":          "at least 1",
		"[handler]\nGuard = maybe":         "yes or no",
		"[handler]\nAttributes = *":        "no attribute's name",
		"[handler]\nShell = yes":           "no such option",
		"[other]\nFilter = (a=b)":          "only section",
		"[handler]\nFilter (a b)":          "key-value delimiter",
		"[handler]\nAttributes = cn;lang-": "no attribute's name",
	} {
		if _, err := external.Parse("x", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func TestLoad(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, external.Dir)
	write := func(name, text string, mode os.FileMode) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(path, []byte(text), 0o600), os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
	}
	if files, notes, err := external.Load(root); len(files)+len(notes) > 0 || err != nil {
		t.Errorf("without a folder: %v, %v, %v", files, notes, err)
	}
	good := "[handler]\nFilter = (a=b)\nCommand = /bin/true\n"
	write("crm.ini", good, 0o644)
	write("crm.ini~", good, 0o644)
	write("mailbox.ini", good, 0o644)
	write("Upper.ini", good, 0o644)
	write("bad.ini", "[handler]\n", 0o644)
	write("open.ini", good, 0o666)
	files, notes, err := external.Load(root, "mailbox")
	if err != nil || len(files) != 1 || files[0].Name != "crm" {
		t.Errorf("%v, %v", files, err)
	}
	want := []string{
		"handler Upper is left out: /etc/mailreg/handlers.d/Upper.ini: a name has lower-case letters, digits and hyphens only, and begins with a letter",
		"handler bad is left out: /etc/mailreg/handlers.d/bad.ini: no Filter",
		"handler mailbox is left out: /etc/mailreg/handlers.d/mailbox.ini: a handler of mailreg's own has this name",
		"handler open is left out: /etc/mailreg/handlers.d/open.ini: it can be written by others (mode 0666)",
	}
	if diff := cmp.Diff(want, notes); diff != "" {
		t.Error(diff)
	}
}

// apply runs a handler and returns what its program has read.
func apply(t *testing.T, c schema.Change) external.Message {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out")
	if err := os.WriteFile(out, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f := parse(t, "Attributes = mail jpegPhoto", "User = root", "Command = "+program(t, `cat > "$1"`)+" "+out)
	if err := external.New(external.Config{File: f, Root: "/"}).Apply(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	var m external.Message
	if err := json.Unmarshal(text, &m); err != nil || text[len(text)-1] != '\n' {
		t.Fatalf("%q: %v", text, err)
	}
	return m
}

func TestMessage(t *testing.T) {
	a := entry("uid=a", "MAIL=a@x", "sn=secret", "jpegphoto=\xff\xd8", "mail;lang-de=b@x")
	got := apply(t, schema.Change{UUID: a.UUID, New: a})
	want := external.Message{
		Handler: "crm", UUID: a.UUID, Change: "add", DN: "uid=a",
		New: &external.Side{
			DN: "uid=a", Attributes: map[string][]string{"mail": {"a@x"}, "mail;lang-de": {"b@x"}},
			Binary: map[string][]string{"jpegPhoto": {"/9g="}},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, tt := range []struct {
		old, new *schema.Entry
		want     string
	}{
		{a, nil, "remove"},
		{nil, nil, "remove"},
		{a, a, "again"},
		{a, entry("uid=a", "MAIL=a@x", "sn=other", "jpegphoto=\xff\xd8", "mail;lang-de=b@x"), "again"},
		{a, entry("uid=a", "mail=c@x"), "modify"},
		{a, entry("uid=b", "mail=c@x"), "rename"},
	} {
		if got := apply(t, schema.Change{UUID: a.UUID, Old: tt.old, New: tt.new}); got.Change != tt.want {
			t.Errorf("%v to %v: %s, want %s", tt.old, tt.new, got.Change, tt.want)
		}
	}
}

func TestStatuses(t *testing.T) {
	for _, tt := range []struct {
		script, limit string
		is            error
		text          string
	}{
		{"exit 0", "5s", nil, ""},
		{"echo no such customer >&2; exit 65", "5s", schema.ErrInvalid, ": exit status 65: no such customer"},
		{"exit 65", "5s", schema.ErrInvalid, ": exit status 65"},
		{"echo busy; exit 75", "5s", schema.ErrTemporary, ": busy"},
		{"exit 1", "5s", nil, "exit status 1"},
		{"kill -9 $$", "5s", nil, "signal: killed"},
		{"sleep 60", "100ms", nil, "took longer than 100ms"},
	} {
		f := parse(t, "Timeout = "+tt.limit, "User = root", "Command = "+program(t, tt.script))
		err := external.New(external.Config{File: f}).Apply(context.Background(), schema.Change{New: entry("uid=a")})
		switch {
		case tt.text == "":
			if err != nil {
				t.Errorf("%s: %v", tt.script, err)
			}
		case err == nil || !strings.Contains(err.Error(), tt.text), tt.is != nil && !errors.Is(err, tt.is),
			tt.is == nil && (errors.Is(err, schema.ErrInvalid) || errors.Is(err, schema.ErrTemporary)):
			t.Errorf("%s: %v, want %s", tt.script, err, tt.text)
		}
	}
}

func TestProgramThatCannotRun(t *testing.T) {
	open := program(t, "exit 0")
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	plain := program(t, "exit 0")
	if err := os.Chmod(plain, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"Command = /nonexistent", "Command = " + open, "Command = " + plain, "Command = /bin/true\nUser = nobody-of-that-name",
	} {
		err := external.New(external.Config{File: parse(t, line)}).Apply(t.Context(), schema.Change{New: entry("uid=a")})
		if _, down := errors.AsType[*schema.TargetDown](err); !down {
			t.Errorf("%s: %v", line, err)
		}
	}
}

func TestUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Log("not root: the program runs as we do")
	}
	f := parse(t, "Command = "+program(t, `echo "$(id -un) $MAILREG_HANDLER $MAILREG_ROOT $PWD" >&2; exit 65`))
	err := external.New(external.Config{File: f, Root: "/srv/x"}).Apply(t.Context(), schema.Change{New: entry("uid=a")})
	if want := ": nobody crm /srv/x /"; os.Geteuid() == 0 && (err == nil || !strings.HasSuffix(err.Error(), want)) {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestDiffers(t *testing.T) {
	f := parse(t, "Attributes = mail", "Command = /bin/true")
	h := external.New(external.Config{File: f})
	a := entry("uid=a", "mail=a@x", "sn=1")
	for _, tt := range []struct {
		new  *schema.Entry
		want bool
	}{
		{entry("uid=a", "mail=a@x", "sn=2"), false},
		{entry("uid=a", "mail=b@x", "sn=1"), true},
		{entry("uid=a", "sn=1"), true},
		{entry("uid=b", "mail=a@x", "sn=1"), true},
	} {
		if got := h.Differs(schema.Change{Old: a, New: tt.new}); got != tt.want {
			t.Errorf("%v: %v", tt.new, got)
		}
	}
	if !h.Takes(schema.Change{Old: a}) || h.Takes(schema.Change{Old: a, New: a}) || h.Takes(schema.Change{New: a}) {
		t.Error("what goes away is to be counted, and nothing else")
	}
	other := f
	other.Attributes = []string{"mail", "sn"}
	if h.Version() == external.New(external.Config{File: other}).Version() {
		t.Error("another question, the same version")
	}
}
