package man

import (
	"cmp"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Pages returns a page in section 1 for each command of a tree, the root's first. more are sections of the root's page.
func Pages(root *cobra.Command, more []Section, see ...string) []Page {
	var pages []Page
	var visit func(*cobra.Command)
	visit = func(c *cobra.Command) {
		p := pageOf(c)
		if !c.HasParent() {
			p.More, p.See = more, see
		}
		pages = append(pages, p)
		for _, sub := range c.Commands() {
			if sub.IsAvailableCommand() && sub.Name() != "help" {
				visit(sub)
			}
		}
	}
	visit(root)
	return pages
}

func pageOf(c *cobra.Command) Page {
	p := Page{
		Name: nameOf(c), Section: 1, Summary: c.Short, Command: c.CommandPath(), Example: c.Example,
		Text: cmp.Or(c.Long, sentence(c.Short)), Options: itemsOf(c.LocalNonPersistentFlags()),
	}
	_, args, _ := strings.Cut(c.Use, " ")
	if len(p.Options) > 0 {
		args = strings.TrimSpace("[OPTION ...] " + args)
	}
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() && sub.Name() != "help" {
			p.Commands = append(p.Commands, Item{Term: nameOf(sub) + "(1)", Text: sub.Short})
		}
	}
	if len(p.Commands) > 0 {
		args = strings.TrimSpace(args + " COMMAND")
	}
	p.Synopsis = args
	if c.HasParent() {
		p.Global, p.See = itemsOf(c.InheritedFlags()), []string{nameOf(c.Parent()) + "(1)"}
		if c.Root() != c.Parent() {
			p.See = append(p.See, nameOf(c.Root())+"(1)")
		}
	} else {
		p.Global = itemsOf(c.PersistentFlags())
	}
	return p
}

func nameOf(c *cobra.Command) string { return strings.ReplaceAll(c.CommandPath(), " ", "-") }

// sentence makes a description of a summary.
func sentence(short string) string { return short + "." }

// itemsOf lists the flags that people are to know, sorted by name.
func itemsOf(flags *pflag.FlagSet) []Item {
	var items []Item
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		arg, usage := pflag.UnquoteUsage(f)
		items = append(items, Item{Term: "--" + f.Name, Arg: arg, Text: usage})
	})
	return items
}
