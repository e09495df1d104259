package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/mailreg/mailreg/registry"
)

// editFlags are the flags that set and unset share. There is no flag for what only the daemon may do.
type editFlags struct {
	layer                  string
	forced, schedule, ldap bool
	dryRun, noReload       bool
}

// add declares the flags. The peer's names of layers stand beside --layer.
func (f *editFlags) add(command *cobra.Command) {
	flags := command.Flags()
	flags.StringVar(&f.layer, "layer", "normal", "change `LAYER`: normal, ldap, schedule or forced")
	flags.BoolVar(&f.forced, "force", false, "change layer forced")
	flags.BoolVar(&f.forced, "forced", false, "change layer forced")
	flags.Lookup("forced").Hidden = true // the peer's second name
	flags.BoolVar(&f.schedule, "schedule", false, "change layer schedule")
	flags.BoolVar(&f.ldap, "ldap-policy", false, "change layer ldap")
	flags.BoolVar(&f.dryRun, "dry-run", false, "print what would happen and change nothing")
	flags.BoolVar(&f.noReload, "no-reload", false, "leave the services alone")
	command.MarkFlagsMutuallyExclusive("layer", "force", "forced", "schedule", "ldap-policy")
}

// edit returns an empty transaction as the flags describe it.
func (f *editFlags) edit() (registry.Edit, error) {
	edit := registry.Edit{DryRun: f.dryRun, NoReload: f.noReload}
	switch {
	case f.forced:
		edit.Layer = registry.Forced
	case f.schedule:
		edit.Layer = registry.Schedule
	case f.ldap:
		edit.Layer = registry.LDAP
	default:
		layer, err := registry.ParseLayer(f.layer)
		if err != nil {
			return edit, exitError{exitUsage, err}
		}
		edit.Layer = layer
	}
	return edit, nil
}

// newSetCommand differs from the peer in this: all keys of a call are changed or none, and a type that does not fit
// refuses the call instead of warning.
func newSetCommand(a *app) *cobra.Command {
	var flags editFlags
	var file string
	var ignoreCheck bool
	command := &cobra.Command{
		Use:   "set KEY=VALUE ... | KEY?VALUE ...",
		Short: "Set variables, and bring the files that depend on them into force",
		Long: `set changes all given variables in one transaction: either every value is right and every
file that depends on them passes its service's checks, or nothing at all is changed.

KEY=VALUE sets, KEY?VALUE sets only what the layer does not set yet; the first "=" or "?" decides.
--file reads one assignment a line (blank lines and lines that begin with # do not count), or
the JSON object that "mailreg dump --json" prints.`,
		Example: "  mailreg set mail/messagesizelimit=20971520\n  mailreg set --force mail/dovecot/mailbox/delete=no",
		RunE: func(c *cobra.Command, args []string) error {
			assignments, err := a.assignments(args, file)
			if err != nil {
				return err
			}
			edit, err := flags.edit()
			if err != nil {
				return err
			}
			edit.Set, edit.IgnoreCheck = assignments, ignoreCheck
			return a.report(a.registry().Change(c.Context(), edit))
		},
	}
	flags.add(command)
	command.Flags().StringVar(&file, "file", "", "read assignments from `FILE`, - for stdin")
	command.Flags().BoolVar(&ignoreCheck, "ignore-check", false, "set values that do not fit their declared type or each other")
	jsonFlag(a, command)
	return command
}

// newUnsetCommand keeps to the peer: a key that is not there is a warning, no error.
func newUnsetCommand(a *app) *cobra.Command {
	var flags editFlags
	command := &cobra.Command{
		Use:   "unset KEY ...",
		Short: "Remove variables from a layer, and bring the files that depend on them into force",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			edit, err := flags.edit()
			if err != nil {
				return err
			}
			edit.Unset = args
			return a.report(a.registry().Change(c.Context(), edit))
		},
	}
	flags.add(command)
	jsonFlag(a, command)
	return command
}

// assignments joins those of a file, which come first, with those of the command line.
func (a *app) assignments(args []string, file string) ([]registry.Assignment, error) {
	var all []registry.Assignment
	if file != "" {
		data, err := a.readInput(file)
		if err != nil {
			return nil, fmt.Errorf("reading assignments: %w", err)
		}
		if all, err = parseAssignments(data); err != nil {
			return nil, fmt.Errorf("reading assignments from %s: %w", file, err)
		}
	}
	for _, arg := range args {
		assignment, err := parseAssignment(arg)
		if err != nil {
			return nil, exitError{exitUsage, err}
		}
		all = append(all, assignment)
	}
	// Nothing to do is more likely a broken script than a wish.
	if len(all) == 0 {
		return nil, usagef("set needs KEY=VALUE, KEY?VALUE or --file with some")
	}
	return all, nil
}

// readInput reads a file as seen from the root, or stdin for "-".
func (a *app) readInput(file string) ([]byte, error) {
	if file == "-" {
		return io.ReadAll(a.stdin)
	}
	return os.ReadFile(a.path(file))
}

// parseAssignments reads a file of assignments. A key cannot begin with a brace, so the first character tells the JSON
// object that dump prints from lines. A line is taken as it stands: blanks at its end belong to the value.
func parseAssignments(data []byte) ([]registry.Assignment, error) {
	if text := strings.TrimSpace(string(data)); strings.HasPrefix(text, "{") {
		return parseObject(text)
	}
	var all []registry.Assignment
	lines := bufio.NewScanner(strings.NewReader(string(data)))
	lines.Buffer(nil, len(data)+1) // a value has no longest length
	for number := 1; lines.Scan(); number++ {
		line := lines.Text()
		if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") {
			continue
		}
		assignment, err := parseAssignment(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		all = append(all, assignment)
	}
	return all, lines.Err()
}

// parseObject reads {"key": "value", ...} in the order of the keys, so that the same file prints the same lines.
func parseObject(text string) ([]registry.Assignment, error) {
	if !utf8.ValidString(text) { // the decoder would put other characters in the place of what it cannot read
		return nil, errors.New("not UTF-8 text")
	}
	var values map[string]any
	if err := json.Unmarshal([]byte(text), &values); err != nil {
		return nil, err
	}
	var all []registry.Assignment
	for _, key := range slices.Sorted(maps.Keys(values)) {
		value, ok := values[key].(string)
		if !ok { // which of several spellings a number was meant in, only the caller knows
			return nil, fmt.Errorf("the value of %s must be a string: put it in quotes", key)
		}
		all = append(all, registry.Assignment{Key: key, Value: value})
	}
	return all, nil
}

// parseAssignment cuts KEY=VALUE or KEY?VALUE at the first of both signs.
func parseAssignment(text string) (registry.Assignment, error) {
	at := strings.IndexAny(text, "=?")
	switch {
	case at < 0:
		return registry.Assignment{}, fmt.Errorf("%q is neither KEY=VALUE nor KEY?VALUE", text)
	case at == 0:
		return registry.Assignment{}, fmt.Errorf("%q has no key", text)
	}
	return registry.Assignment{Key: text[:at], Value: text[at+1:], IfUnset: text[at] == '?'}, nil
}
