package templates

import (
	"fmt"
	"slices"
	"text/template"
	"text/template/parse"
)

// emitName is the function that guard puts at the end of each action. Templates cannot call it themselves.
const emitName = "_emit"

// mark stands before and after the number of a value in the text that a template produces; format.encode puts the
// written value in its place. No template holds it.
const mark = '\x00'

// builtins are the functions of text/template that templates may call beside ours. Those that build text (print, html
// and so on) are not among them: they would hide which key a value comes from.
var builtins = []string{"and", "or", "not", "index", "len", "lt", "le", "gt", "ge"}

// guard ends every action that outputs something in emitName, as html/template does with its escapers, and refuses
// functions outside the closed set. It returns the names of the templates that this one calls.
func guard(tree *parse.Tree, known template.FuncMap) (calls []string, err error) {
	g := guardian{tree: tree, known: known}
	err = g.walk(tree.Root)
	return g.calls, err
}

type guardian struct {
	tree  *parse.Tree
	known template.FuncMap
	calls []string
}

func (g *guardian) walk(node parse.Node) error {
	switch n := node.(type) {
	case *parse.ListNode:
		return g.list(n)
	case *parse.ActionNode:
		if err := g.pipe(n.Pipe); err != nil {
			return err
		}
		if len(n.Pipe.Decl) == 0 {
			emit := parse.NewIdentifier(emitName).SetTree(g.tree).SetPos(n.Pos)
			n.Pipe.Cmds = append(n.Pipe.Cmds, &parse.CommandNode{NodeType: parse.NodeCommand, Pos: n.Pos, Args: []parse.Node{emit}})
		}
		return nil
	case *parse.IfNode:
		return g.branch(&n.BranchNode)
	case *parse.RangeNode:
		return g.branch(&n.BranchNode)
	case *parse.WithNode:
		return g.branch(&n.BranchNode)
	case *parse.TemplateNode:
		g.calls = append(g.calls, n.Name)
		return g.pipe(n.Pipe)
	}
	return nil
}

func (g *guardian) list(n *parse.ListNode) error {
	if n == nil {
		return nil
	}
	for _, child := range n.Nodes {
		if err := g.walk(child); err != nil {
			return err
		}
	}
	return nil
}

func (g *guardian) branch(n *parse.BranchNode) error {
	if err := g.pipe(n.Pipe); err != nil {
		return err
	}
	if err := g.list(n.List); err != nil {
		return err
	}
	return g.list(n.ElseList)
}

// pipe refuses functions outside the closed set in a pipeline and the pipelines in its arguments.
func (g *guardian) pipe(n *parse.PipeNode) error {
	if n == nil {
		return nil
	}
	for _, command := range n.Cmds {
		for _, arg := range command.Args {
			if err := g.arg(arg); err != nil {
				return err
			}
		}
	}
	return nil
}

func (g *guardian) arg(node parse.Node) error {
	switch n := node.(type) {
	case *parse.PipeNode:
		return g.pipe(n)
	case *parse.ChainNode:
		return g.arg(n.Node)
	case *parse.IdentifierNode:
		if n.Ident == emitName || g.known[n.Ident] == nil && !slices.Contains(builtins, n.Ident) {
			return fmt.Errorf("function %q is not for templates", n.Ident)
		}
	}
	return nil
}
