package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

// newGetCommand differs from the peer in one thing: an unset variable exits 1, so that scripts can tell it from an empty
// one.
func newGetCommand(a *app) *cobra.Command {
	command := &cobra.Command{
		Use:   "get KEY",
		Short: "Print the value of a variable",
		Long:  "get prints the value that is in force, be it the declared default, and a newline. An unset variable prints nothing and exits 1.",
		Args:  cobra.ExactArgs(1),
		RunE:  func(_ *cobra.Command, args []string) error { return a.get(args[0]) },
	}
	jsonFlag(a, command)
	return command
}

// get is the command that scripts call most: it reads the layers and nothing else.
func (a *app) get(key string) error {
	view, err := a.view()
	if err != nil {
		return err
	}
	value, ok := view.Get(key)
	if !ok {
		return fmt.Errorf("%s is not set", key)
	}
	if a.json { // the form for values with line ends
		return a.printJSON(value)
	}
	a.printf("%s\n", value)
	return nil
}
