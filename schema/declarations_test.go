package schema_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mailreg/mailreg/schema"
)

func TestParseDeclarations(t *testing.T) {
	got, err := schema.ParseDeclarations("x.ini", []byte(`
[b/level]
Type = enum
Enum = none, may
Default =
Category = postfix
Description[en] = A level; see # below.
Description[de] = Eine Stufe.

[a/.*]
Type = str
Regex = ^"[a-z]+"$
Secret = yes
Expand = no

[c]
Type = str
Secret = yes
Generate = 32
`))
	want := []schema.Declaration{
		{Key: "a/.*", Type: "str", Regex: `^"[a-z]+"$`, Secret: true},
		{
			Key: "b/level", Type: "enum", Enum: []string{"none", "may"}, HasDefault: true, Category: "postfix",
			DescriptionEN: "A level; see # below.", DescriptionDE: "Eine Stufe.",
		},
		{Key: "c", Type: "str", Secret: true, Generate: 32},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("ParseDeclarations: %v (-want +got):\n%s", err, diff)
	}
}

func TestParseDeclarationsRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"[k]\nType = str\nColour = red\n":   `x.ini:3: [k]: unknown option "Colour"`,
		"[k]\nDefault = 1\n":                "x.ini:1: [k]: no Type",
		"[k]\nType = str\nSecret = maybe\n": "Secret must be yes or no",
		"[k]\nType = str\nGenerate = 32\n":  "only one secret without a Default can be generated",
		"[k]\nType = str\nGenerate = 8\n":   "Generate must be a number of 16 to 128 characters",
		"Type = str\n":                      "before the first variable",
		"[k]\nType = str\n[k]\nType = int":  "x.ini:3: [k] is there twice",
	} {
		_, err := schema.ParseDeclarations("x.ini", []byte(text))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "x.ini") {
			t.Errorf("ParseDeclarations(%q) = %v; want %q with the file's name", text, err, want)
		}
	}
}

// The compiled table must be what the declaration files say.
func TestDeclarationsAreGenerated(t *testing.T) {
	files, err := filepath.Glob("registry/*.ini")
	if err != nil || len(files) == 0 {
		t.Fatalf("no declaration files: %v", err)
	}
	var want []schema.Declaration
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		some, err := schema.ParseDeclarations(file, data)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, some...)
	}
	slices.SortFunc(want, func(a, b schema.Declaration) int { return strings.Compare(a.Key, b.Key) })
	if diff := cmp.Diff(want, schema.Declarations); diff != "" {
		t.Errorf("run go generate ./schema (-files +table):\n%s", diff)
	}
	var patterns []string
	for _, d := range want {
		if strings.Contains(d.Key, ".*") {
			patterns = append(patterns, d.Key)
		}
	}
	slices.SortStableFunc(patterns, func(a, b string) int { return len(b) - len(a) })
	if diff := cmp.Diff(patterns, schema.Patterns); diff != "" {
		t.Errorf("run go generate ./schema (-files +patterns):\n%s", diff)
	}
}

func FuzzParseDeclarations(f *testing.F) {
	for _, text := range []string{
		"[k]\nType = str\n", "[a/.*]\nType = enum\nEnum = a, b\nDefault =\nDescription[de] = x\n", "[k]\nType", "[", "a = b", "[]\nType = str\n",
		"[k]\nType = \"\"\"a\nb\"\"\"\n", "[k]\nType = str\nGenerate = 20\n", "[k]\nType = str\n[k]\nType = str\n",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		all, err := schema.ParseDeclarations("x.ini", []byte(text))
		if err != nil && !strings.Contains(err.Error(), "x.ini") {
			t.Errorf("%q is refused by %q, which does not name the file", text, err)
		}
		for i, d := range all {
			if d.Type == "" || i > 0 && all[i-1].Key >= d.Key {
				t.Errorf("%q declares %+v", text, all)
			}
		}
	})
}
