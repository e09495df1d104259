package main

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
	"strings"
)

// check looks through one file.
type check struct {
	tree *tree
	fset *token.FileSet
	file string
	main bool
}

func (t *tree) breaks(where, format string, args ...any) {
	t.broken = append(t.broken, where+": "+fmt.Sprintf(format, args...))
}

func (c check) breaks(n ast.Node, format string, args ...any) {
	c.tree.breaks(fmt.Sprintf("%s:%d", c.file, c.line(n.Pos())), format, args...)
}

func (c check) line(p token.Pos) int { return c.fset.Position(p).Line }

func (c check) syntax(syntax *ast.File) {
	lines := c.tree.files[len(c.tree.files)-1].lines
	if most := c.tree.rules.limits["file"]; lines > most {
		c.breaks(syntax, "file has %d lines, more than %d", lines, most)
	}
	for _, decl := range syntax.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			c.function(d)
		case *ast.GenDecl:
			c.declaration(d)
		}
	}
	ast.Inspect(syntax, c.call)
}

func (c check) function(d *ast.FuncDecl) {
	limits := c.tree.rules.limits
	lines := c.line(d.End()) - c.line(d.Pos()) + 1
	c.tree.functions = append(c.tree.functions, span{fmt.Sprintf("%s:%d %s", c.file, c.line(d.Pos()), d.Name.Name), lines})
	if lines > limits["function"] {
		c.breaks(d, "function %s has %d lines, more than %d", d.Name.Name, lines, limits["function"])
	}
	if n := d.Type.Params.NumFields() - contexts(d.Type.Params); n > limits["parameters"] {
		c.breaks(d, "function %s has %d parameters, more than %d", d.Name.Name, n, limits["parameters"])
	}
	if d.Name.Name == "init" && d.Recv == nil {
		c.breaks(d, "init function")
	}
	if d.Name.IsExported() && d.Doc == nil && exportedReceiver(d) {
		c.breaks(d, "exported %s has no doc comment", d.Name.Name)
	}
}

// contexts counts the parameters that carry a context or a running test, which do not count.
func contexts(params *ast.FieldList) int {
	n := 0
	for _, field := range params.List {
		typ := field.Type
		if star, ok := typ.(*ast.StarExpr); ok {
			typ = star.X
		}
		sel, ok := typ.(*ast.SelectorExpr)
		if !ok {
			continue
		}
		if id, ok := sel.X.(*ast.Ident); ok && (id.Name == "context" || id.Name == "testing") {
			n += max(1, len(field.Names))
		}
	}
	return n
}

func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	typ := d.Recv.List[0].Type
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	if index, ok := typ.(*ast.IndexExpr); ok {
		typ = index.X
	}
	id, ok := typ.(*ast.Ident)
	return !ok || id.IsExported()
}

func (c check) declaration(d *ast.GenDecl) {
	for _, spec := range d.Specs {
		switch s := spec.(type) {
		case *ast.TypeSpec:
			if s.Name.IsExported() && d.Doc == nil && s.Doc == nil {
				c.breaks(s, "exported %s has no doc comment", s.Name.Name)
			}
		case *ast.ValueSpec:
			c.values(d, s)
		}
	}
}

func (c check) values(d *ast.GenDecl, s *ast.ValueSpec) {
	embed := embeds(d.Doc) || embeds(s.Doc)
	for i, name := range s.Names {
		if name.IsExported() && d.Doc == nil && s.Doc == nil && s.Comment == nil {
			c.breaks(name, "exported %s has no doc comment", name.Name)
		}
		if d.Tok != token.VAR || name.Name == "_" || embed {
			continue
		}
		isError := strings.HasPrefix(name.Name, "Err") || strings.HasPrefix(name.Name, "err")
		if !isError && (i >= len(s.Values) || !isTable(s.Values[i])) {
			c.breaks(name, "package variable %s is no error, table or embed", name.Name)
		}
	}
}

func embeds(doc *ast.CommentGroup) bool {
	if doc == nil {
		return false
	}
	for _, comment := range doc.List {
		if strings.HasPrefix(comment.Text, "//go:embed ") {
			return true
		}
	}
	return false
}

func isTable(value ast.Expr) bool {
	switch v := value.(type) {
	case *ast.CompositeLit:
		return true
	case *ast.CallExpr:
		if _, ok := v.Fun.(*ast.ArrayType); ok {
			return true // []byte("...")
		}
		sel, ok := v.Fun.(*ast.SelectorExpr)
		return ok && slices.Contains([]string{"MustCompile", "NewReplacer", "Fields", "OnceValue"}, sel.Sel.Name)
	default:
		return false
	}
}

// call looks at one call: exits outside main, and how errors are wrapped.
func (c check) call(n ast.Node) bool {
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return true
	}
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return true
	}
	room, ok := sel.X.(*ast.Ident)
	if !ok {
		return true
	}
	name := room.Name + "." + sel.Sel.Name
	if !c.main && (name == "os.Exit" || strings.HasPrefix(name, "log.Fatal")) {
		c.breaks(call, "%s outside a main package", name)
	}
	if text, ok := firstLiteral(call); ok && name == "fmt.Errorf" {
		switch {
		case strings.Contains(text, "%w"):
			c.tree.wrapped++
		case strings.Contains(text, "%v"):
			c.tree.flat++
		}
	}
	return true
}

func firstLiteral(call *ast.CallExpr) (string, bool) {
	if len(call.Args) == 0 {
		return "", false
	}
	text, ok := call.Args[0].(*ast.BasicLit)
	if !ok {
		return "", false
	}
	return text.Value, true
}
