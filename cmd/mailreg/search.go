package main

import (
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mailreg/mailreg/cmd/mailreg/complete"
	"github.com/mailreg/mailreg/cmd/mailreg/shell"
	"github.com/mailreg/mailreg/registry"
	"github.com/mailreg/mailreg/schema"
)

// searchOptions say what a search looks at and what it prints.
type searchOptions struct {
	key, value, all bool
	brief, verbose  bool
	nonEmpty        bool
	category        string
	forms
}

// newSearchCommand prints what the peer prints, with two of its faults mended: --category leaves out what is not in the
// category, and type, default and layer can be asked for.
func newSearchCommand(a *app) *cobra.Command {
	var opts searchOptions
	command := &cobra.Command{
		Use:   "search [REGEX ...]",
		Short: "Find variables, set or only declared, by regular expressions",
		Long: `search prints the variables that match any of the regular expressions (RE2 syntax, anywhere in
the text), or all of them. It looks at keys; --value looks at values, --all at keys, values and
descriptions. Declared variables that no layer sets are shown as <empty>, and so are the patterns
under which variables are declared, such as mail/alias/.*`,
		RunE: func(_ *cobra.Command, args []string) error { return a.search(opts, args) },
	}
	flags := command.Flags()
	flags.BoolVar(&opts.key, "key", false, "look at keys (the default)")
	flags.BoolVar(&opts.value, "value", false, "look at values")
	flags.BoolVar(&opts.all, "all", false, "look at keys, values and descriptions")
	flags.BoolVar(&opts.brief, "brief", false, "print one line for each variable")
	flags.BoolVar(&opts.verbose, "verbose", false, "print layer, type, default and categories as well")
	flags.BoolVar(&opts.nonEmpty, "non-empty", false, "leave out variables without a value")
	flags.StringVar(&opts.category, "category", "", "print the variables of one `CATEGORY` only")
	command.MarkFlagsMutuallyExclusive("key", "value", "all")
	command.MarkFlagsMutuallyExclusive("brief", "verbose")
	jsonFlag(a, command)
	opts.add(command)
	return command
}

// search prints the hits in the order of their keys. No hit is no error.
func (a *app) search(opts searchOptions, patterns []string) error {
	var terms []*regexp.Regexp
	for _, pattern := range patterns {
		term, err := regexp.Compile(pattern)
		if err != nil {
			return usagef("reading the search term: %w", err)
		}
		terms = append(terms, term)
	}
	view, err := a.view()
	if err != nil {
		return err
	}
	// A misspelt category would look like one without variables.
	if opts.category != "" && !knownCategory(view, opts.category) {
		known := complete.Settings{View: view}.Categories()
		return usagef("unknown category %q; there are %s", opts.category, strings.Join(known, ", "))
	}
	found := []variableJSON{}
	w := shell.Writer{Warn: a.warnf}
	for _, v := range variables(view) {
		switch {
		case !v.wanted(opts) || !v.matches(opts, terms):
		case a.json:
			found = append(found, v.json(a.german()))
		case opts.keysOnly:
			a.printf("%s\n", v.key)
		case opts.shell && !v.set: // nothing is not the same as empty
		case opts.shell && v.declaration.Secret && v.value != "":
			a.warnf("%s is left out: it is a secret; get prints it", v.key)
		case opts.shell:
			a.assign(&w, v.key, v.value)
		default:
			a.printVariable(v, opts)
		}
	}
	if a.json {
		return a.printJSON(found)
	}
	return nil
}

// variables returns everything that a layer sets or that is declared, sorted by key.
func variables(view *registry.View) []variable {
	// A key that is both set and declared is there twice at first; pattern declarations are listed as such.
	var keys []string
	for _, pair := range view.Pairs() {
		keys = append(keys, pair.Key)
	}
	for _, d := range view.Declarations() {
		keys = append(keys, d.Key)
	}
	slices.Sort(keys)
	var all []variable
	for _, key := range slices.Compact(keys) {
		all = append(all, variableOf(view, key))
	}
	return all
}

// knownCategory reports whether any variable is declared under a category, in whatever case.
func knownCategory(view *registry.View, category string) bool {
	return slices.ContainsFunc(view.Declarations(), func(d schema.Declaration) bool { return d.In(category) })
}

// wanted reports whether the options that do not search let the variable through.
func (v variable) wanted(opts searchOptions) bool {
	if opts.nonEmpty && v.value == "" {
		return false
	}
	return opts.category == "" || v.declaration.In(opts.category)
}

// matches reports whether any term is found in what the search looks at. A secret's value is never searched.
func (v variable) matches(opts searchOptions, terms []*regexp.Regexp) bool {
	if len(terms) == 0 {
		return true
	}
	// The peer's rule: keys unless --value, and with --all everything.
	var texts []string
	if !opts.value {
		texts = append(texts, v.key)
	}
	if (opts.value || opts.all) && v.set && !v.declaration.Secret {
		texts = append(texts, v.value)
	}
	if opts.all {
		texts = append(texts, v.declaration.DescriptionEN, v.declaration.DescriptionDE)
	}
	return slices.ContainsFunc(terms, func(term *regexp.Regexp) bool {
		return slices.ContainsFunc(texts, term.MatchString)
	})
}

// printVariable prints one hit in the peer's form: a line "key: value", the description, and an empty line.
func (a *app) printVariable(v variable, opts searchOptions) {
	switch {
	case opts.verbose && v.set:
		a.printf("%s (%s): %s\n", v.key, v.layer, v.shown())
	default:
		a.printf("%s: %s\n", v.key, v.shown())
	}
	if opts.brief {
		return
	}
	if text := v.description(a.german()); text != "" {
		a.printf(" %s\n", text)
	}
	if opts.verbose {
		for _, line := range v.details() {
			a.printf("%s\n", line)
		}
	}
	a.printf("\n")
}
