package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestRulesBite builds a tree that breaks each rule once.
func TestRulesBite(t *testing.T) {
	root := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("go.mod", "module example.test/m\n")
	write("rules.txt", strings.Join([]string{
		"alone low", "never right: left", "only os/exec: left", "private cmd", "without cmd: os/exec", "name util",
		"limit function 3", "limit file 12", "limit parameters 1",
	}, "\n"))
	write("low/low.go", "// Package low is low.\npackage low\n\nimport _ \"example.test/m/left\"\n")
	write("left/left.go", "// Package left is left.\npackage left\n\nimport _ \"os/exec\"\n")
	write("right/right.go", "// Package right is right.\npackage right\n\nimport (\n\t_ \"example.test/m/left\"\n\t_ \"os/exec\"\n)\n")
	write("cmd/main.go", "// Command cmd is one.\npackage main\n\nimport _ \"example.test/m/left\"\n\nfunc main() {}\n")
	write("peep/peep_test.go", "package peep\n\nimport _ \"example.test/m/cmd\"\n")
	write("util/util.go", strings.Join([]string{
		"package util", "import \"os\"", "var Count int", "var table = []int{1}", "func init() {}",
		"func Long(a, b int) {", "", "", "os.Exit(1)", "}", "type Plain int", "", "",
	}, "\n"))

	tree, err := look(filepath.Join(root, "rules.txt"), root)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`cmd -> left -> os/exec must do without exec`,
		`low/low.go: import of "left": low imports nothing of ours`,
		`peep/peep_test.go: import of "cmd": nobody outside imports cmd`,
		`right/right.go: import of "left": right never imports left`,
		`right/right.go: import of "os/exec": os/exec belongs in left only`,
		`util/util.go: package name "util" says nothing`,
		`util/util.go:3: exported Count has no doc comment`,
		`util/util.go:3: package variable Count is no error, table or embed`,
		`util/util.go:5: init function`,
		`util/util.go:6: exported Long has no doc comment`,
		`util/util.go:6: function Long has 2 parameters, more than 1`,
		`util/util.go:6: function Long has 5 lines, more than 3`,
		`util/util.go:9: os.Exit outside a main package`,
		`util/util.go:11: exported Plain has no doc comment`,
		`util: package has no doc comment`,
	}
	slices.Sort(want)
	if !slices.Equal(tree.broken, want) {
		t.Errorf("broken:\n%s\nwant:\n%s", strings.Join(tree.broken, "\n"), strings.Join(want, "\n"))
	}
}

func TestUnknownRule(t *testing.T) {
	file := filepath.Join(t.TempDir(), "rules.txt")
	if err := os.WriteFile(file, []byte("alone a\nnevr a: b\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := readRules(file); err == nil || !strings.Contains(err.Error(), `:2: unknown rule "nevr"`) {
		t.Errorf("error %v", err)
	}
}
