// Command house checks a Go tree against the rules of a rules file: what imports what, what is documented, how long
// functions and files are. It reads source only and prints one line per broken rule, and the figures that are aims.
//
// Usage: house RULES ROOT. It exits 1 when a rule is broken and 2 when it could not look.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: house RULES ROOT")
		os.Exit(2)
	}
	t, err := look(os.Args[1], os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, "house:", err)
		os.Exit(2)
	}
	t.report()
	for _, line := range t.broken {
		fmt.Fprintln(os.Stderr, line)
	}
	if len(t.broken) > 0 {
		os.Exit(1)
	}
}

func look(file, root string) (*tree, error) {
	r, err := readRules(file)
	if err != nil {
		return nil, err
	}
	module, err := modulePath(filepath.Join(root, "go.mod"))
	if err != nil {
		return nil, err
	}
	t := &tree{module: module, rules: r, folders: map[string]*folder{}}
	if err := t.walk(root); err != nil {
		return nil, err
	}
	for name, f := range t.folders {
		if !f.documented {
			t.breaks(name, "package has no doc comment")
		}
	}
	t.broken = append(t.broken, r.checkReach(t)...)
	slices.Sort(t.broken)
	return t, nil
}

func modulePath(file string) (string, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(data)) {
		if name, ok := strings.CutPrefix(line, "module "); ok {
			return strings.TrimSpace(name), nil
		}
	}
	return "", fmt.Errorf("%s names no module", file)
}

func (t *tree) report() {
	total := 0
	for _, f := range t.files {
		total += f.lines
	}
	fan := 0
	for _, f := range t.folders {
		fan += len(f.ours)
	}
	fmt.Printf("code       %d lines, %d files, %d packages; tests %d lines (%d %%)\n",
		total, len(t.files), len(t.folders), t.tests, percent(t.tests, total))
	fmt.Printf("functions  %s\nfiles      %s\n", spread(t.functions), spread(t.files))
	fmt.Printf("comments   %d %%; errors with %%w %d, with %%v %d\n", percent(t.comments, t.comments+t.code), t.wrapped, t.flat)
	fmt.Printf("imports    depth %d, fan-out %.1f\n", t.depth(), float64(fan)/float64(max(1, len(t.folders))))
	fmt.Printf("aims       %s\n", strings.Join(t.rules.aims, ", "))
}

func spread(spans []span) string {
	if len(spans) == 0 {
		return "none"
	}
	slices.SortFunc(spans, func(a, b span) int { return a.lines - b.lines })
	last := spans[len(spans)-1]
	return fmt.Sprintf("median %d, p95 %d, max %d (%s)", spans[len(spans)/2].lines, spans[len(spans)*95/100].lines, last.lines, last.name)
}

func percent(part, whole int) int { return part * 100 / max(1, whole) }
