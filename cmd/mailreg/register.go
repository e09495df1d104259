package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mailreg/mailreg/registry"
	"github.com/mailreg/mailreg/templates/ucr"
)

// newRegisterCommand is for packages of others, whose maintainer scripts call it.
func newRegisterCommand(a *app) *cobra.Command {
	var opts registry.RegisterOptions
	var from string
	var skip bool
	command := &cobra.Command{
		Use:   "register NAME",
		Short: "Bring templates and variables of one's own into force",
		Long: `register reads the manifest NAME.ini in /etc/mailreg/templates and the declarations NAME.ini in
/etc/mailreg/schema.d, of which one may be missing, renders the files that they make or change, and brings
them into force as one transaction. What is wrong is told with file and line, and nothing is changed. A
manifest that nobody registers takes effect at the next commit.

With --from-ucr it first makes these files from a package of Univention Config Registry: a source package,
or /etc/univention. NAME may be left out then. Python in templates, modules and scripts are listed with
their lines, and nothing is written, unless --skip-unported imports the rest. Nothing of the package is
executed. A second import replaces the first.`,
		Example: "  mailreg register site\n  mailreg register --from-ucr ./univention-site --dry-run",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			name := strings.Join(args, "")
			switch {
			case from != "":
				return a.importUCR(c.Context(), from, registry.ImportOptions{
					Name: name, SkipUnported: skip, DryRun: opts.DryRun, NoReload: opts.NoReload,
				})
			case name == "":
				return usagef("the name of what is to be registered is missing")
			case skip:
				return usagef("--skip-unported goes with --from-ucr")
			}
			return a.report(a.registry().Register(c.Context(), name, opts))
		},
	}
	registerFlags(a, command, &opts)
	command.Flags().StringVar(&from, "from-ucr", "", "import the UCR package in `DIR` first")
	command.Flags().BoolVar(&skip, "skip-unported", false, "leave out what has to be ported and import the rest")
	return command
}

// newUnregisterCommand is called while the files are still there: what they have made is known from them.
func newUnregisterCommand(a *app) *cobra.Command {
	var opts registry.RegisterOptions
	command := &cobra.Command{
		Use:   "unregister NAME",
		Short: "Take templates and variables of one's own back",
		Long: `unregister removes the files that the manifest NAME.ini has made and gives back what they had replaced;
files of others lose the parts that it adds. It stays off, although its files still lie there, until it is
registered again. Values of its variables are kept.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.report(a.registry().Unregister(c.Context(), args[0], opts))
		},
	}
	registerFlags(a, command, &opts)
	return command
}

func registerFlags(a *app, command *cobra.Command, opts *registry.RegisterOptions) {
	command.Flags().BoolVar(&opts.DryRun, "dry-run", false, "print what would happen and change nothing")
	command.Flags().BoolVar(&opts.NoReload, "no-reload", false, "leave the services alone")
	jsonFlag(a, command)
}

// importedJSON is what register --from-ucr prints with --json, also when it is refused.
type importedJSON struct {
	outcomeJSON
	Written []string     `json:"written"`
	Removed []string     `json:"removed"`
	Modules []moduleJSON `json:"modules"`
}

type moduleJSON struct {
	Name     string        `json:"name"`
	Notes    []string      `json:"notes"`
	Unported []findingJSON `json:"unported"`
}

type findingJSON struct {
	File   string         `json:"file"`
	Line   int            `json:"line"`
	Reason string         `json:"reason"`
	Code   []codeLineJSON `json:"code"`
}

type codeLineJSON struct {
	Line int    `json:"line"`
	Text string `json:"text"`
}

// importUCR prints what has to be ported before anything else: without it there is nothing to see.
func (a *app) importUCR(ctx context.Context, dir string, opts registry.ImportOptions) error {
	in, err := a.registry().ImportUCR(ctx, a.path(dir), opts)
	unported := 0
	for _, m := range in.Modules {
		unported += len(m.Refused)
	}
	if errors.Is(err, registry.ErrUnported) {
		err = fmt.Errorf("%s to be ported, nothing was changed (--skip-unported imports the rest)", counted(unported, "piece has", "pieces have"))
	}
	if a.json {
		a.changed = true
		_ = a.printJSON(importedToJSON(in)) // what cannot be printed has happened all the same
		return err
	}
	for _, m := range in.Modules {
		a.showModule(m, opts.SkipUnported)
	}
	if err == nil || errors.Is(err, registry.ErrPending) {
		for _, file := range in.Written {
			a.printf("Imported: %s\n", file)
		}
		for _, file := range in.Removed {
			a.printf("Removed: %s\n", file)
		}
	}
	return a.report(in.Outcome, err)
}

// showModule prints the notes on a module, and what is left of it to port.
func (a *app) showModule(m ucr.Module, skip bool) {
	say := a.errorf
	if skip {
		say = a.warnf
	}
	for _, note := range m.Notes {
		a.warnf("%s", oneLine(note))
	}
	for _, f := range m.Refused {
		say("%s:%d: %s", f.File, f.Line, oneLine(f.Reason))
		for _, line := range f.Code {
			fmt.Fprintf(a.stderr, "%8d  %s\n", line.Line, oneLine(strings.ReplaceAll(line.Text, "\t", "    ")))
		}
	}
}

func importedToJSON(in registry.Imported) importedJSON {
	out := importedJSON{
		outcomeJSON: outcomeToJSON(in.Outcome), Modules: []moduleJSON{},
		Written: slices.Concat([]string{}, in.Written), Removed: slices.Concat([]string{}, in.Removed),
	}
	for _, m := range in.Modules {
		one := moduleJSON{Name: m.Name, Notes: append([]string{}, m.Notes...), Unported: []findingJSON{}}
		for _, f := range m.Refused {
			finding := findingJSON{File: f.File, Line: f.Line, Reason: f.Reason, Code: []codeLineJSON{}}
			for _, line := range f.Code {
				finding.Code = append(finding.Code, codeLineJSON{line.Line, line.Text})
			}
			one.Unported = append(one.Unported, finding)
		}
		out.Modules = append(out.Modules, one)
	}
	return out
}
