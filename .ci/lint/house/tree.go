package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// span is a named stretch of source lines.
type span struct {
	name  string
	lines int
}

// folder is one package folder.
type folder struct {
	lines, files int
	documented   bool
	ours, others map[string]bool
}

// tree is what the source says about itself; broken collects the rules it breaks.
type tree struct {
	module           string
	rules            rules
	folders          map[string]*folder
	functions, files []span
	comments, code   int
	tests            int
	wrapped, flat    int
	broken           []string
}

// walk reads every Go file below root, but hidden folders and testdata.
func (t *tree) walk(root string) error {
	return filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		switch base := filepath.Base(file); {
		case err != nil:
			return err
		case d.IsDir() && file != root && (strings.HasPrefix(base, ".") || base == "testdata"):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(base, ".go"):
			return nil
		}
		rel, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		return t.file(file, filepath.ToSlash(rel))
	})
}

func (t *tree) file(file, rel string) error {
	src, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	fset := token.NewFileSet()
	syntax, err := parser.ParseFile(fset, rel, src, parser.ParseComments)
	if err != nil {
		return err
	}
	lines := strings.Count(string(src), "\n")
	dir := filepath.ToSlash(filepath.Dir(rel))
	test := strings.HasSuffix(rel, "_test.go")
	t.imports(dir, rel, syntax, test)
	if test {
		t.tests += lines
		return nil
	}
	f := t.folder(dir)
	f.documented = f.documented || syntax.Doc != nil
	if slices.Contains(t.rules.names, syntax.Name.Name) {
		t.breaks(rel, "package name %q says nothing", syntax.Name.Name)
	}
	if ast.IsGenerated(syntax) {
		return nil
	}
	f.files++
	f.lines += lines
	t.files = append(t.files, span{rel, lines})
	t.count(string(src))
	c := check{tree: t, fset: fset, file: rel, main: syntax.Name.Name == "main"}
	c.syntax(syntax)
	return nil
}

func (t *tree) folder(dir string) *folder {
	if t.folders[dir] == nil {
		t.folders[dir] = &folder{ours: map[string]bool{}, others: map[string]bool{}}
	}
	return t.folders[dir]
}

func (t *tree) imports(dir, rel string, syntax *ast.File, test bool) {
	for _, spec := range syntax.Imports {
		name := strings.Trim(spec.Path.Value, `"`)
		inner, ours := strings.CutPrefix(name, t.module+"/")
		if ours {
			name = inner
		}
		if reason := t.rules.checkImport(dir, name, ours, test); reason != "" {
			t.breaks(rel, "import of %q: %s", name, reason)
		}
		switch {
		case test:
		case ours:
			t.folder(dir).ours[name] = true
		default:
			t.folder(dir).others[name] = true
		}
	}
}

func (t *tree) count(src string) {
	for line := range strings.SplitSeq(src, "\n") {
		switch text := strings.TrimSpace(line); {
		case text == "":
		case strings.HasPrefix(text, "//"):
			t.comments++
		default:
			t.code++
		}
	}
}

// chains returns the way from a folder to every library that it reaches, one way each.
func (t *tree) chains(from string) [][]string {
	var found [][]string
	seen := map[string]bool{from: true}
	for queue := [][]string{{from}}; len(queue) > 0; queue = queue[1:] {
		way := queue[0]
		f := t.folders[way[len(way)-1]]
		if f == nil {
			continue
		}
		for name := range f.others {
			found = append(found, append(slices.Clone(way), name))
		}
		for name := range f.ours {
			if !seen[name] {
				seen[name] = true
				queue = append(queue, append(slices.Clone(way), name))
			}
		}
	}
	return found
}

// depth returns the number of packages on the longest way of imports.
func (t *tree) depth() int {
	memo := map[string]int{}
	var deep func(string) int
	deep = func(name string) int {
		if d, ok := memo[name]; ok {
			return d
		}
		most := 0
		if f := t.folders[name]; f != nil {
			for next := range f.ours {
				most = max(most, deep(next))
			}
		}
		memo[name] = most + 1
		return most + 1
	}
	most := 0
	for name := range t.folders {
		most = max(most, deep(name))
	}
	return most
}
