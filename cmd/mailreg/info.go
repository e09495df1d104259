package main

import (
	"github.com/spf13/cobra"

	"github.com/mailreg/mailreg/cmd/mailreg/shell"
	"github.com/mailreg/mailreg/registry"
)

// newInfoCommand keeps to the peer in that an unknown key is a warning, no error.
func newInfoCommand(a *app) *cobra.Command {
	command := &cobra.Command{
		Use:   "info KEY ...",
		Short: "Tell all about variables: value, layers, declaration, and the files they drive",
		Long:  `info lists what each layer has for the variable, low to high; a star marks the value in force.`,
		Args:  cobra.MinimumNArgs(1),
		RunE:  func(_ *cobra.Command, args []string) error { return a.info(args) },
	}
	jsonFlag(a, command)
	return command
}

// infoJSON is what info prints with --json.
type infoJSON struct {
	variableJSON
	Layers []layerJSON `json:"layers"`
	Files  []string    `json:"files"`
}

type layerJSON struct {
	Layer string `json:"layer"`
	Value string `json:"value"`
	Wins  bool   `json:"wins"`
}

// info asks the registry which files a key drives; those were recorded when the files were rendered.
func (a *app) info(keys []string) error {
	view, err := a.view()
	if err != nil {
		return err
	}
	all := []infoJSON{}
	for _, key := range keys {
		v := variableOf(view, key)
		if !v.set && !v.declared {
			a.warnf("Unknown key: %q", key)
			continue
		}
		// Only what was rendered once is known to depend on the key; nothing is rendered for a question.
		files, err := a.registry().Drives(key)
		if err != nil {
			return err
		}
		info := infoJSON{variableJSON: v.json(a.german()), Layers: layersOf(view, v), Files: append([]string{}, files...)}
		if a.json {
			all = append(all, info)
		} else {
			a.printInfo(v, info)
		}
	}
	if a.json {
		return a.printJSON(all)
	}
	return nil
}

// layersOf returns what each layer has. A value of layer ldap that does not count, because the variable is local, is
// listed without winning.
func layersOf(view *registry.View, v variable) []layerJSON {
	layers := []layerJSON{}
	for _, candidate := range view.Candidates(v.key) {
		value := candidate.Value
		if v.declaration.Secret && value != "" {
			value = shownSecret
		}
		layers = append(layers, layerJSON{candidate.Layer.String(), value, v.set && candidate.Layer == v.layer})
	}
	return layers
}

// printInfo prints the lines of a verbose search, then layers and files.
func (a *app) printInfo(v variable, info infoJSON) {
	a.printf("%s: %s\n", v.key, v.shown())
	if info.Description != "" {
		a.printf(" %s\n", info.Description)
	}
	for _, line := range v.details() {
		a.printf("%s\n", line)
	}
	for i, layer := range info.Layers {
		if i == 0 {
			a.printf(" Layers:\n")
		}
		mark := " "
		if layer.Wins {
			mark = "*"
		}
		a.printf("  %s %s: %s\n", mark, layer.Layer, oneLine(layer.Value))
	}
	for i, file := range info.Files {
		if i == 0 {
			a.printf(" Files:\n")
		}
		a.printf("    %s\n", file)
	}
	a.printf("\n")
}

// newDumpCommand prints the merged registry for people, and with --json the form that loses nothing.
func newDumpCommand(a *app) *cobra.Command {
	var f forms
	command := &cobra.Command{
		Use:   "dump",
		Short: "Print all variables that have a value, sorted",
		Long: `dump prints "key: value" for every variable, defaults and secrets included, control characters
escaped. With --json it prints one object that "mailreg set --file" reads back.`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return a.dump(f) },
	}
	jsonFlag(a, command)
	f.add(command)
	return command
}

// dump prints defaults too: what is in force, wherever it comes from.
func (a *app) dump(f forms) error {
	view, err := a.view()
	if err != nil {
		return err
	}
	// encoding/json sorts the keys of a map, so both forms have one order.
	all := map[string]string{}
	w := shell.Writer{Warn: a.warnf}
	for _, pair := range view.Pairs() {
		switch {
		case a.json:
			all[pair.Key] = pair.Value
		case f.shell:
			a.assign(&w, pair.Key, pair.Value)
		case f.keysOnly:
			a.printf("%s\n", pair.Key)
		default:
			a.printf("%s: %s\n", pair.Key, oneLine(pair.Value))
		}
	}
	if a.json {
		return a.printJSON(all)
	}
	return nil
}
