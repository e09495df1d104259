package schema_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/template/parse"
)

// reads is what templates and programs look up: names of variables, and prefixes below which all variables are read,
// each with the place where. literals are all texts in programs: a key in a table is looked up by what walks the table.
type reads struct{ keys, prefixes, literals map[string]string }

func findReads(t *testing.T) reads {
	t.Helper()
	r := reads{map[string]string{}, map[string]string{}, map[string]string{}}
	for _, scan := range []struct {
		dir, ext string
		file     func(t *testing.T, name, text string)
	}{
		{filepath.Join("..", "templates", "stock"), ".tmpl", r.template},
		{filepath.Join("..", "templates", "stock"), ".ini", r.manifest},
		{"..", ".go", r.program},
	} {
		err := filepath.WalkDir(scan.dir, func(path string, entry fs.DirEntry, err error) error {
			name := filepath.ToSlash(strings.TrimPrefix(path, ".."+string(filepath.Separator)))
			switch {
			case err != nil:
				return err
			case entry.IsDir() && name != ".." && (strings.HasPrefix(entry.Name(), ".") || name == "schema" || name == "tests"):
				return fs.SkipDir
			case entry.IsDir() || filepath.Ext(path) != scan.ext:
				return nil
			}
			text, err := os.ReadFile(path)
			scan.file(t, name, string(text))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// keyless are the functions of templates whose arguments are no keys.
var keyless = []string{"attribute", "filter", "path", "include", "version", "hostport", "lower", "begins", "before", "after", "eq", "ne", "lt", "le", "gt", "ge", "index"}

// template notes what a template reads, in whichever branch.
func (r reads) template(t *testing.T, name, text string) {
	t.Helper()
	tree := parse.New(name)
	tree.Mode = parse.SkipFuncCheck
	set := map[string]*parse.Tree{}
	if _, err := tree.Parse(text, "", "", set); err != nil {
		t.Fatal(err)
	}
	for _, tree := range set {
		if tree.Root != nil {
			r.node(t, name, tree.Root)
		}
	}
}

func (r reads) node(t *testing.T, name string, node parse.Node) {
	t.Helper()
	switch n := node.(type) {
	case *parse.ListNode:
		if n != nil {
			for _, child := range n.Nodes {
				r.node(t, name, child)
			}
		}
	case *parse.ActionNode:
		r.pipe(t, name, n.Pipe)
	case *parse.IfNode:
		r.branch(t, name, &n.BranchNode)
	case *parse.RangeNode:
		r.branch(t, name, &n.BranchNode)
	case *parse.WithNode:
		r.branch(t, name, &n.BranchNode)
	case *parse.TemplateNode: // what is given to another template is the key or prefix that it reads
		r.pipe(t, name, n.Pipe)
	}
}

func (r reads) branch(t *testing.T, name string, n *parse.BranchNode) {
	t.Helper()
	r.pipe(t, name, n.Pipe)
	r.node(t, name, n.List)
	r.node(t, name, n.ElseList)
}

func (r reads) pipe(t *testing.T, name string, n *parse.PipeNode) {
	t.Helper()
	if n == nil {
		return
	}
	for _, command := range n.Cmds {
		function := ""
		if identifier, ok := command.Args[0].(*parse.IdentifierNode); ok {
			function = identifier.Ident
		}
		if function == "fqdn" {
			r.keys["hostname"], r.keys["domainname"] = name, name
		}
		for _, arg := range command.Args {
			switch arg := arg.(type) {
			case *parse.PipeNode:
				r.pipe(t, name, arg)
			case *parse.StringNode:
				if !slices.Contains(keyless, function) {
					r.add(arg.Text, name)
				}
			case *parse.VariableNode, *parse.FieldNode:
				if slices.Contains([]string{"get", "bool", "int", "list", "prefix", "secret"}, function) {
					t.Errorf("%s: %s reads a key that only running it shows", name, command)
				}
			}
		}
	}
}

// add notes a key, or with a slash at its end a prefix.
func (r reads) add(key, where string) {
	if strings.HasSuffix(key, "/") {
		r.prefixes[key] = where
	} else {
		r.keys[key] = where
	}
}

var whenOption = regexp.MustCompile(`(?m)^When\s*=\s*([^\s=]+)`)

// manifest notes the keys that decide whether a file is generated.
func (r reads) manifest(_ *testing.T, name, text string) {
	for _, when := range whenOption.FindAllStringSubmatch(text, -1) {
		r.keys[when[1]] = name
	}
}

// lookups are the methods of a view that look up their only argument.
var lookups = []string{"Get", "String", "Bool", "Int", "Duration", "Size", "List", "Split", "Keys", "Prefix", "value"}

// program notes what a program looks up. Cross-checks are left out: that two values fit each other gives neither an
// effect.
func (r reads) program(t *testing.T, name, text string) {
	t.Helper()
	if strings.HasSuffix(name, "_test.go") || strings.HasPrefix(name, "registry/crosscheck") {
		return
	}
	file, err := parser.ParseFile(token.NewFileSet(), name, text, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(node ast.Node) bool {
		switch n := node.(type) {
		case *ast.BasicLit:
			if s, ok := literal(n); ok {
				r.literals[s] = name
			}
		case *ast.CallExpr:
			if selector, ok := n.Fun.(*ast.SelectorExpr); ok && len(n.Args) == 1 && slices.Contains(lookups, selector.Sel.Name) {
				r.argument(n.Args[0], name)
			}
		}
		return true
	})
}

// argument notes a key, or a prefix to which something is added. Others have methods of these names, too: only what is
// written like a key or a prefix counts.
func (r reads) argument(arg ast.Expr, name string) {
	sum, isSum := arg.(*ast.BinaryExpr)
	if isSum {
		arg = sum.X
	}
	if s, ok := literal(arg); ok && keyForm.MatchString(s) && (!isSum || strings.HasSuffix(s, "/")) {
		r.add(s, name)
	}
}

var keyForm = regexp.MustCompile(`^[a-z][A-Za-z0-9_.-]*(/[A-Za-z0-9_.-]+)+/?$`)

func literal(node ast.Expr) (string, bool) {
	lit, ok := node.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(lit.Value)
	return s, err == nil
}

// place returns where a variable is read, "" when nowhere.
func (r reads) place(key string) string {
	if where, ok := r.keys[key]; ok {
		return where
	}
	for prefix, where := range r.prefixes {
		if strings.HasPrefix(key, prefix) {
			return where
		}
	}
	return r.literals[key]
}
