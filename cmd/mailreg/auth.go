package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/mailreg/mailreg/handlers/backend/dovecot"
)

func newAuthCommand(a *app) *cobra.Command {
	command := &cobra.Command{Use: "auth", Short: "Flush authentication caches"}
	flush := &cobra.Command{
		Use:   "flush [ADDRESS ...]",
		Short: "Make the mail server forget who may log in: all, or those addresses or login names",
		Long: `flush empties the authentication caches, so that the next login asks the directory. Entries about
names that do not exist are forgotten as well. Without a server for this root there is nothing to do.`,
		RunE: func(c *cobra.Command, args []string) error { return a.authFlush(c.Context(), args) },
	}
	jsonFlag(a, flush)
	command.AddCommand(flush)
	return command
}

// authFlush needs no daemon: it is what one reaches for when something is wrong.
func (a *app) authFlush(ctx context.Context, names []string) error {
	client := dovecot.NewClient(a.root)
	running, err := client.Running()
	// What programs read: the names that were flushed, "all" for every one, and why nothing was.
	result := struct {
		Flushed []string `json:"flushed"`
		Skipped string   `json:"skipped"`
	}{Flushed: []string{}}
	switch {
	case err != nil:
		return err
	case !running:
		result.Skipped = "not running"
	default:
		if err := client.Flush(ctx, names...); err != nil {
			return err
		}
		if len(names) == 0 {
			names = []string{"all"}
		}
		result.Flushed = names
	}
	if a.json {
		return a.printJSON(result)
	}
	if result.Skipped != "" {
		a.printf("Skipped: dovecot (%s)\n", result.Skipped)
	}
	for _, name := range result.Flushed {
		a.printf("Flushed: %s\n", oneLine(name))
	}
	return nil
}
