package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/mailreg/mailreg/cmd/mailreg/shell"
)

// newGetCommand differs from the peer in one thing: an unset variable exits 1, so that scripts can tell it from an empty
// one.
func newGetCommand(a *app) *cobra.Command {
	var assign bool
	command := &cobra.Command{
		Use:   "get KEY",
		Short: "Print the value of a variable",
		Long:  "get prints the value that is in force, be it the declared default, and a newline. An unset variable prints nothing and exits 1.",
		Args:  cobra.ExactArgs(1),
		RunE:  func(_ *cobra.Command, args []string) error { return a.get(args[0], assign) },
	}
	jsonFlag(a, command)
	command.Flags().BoolVar(&assign, "shell", false, "print an assignment for a POSIX shell")
	command.MarkFlagsMutuallyExclusive("json", "shell")
	return command
}

// get is the command that scripts call most: it reads the layers and nothing else.
func (a *app) get(key string, assign bool) error {
	value, ok, err := a.registry().Lookup(key)
	if err != nil {
		return err
	}
	if !ok {
		return a.unset(key)
	}
	switch {
	case a.json: // the form for values with line ends
		return a.printJSON(value)
	case assign:
		a.assign(&shell.Writer{Warn: a.warnf}, key, value)
	default:
		a.printf("%s\n", value)
	}
	return nil
}

// unset returns the error for a variable without a value.
func (a *app) unset(key string) error {
	if view, err := a.view(); err == nil && view.Hidden(key) {
		return fmt.Errorf("%s is a secret, which only root may read", key)
	}
	return fmt.Errorf("%s is not set", key)
}
