package main

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// documented returns the words between backticks in the first column of the table with a heading.
func documented(t *testing.T, heading string) map[string]bool {
	t.Helper()
	text, err := os.ReadFile("../../docs/log.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(text), "\n| "+heading+" |")
	if !found {
		t.Fatalf("docs/log.md has no table of %s", heading)
	}
	table, _, _ = strings.Cut(table, "\n\n")
	words := map[string]bool{}
	for line := range strings.Lines(table) {
		column, _, _ := strings.Cut(strings.TrimPrefix(line, "| "), " | ")
		for _, word := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(column, -1) {
			words[word[1]] = true
		}
	}
	return words
}

// TestLogIsDocumented holds every attribute and every op in the code to docs/log.md: one name for one thing.
func TestLogIsDocumented(t *testing.T) {
	keys, ops := documented(t, "attribute"), documented(t, "op")
	pairs := 0
	for _, dir := range []string{"../../listener", "../../handlers", "../../registry", "."} {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				list := attributes(n)
				for i := 0; i+1 < len(list); i += 2 {
					key, ok := literal(list[i])
					if !ok {
						break
					}
					pairs++
					if !keys[key] {
						t.Errorf("%s: attribute %q is not in docs/log.md", path, key)
					}
					if op, ok := literal(list[i+1]); ok && key == "op" && !ops[op] {
						t.Errorf("%s: op %q is not in docs/log.md", path, op)
					}
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if pairs < 50 {
		t.Errorf("found %d attributes only: the scan is blind", pairs)
	}
}

// attributes returns the alternating keys and values of a call that logs, of one that adds to a logger or to a list of
// attributes, and of such a list.
func attributes(n ast.Node) []ast.Expr {
	switch n := n.(type) {
	case *ast.CompositeLit:
		if list, ok := n.Type.(*ast.ArrayType); ok {
			if of, ok := list.Elt.(*ast.Ident); ok && of.Name == "any" {
				return n.Elts
			}
		}
	case *ast.CallExpr:
		if fun, ok := n.Fun.(*ast.Ident); ok && fun.Name == "append" {
			if to, ok := n.Args[0].(*ast.Ident); ok && to.Name == "attrs" {
				return n.Args[1:]
			}
			return nil
		}
		fun, ok := n.Fun.(*ast.SelectorExpr)
		if !ok || len(n.Args) < 2 {
			return nil
		}
		if of, ok := fun.X.(*ast.Ident); ok && of.Name == "http" {
			return nil // an error page
		}
		skip := map[string]int{"Debug": 1, "Info": 1, "Warn": 1, "Error": 1, "InfoContext": 2, "Log": 3}[fun.Sel.Name]
		if skip > 0 && len(n.Args) > skip {
			return n.Args[skip:]
		}
	}
	return nil
}

func literal(e ast.Expr) (string, bool) {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(lit.Value)
	return text, err == nil
}

// TestLogLines holds that text of the directory makes neither lines nor attributes of its own.
func TestLogLines(t *testing.T) {
	evil := "uid=a\nlevel=ERROR msg=forged\x1b[31m\u202e\u2028\x00 op=\"x"
	for _, format := range []string{"text", "json"} {
		var out bytes.Buffer
		newLogger(&out, options{logFormat: format}).Warn(evil, "dn", evil, slog.Group("g", "k", evil))
		if strings.Count(out.String(), "\n") != 1 || strings.ContainsAny(out.String(), "\x1b\x00") {
			t.Errorf("%s: %q", format, out.String())
		}
		if format == "text" && strings.ContainsAny(out.String(), "\u202e\u2028") {
			t.Errorf("%q", out.String())
		}
	}
}
