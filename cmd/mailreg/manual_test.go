package main

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/mailreg/mailreg/cmd/mailreg/man"
)

// TestManual: every command has a page, the same one each time, that man(1) has nothing to say about.
func TestManual(t *testing.T) {
	pages := manual()
	dir := t.TempDir()
	if err := man.Write(dir, pages); err != nil {
		t.Fatal(err)
	}
	var files []string
	for i, p := range pages {
		files = append(files, p.File())
		text := string(p.Render())
		if text != string(manual()[i].Render()) {
			t.Errorf("%s differs from one time to the next", p.File())
		}
		for _, part := range []string{".SH NAME\n", ".SH SYNOPSIS\n", ".SH DESCRIPTION\n", ".SH SEE ALSO\n"} {
			if !strings.Contains(text, part) {
				t.Errorf("%s lacks %q", p.File(), part)
			}
		}
	}
	everyCommand(func(c *cobra.Command) {
		name := strings.ReplaceAll(c.CommandPath(), " ", "-") + ".1"
		if c.Name() != "help" && !slices.Contains(files, name) {
			t.Errorf("there is no %s", name)
		}
	})
	for _, see := range pages {
		for _, item := range see.Commands {
			if name := strings.TrimSuffix(item.Term, "(1)") + ".1"; !slices.Contains(files, name) {
				t.Errorf("%s names %s, which is not there", see.File(), name)
			}
		}
	}
	lint(t, dir, files)
}

// lint has the formatters of this machine read the pages; where there is none, nothing is checked.
func lint(t *testing.T, dir string, files []string) {
	t.Helper()
	for _, tool := range [][]string{{"groff", "-man", "-Tutf8", "-ww", "-z"}, {"mandoc", "-T", "lint", "-W", "error"}} {
		if _, err := exec.LookPath(tool[0]); err != nil {
			continue
		}
		for _, file := range files {
			out, err := exec.Command(tool[0], append(tool[1:], filepath.Join(dir, file))...).CombinedOutput()
			if err != nil || len(out) > 0 {
				t.Errorf("%s: %s: %v\n%s", tool[0], file, err, out)
			}
		}
	}
}
