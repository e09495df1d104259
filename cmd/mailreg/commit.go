package main

import (
	"path"

	"github.com/spf13/cobra"

	"github.com/mailreg/mailreg/registry"
)

// newCommitCommand differs from the peer in this: files that would not change are left alone, and a file that no template
// makes is an error.
func newCommitCommand(a *app) *cobra.Command {
	var opts registry.CommitOptions
	command := &cobra.Command{
		Use:   "commit [FILE ...]",
		Short: "Render files from the registry and bring them into force",
		Long: `commit renders the given files, or all, checks them, replaces those that differ and tells their
services. An interrupted transaction is finished first, and pending service actions are tried again.`,
		RunE: func(c *cobra.Command, args []string) error {
			opts.Files = fromRoot(args)
			return a.report(a.registry().Commit(c.Context(), opts))
		},
	}
	command.Flags().BoolVar(&opts.DryRun, "dry-run", false, "print what would happen and change nothing")
	command.Flags().BoolVar(&opts.NoReload, "no-reload", false, "leave the services alone")
	jsonFlag(a, command)
	return command
}

// newDiffCommand keeps to the exit codes of diff(1), where 1 says that there is a difference and 2 that something failed.
func newDiffCommand(a *app) *cobra.Command {
	command := &cobra.Command{
		Use:   "diff [FILE ...]",
		Short: "Show what commit would change",
		Long:  "diff prints a unified diff of the live files against what the registry renders. Exit codes: 0 same, 1 differs, 2 error.",
		RunE: func(c *cobra.Command, args []string) error {
			diffs, err := a.registry().Diff(c.Context(), fromRoot(args))
			if err != nil {
				return exitError{exitUsage, err} // 2 is "trouble" here
			}
			return a.reportDiffs(diffs)
		},
	}
	jsonFlag(a, command)
	return command
}

// reportDiffs prints the differences; that there are any is told by the exit code alone.
func (a *app) reportDiffs(diffs []registry.FileDiff) error {
	type diffJSON struct {
		Path string `json:"path"`
		Diff string `json:"diff"`
	}
	all := []diffJSON{}
	for _, d := range diffs {
		if a.json {
			all = append(all, diffJSON{d.Path, d.Diff})
		} else {
			a.printf("%s", d.Diff)
		}
	}
	if a.json {
		if err := a.printJSON(all); err != nil {
			return exitError{exitUsage, err}
		}
	}
	if len(diffs) > 0 {
		return exitError{code: exitFailed}
	}
	return nil
}

// fromRoot makes file names absolute as seen from the root, so that both etc/aliases and /etc/aliases are understood
// wherever one stands: the shell's directory has nothing to do with the root.
func fromRoot(names []string) []string {
	var files []string
	for _, name := range names {
		files = append(files, path.Join("/", name))
	}
	return files
}
