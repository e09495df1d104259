package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mailreg/mailreg/cmd/mailreg/german"
)

// everyCommand calls f for each command of the tree, with those that cobra adds.
func everyCommand(f func(*cobra.Command)) {
	root := newRootCommand(&app{getenv: func(string) string { return "" }})
	root.InitDefaultHelpCmd()
	var visit func(*cobra.Command)
	visit = func(c *cobra.Command) {
		f(c)
		for _, sub := range c.Commands() {
			visit(sub)
		}
	}
	visit(root)
}

// quoted are the parts of a usage that name the argument.
var quoted = regexp.MustCompile("`[^`]*`")

// TestEveryTextIsInBothLanguages: whoever adds or changes the help of a command does so in cmd/mailreg/german as well.
func TestEveryTextIsInBothLanguages(t *testing.T) {
	known := map[string]string{}
	for _, p := range german.All() {
		if _, twice := known[p.EN]; twice || p.EN == "" || p.DE == "" {
			t.Errorf("twice or empty: %q", p.EN)
		}
		if !slices.Equal(quoted.FindAllString(p.EN, -1), quoted.FindAllString(p.DE, -1)) {
			t.Errorf("other words in back quotes: %q", p.DE)
		}
		known[p.EN] = p.DE
	}
	used := map[string]bool{}
	check := func(where, text string) {
		if text != "" && known[text] == "" {
			t.Errorf("%s: %q has no German text in cmd/mailreg/german/texts.go", where, text)
		}
		used[text] = true
	}
	everyCommand(func(c *cobra.Command) {
		check(c.CommandPath(), c.Short)
		check(c.CommandPath(), c.Long)
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if f.Name != "help" {
				check(c.CommandPath()+" --"+f.Name, f.Usage)
			}
		})
	})
	for text := range known {
		if !used[text] {
			t.Errorf("no command says any more: %q", text)
		}
	}
}

// TestEveryCommandSaysWhatItIs, and prints JSON, but for those that print another format or nothing but text.
func TestEveryCommandSaysWhatItIs(t *testing.T) {
	everyCommand(func(c *cobra.Command) {
		if c.Short == "" || strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s: short help %q", c.CommandPath(), c.Short)
		}
		for line := range strings.Lines(c.Long) {
			if len(line) > 130 {
				t.Errorf("%s: a line of %d characters: %s", c.CommandPath(), len(line), line)
			}
		}
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if f.Usage == "" {
				t.Errorf("%s --%s has no description", c.CommandPath(), f.Name)
			}
		})
		text := []string{"mailreg help", "mailreg completion", "mailreg filter", "mailreg shell", "mailreg quota-warning"}
		if c.HasSubCommands() || slices.Contains(text, c.CommandPath()) {
			return
		}
		if c.Flags().Lookup("json") == nil {
			t.Errorf("%s prints no JSON", c.CommandPath())
		}
	})
}

func TestGermanHelp(t *testing.T) {
	for locale, want := range map[string][]string{
		"de_DE.UTF-8": {"Gibt den Wert einer Variable aus", "Kommandos:", "gibt das Ergebnis als JSON aus", "Hilfe zu "},
		"C":           {"Print the value of a variable", "Available Commands:", "print the result as JSON", "help for "},
		"en_GB.UTF-8": {"Print the value of a variable"},
		"POSIX":       {"Print the value of a variable"},
	} {
		var out strings.Builder
		for _, args := range [][]string{nil, {"help", "get"}, {"get", "--help"}} {
			a := &app{stdin: strings.NewReader(""), stdout: &out, stderr: &out, getenv: func(name string) string {
				return map[string]string{"LC_MESSAGES": locale, "LANG": "de_DE.UTF-8"}[name]
			}}
			if code := a.run(t.Context(), args); code != 0 {
				t.Errorf("%v: exit %d", args, code)
			}
		}
		for _, text := range want {
			if !strings.Contains(out.String(), text) {
				t.Errorf("%s: %q is not in\n%s", locale, text, out.String())
			}
		}
	}
}

// TestNamedCommands: a command line that names a command gets that one and no other, whatever it is called by.
func TestNamedCommands(t *testing.T) {
	for _, c := range commands() {
		root := newRootCommand(&app{getenv: func(string) string { return "" }}, "--root", "get", c.name)
		names := []string{}
		for _, made := range root.Commands() {
			if made.Name() != "help" {
				names = append(names, made.Name())
			}
		}
		if !slices.Equal(names, []string{c.name}) {
			t.Errorf("%s: made %v", c.name, names)
		}
	}
}
