package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/mailreg/mailreg/templates/markers"
)

// newFilterCommand differs from the peer in that a value is put in once, never looked at again, and that no template runs
// code.
func newFilterCommand(a *app) *cobra.Command {
	var text bool
	command := &cobra.Command{
		Use:   "filter",
		Short: "Fill in a template in the peer's syntax: stdin to stdout",
		Long: `filter replaces "@%@KEY@%@" by the value of the variable, nothing when it is unset, and
"@%@UCRWARNING=PREFIX@%@" by a notice that the file is generated. Values are printed as they are, whatever
they hold. A template with Python ("@!@") is refused with the numbers of the lines; nothing is printed
then. With --disallow-execution "@!@" is text like any other.`,
		Example: "  mailreg filter < motd.template > /etc/motd",
		Args:    cobra.NoArgs,
		RunE:    func(*cobra.Command, []string) error { return a.filter(text) },
	}
	command.Flags().BoolVar(&text, "disallow-execution", false, `print "@!@" and what is between as it stands`)
	command.Flags().Bool("encode-utf8", false, "has no effect: templates and values are UTF-8")
	return command
}

// filter prints all or nothing.
func (a *app) filter(text bool) error {
	template, err := io.ReadAll(a.stdin)
	if err != nil {
		return fmt.Errorf("reading the template: %w", err)
	}
	view, err := a.view()
	if err != nil {
		return err
	}
	parts := markers.Parse(string(template))
	if text {
		parts = markers.Variables(string(template))
	}
	filled, err := markers.Render(parts, view.String)
	if err != nil {
		return err
	}
	a.printf("%s", filled)
	return nil
}
