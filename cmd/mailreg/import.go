package main

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/mailreg/mailreg/registry"
	"github.com/mailreg/mailreg/registry/layerfile"
)

// newImportCommand is for the move from the peer: one looks with --dry-run, mends or leaves out what does not fit, and
// takes over the rest in one transaction.
func newImportCommand(a *app) *cobra.Command {
	var flags editFlags
	var skipInvalid bool
	command := &cobra.Command{
		Use:   "import FILE",
		Short: "Take over the variables of a UCS host",
		Long: `import reads a base.conf of Univention Corporate Server (- for stdin) and sets all its variables in one
transaction. Values that do not fit their types and names that are none are listed with the reason, and
nothing is changed, unless --skip-invalid leaves them out. Variables that are not declared here are
kept: own templates may read them. Lines that UCS passes over, and variables that only the daemon
writes, are left out and named.`,
		Example: "  mailreg import --dry-run /etc/univention/base.conf",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			edit, err := flags.edit()
			if err != nil {
				return err
			}
			data, err := a.readInput(args[0])
			if err != nil {
				return fmt.Errorf("reading what to import: %w", err)
			}
			return a.importPeer(c.Context(), edit, layerfile.DecodePeer(data), skipInvalid)
		},
	}
	flags.add(command)
	command.Flags().BoolVar(&skipInvalid, "skip-invalid", false, "leave out what is refused and import the rest")
	jsonFlag(a, command)
	return command
}

// importJSON is what import prints with --json, also when it is refused.
type importJSON struct {
	outcomeJSON
	// Unchanged are the keys that have their value already, Undeclared those that are set although nobody declares them.
	Unchanged  []string      `json:"unchanged"`
	Undeclared []string      `json:"undeclared"`
	Refused    []refusedJSON `json:"refused"`
	Ignored    []ignoredJSON `json:"ignored"`
}

type refusedJSON struct {
	Line int    `json:"line"`
	Key  string `json:"key"`
	// Reason is the kind of fault: key, value, text, layer or conflict; Error says what is wrong.
	Reason string `json:"reason"`
	Error  string `json:"error"`
}

type ignoredJSON struct {
	Line   int    `json:"line"`
	Reason string `json:"reason"`
}

// importer is one import on its way.
type importer struct {
	edit  registry.Edit
	lines map[string]int // by key
	out   importJSON
}

// importPeer changes what is not refused, or nothing.
func (a *app) importPeer(ctx context.Context, edit registry.Edit, lines []layerfile.PeerLine, skip bool) error {
	view, err := a.view()
	if err != nil {
		return err
	}
	i := newImporter(view, edit, lines)
	outcome, err := a.registry().Change(ctx, i.edit)
	for i.refuse(err) && skip { // what contradicts others shows only when each value by itself is right
		outcome, err = a.registry().Change(ctx, i.edit)
	}
	return a.reportImport(i.out, outcome, err, skip)
}

// newImporter sorts the lines into those that change something and those that do not.
func newImporter(view *registry.View, edit registry.Edit, lines []layerfile.PeerLine) *importer {
	i := &importer{edit: edit, lines: map[string]int{}}
	i.out.Unchanged, i.out.Undeclared, i.out.Refused, i.out.Ignored = []string{}, []string{}, []refusedJSON{}, []ignoredJSON{}
	for _, line := range lines {
		was, set := view.In(edit.Layer)[line.Key]
		d, declared := view.Declaration(line.Key)
		switch {
		case line.Ignored != "":
			i.out.Ignored = append(i.out.Ignored, ignoredJSON{line.Number, line.Ignored})
			continue
		case d.ReadOnly: // the daemon of the peer's host wrote it, and ours does so here
			i.out.Ignored = append(i.out.Ignored, ignoredJSON{line.Number, line.Key + " is read-only: the daemon writes it"})
			continue
		case set && was == line.Value:
			i.out.Unchanged = append(i.out.Unchanged, line.Key)
			continue
		}
		i.lines[line.Key] = line.Number
		i.edit.Set = append(i.edit.Set, registry.Assignment{Key: line.Key, Value: line.Value})
		if !declared {
			i.out.Undeclared = append(i.out.Undeclared, line.Key)
		}
	}
	return i
}

// refuse takes refused keys out of the edit, and reports whether there were any to take out.
func (i *importer) refuse(err error) bool {
	out := map[string]bool{}
	for _, r := range registry.Refusals(err) {
		line, imported := i.lines[r.Key]
		if !imported || out[r.Key] {
			continue
		}
		out[r.Key] = true
		i.out.Refused = append(i.out.Refused, refusedJSON{line, r.Key, string(r.Reason), r.Error()})
	}
	i.edit.Set = slices.DeleteFunc(i.edit.Set, func(set registry.Assignment) bool { return out[set.Key] })
	i.out.Undeclared = slices.DeleteFunc(i.out.Undeclared, func(key string) bool { return out[key] })
	maps.DeleteFunc(i.lines, func(key string, _ int) bool { return out[key] })
	return len(out) > 0
}

// reportImport prints what is refused and passed over by its lines, then what happened as set does.
func (a *app) reportImport(out importJSON, outcome registry.Outcome, err error, skip bool) error {
	note := a.errorf
	if skip {
		note = a.warnf
	}
	if refused := len(out.Refused); refused > 0 && !skip {
		err = fmt.Errorf("%s refused, nothing was changed (--skip-invalid imports the rest)", counted(refused, "variable is", "variables are"))
	}
	if a.json {
		a.changed = true
		out.outcomeJSON = outcomeToJSON(outcome)
		_ = a.printJSON(out) // what cannot be printed has happened all the same
		return err
	}
	for _, i := range out.Ignored {
		a.warnf("line %d is passed over: %s", i.Line, i.Reason)
	}
	for _, r := range out.Refused {
		note("line %d is refused: %s", r.Line, oneLine(r.Error))
	}
	if err := a.report(outcome, err); err != nil {
		return err
	}
	fmt.Fprintf(a.stderr, "%d set (%d of them not declared here), %d as they were, %d refused\n",
		len(outcome.Keys), len(out.Undeclared), len(out.Unchanged), len(out.Refused))
	return nil
}
