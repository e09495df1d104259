package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// commands are all commands by name, in the order of the help. A function, for they refer to one another.
func commands() []namedCommand {
	return []namedCommand{
		{"get", newGetCommand},
		{"set", newSetCommand},
		{"unset", newUnsetCommand},
		{"search", newSearchCommand},
		{"info", newInfoCommand},
		{"dump", newDumpCommand},
		{"shell", newShellCommand},
		{"filter", newFilterCommand},
		{"commit", newCommitCommand},
		{"diff", newDiffCommand},
		{"register", newRegisterCommand},
		{"unregister", newUnregisterCommand},
		{"log", newLogCommand},
		{"undo", newUndoCommand},
		{"import", newImportCommand},
		{"backup", newBackupCommand},
		{"restore", newRestoreAllCommand},
		{"status", newRegistryStatusCommand},
		{"doctor", newDoctorCommand},
		{"explain", newExplainCommand},
		{"listener", newListenerCommand},
		{"mailbox", newMailboxCommand},
		{"auth", newAuthCommand},
		{"quota-warning", newQuotaWarningCommand},
		{"fetchmail", newFetchmailCommand},
		{"completion", newCompletionCommand},
		{"version", newVersionCommand},
	}
}

// namedCommand is a command that is not made yet.
type namedCommand struct {
	name string
	make func(*app) *cobra.Command
}

// commandsFor returns the commands that a command line may need: the one that it names, else all of them. Making all takes
// longer than a get.
func commandsFor(args []string) []namedCommand {
	all := commands()
	_, rest := cutRoot(args)
	if len(rest) == 0 {
		return all
	}
	at := slices.IndexFunc(all, func(c namedCommand) bool { return c.name == rest[0] })
	if at < 0 {
		return all
	}
	return all[at : at+1]
}

// newRootCommand returns the tree of the commands that args may need, all without args. It is made anew for each command
// line, so that nothing of one run is left for the next; making it reads no file.
func newRootCommand(a *app, args ...string) *cobra.Command {
	var root string
	command := &cobra.Command{
		Use:   "mailreg",
		Short: "Settings of the mail system, and what the listener does with the directory",
		Long: `mailreg keeps the settings of a mail server and renders its config files from them;
it also asks and steers the listener, which keeps the server in step with the directory.

FILE arguments and printed paths are as seen from the root.
Exit codes: 0 done, 1 refused or failed, 2 usage, 3 in place but a service action is pending.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRunE: func(*cobra.Command, []string) error {
			return a.setRoot(root)
		},
	}
	// main has looked for it before; it is declared for those who read the help.
	command.Flags().Bool(strings.TrimPrefix(compatFlag, "--"), false, "speak like the peer's ucr: mailreg --compat get KEY")
	command.Flags().Bool(versionFlag, false, "print the version")
	command.SetIn(a.stdin)
	command.SetOut(a.stdout)
	command.SetErr(a.stderr)
	command.PersistentFlags().StringVar(&root, "root", "", "act on the system below `DIR` (default $MAILREG_ROOT, else /)")
	for _, c := range commandsFor(args) {
		command.AddCommand(c.make(a))
	}
	command.InitDefaultHelpCmd() // now, so that prepare sees it
	prepare(a, command)
	help := command.HelpFunc()
	command.SetHelpFunc(func(c *cobra.Command, args []string) {
		if a.german() {
			speakGerman(command)
		}
		help(c, args)
	})
	return command
}

// prepare gives every command of the tree the manners of all: a group that is called without a command of its own says
// which there are, and a running command is known to be one.
func prepare(a *app, command *cobra.Command) {
	for _, sub := range command.Commands() {
		prepare(a, sub)
	}
	switch {
	case command.Name() == "help":
		command.RunE = helpOn
		return
	case command.RunE == nil:
		command.Args = cobra.ArbitraryArgs
		command.RunE = a.group
		return
	}
	run := command.RunE
	command.RunE = func(c *cobra.Command, args []string) error {
		a.running = true
		return run(c, args)
	}
}

// versionFlag is for those who try it on every program; scripts have the command, which knows --json.
const versionFlag = "version"

// group answers for a command that only holds others.
func (a *app) group(command *cobra.Command, args []string) error {
	if len(args) > 0 {
		return unknown(command, args[0])
	}
	if !command.HasParent() {
		if wanted, _ := command.Flags().GetBool(versionFlag); wanted { // the root has it
			a.printf("mailreg %s\n", version())
			return nil
		}
		return command.Help()
	}
	var names []string
	for _, sub := range command.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	return usagef("%s needs a command: %s", command.CommandPath(), strings.Join(names, ", "))
}

// helpOn prints the help of the command that is named; cobra's own takes a name that it does not know for none.
func helpOn(command *cobra.Command, args []string) error {
	wanted, rest, err := command.Root().Find(args)
	if err != nil {
		return exitError{exitUsage, err}
	}
	if len(rest) > 0 && wanted.HasSubCommands() {
		return unknown(wanted, rest[0])
	}
	wanted.InitDefaultHelpFlag()
	return wanted.Help()
}

// unknown returns the error for a command that a group does not hold, with those that may be meant.
func unknown(group *cobra.Command, name string) error {
	group.SuggestionsMinimumDistance = 2 // letters
	hint := fmt.Sprintf(" (%s lists them)", strings.Replace(group.CommandPath(), "mailreg", "mailreg help", 1))
	if meant := group.SuggestionsFor(name); len(meant) > 0 {
		hint = "; did you mean " + strings.Join(meant, " or ") + "?"
	}
	return usagef("unknown command %q for %q%s", name, group.CommandPath(), hint)
}

// jsonFlag adds --json to a command that prints data.
func jsonFlag(a *app, command *cobra.Command) {
	command.Flags().BoolVar(&a.json, "json", false, "print the result as JSON")
}
