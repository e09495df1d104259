package main

import (
	"github.com/spf13/cobra"

	"github.com/mailreg/mailreg/registry"
)

// newRegisterCommand is for packages of others, whose maintainer scripts call it.
func newRegisterCommand(a *app) *cobra.Command {
	var opts registry.RegisterOptions
	command := &cobra.Command{
		Use:   "register NAME",
		Short: "Bring templates and variables of one's own into force",
		Long: `register reads the manifest NAME.ini in /etc/mailreg/templates and the declarations NAME.ini in
/etc/mailreg/schema.d, of which one may be missing, renders the files that they make or change, and brings
them into force as one transaction. What is wrong is told with file and line, and nothing is changed. A
manifest that nobody registers takes effect at the next commit.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.report(a.registry().Register(c.Context(), args[0], opts))
		},
	}
	registerFlags(a, command, &opts)
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
