package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mailreg/mailreg/listener/control"
)

// askLimit bounds the calls that the daemon answers at once.
const askLimit = 30 * time.Second

// newListenerCommand returns the commands that talk to the daemon of this root. They fail with one clear line when none
// runs.
func newListenerCommand(a *app) *cobra.Command {
	command := &cobra.Command{
		Use:   "listener",
		Short: "Ask and steer the daemon that follows the directory",
	}
	command.AddCommand(
		newStatusCommand(a), newWaitCommand(a), newResyncCommand(a), newAuditCommand(a), newCompareCommand(a),
		newParkedCommand(a), newRetryCommand(a), newDropCommand(a),
		newHeldCommand(a), newApproveCommand(a), newRejectCommand(a),
		newPlannedCommand(a), newPauseCommand(a), newResumeCommand(a), newForgetCommand(a),
	)
	return command
}

// ask returns a command that makes one call of the daemon and prints its result.
func ask[T any](a *app, command *cobra.Command, call func(context.Context, control.API, []string) (T, error), show func(T)) *cobra.Command {
	return askLong(a, command, func(ctx context.Context, api control.API, args []string) (T, error) {
		ctx, cancel := context.WithTimeoutCause(ctx, askLimit, fmt.Errorf("the daemon took longer than %s", askLimit))
		defer cancel()
		return call(ctx, api, args)
	}, show)
}

// askLong is ask for what takes as long as it takes.
func askLong[T any](a *app, command *cobra.Command, call func(context.Context, control.API, []string) (T, error), show func(T)) *cobra.Command {
	command.RunE = func(c *cobra.Command, args []string) error {
		result, err := call(c.Context(), a.daemon(), args)
		if err != nil {
			return err
		}
		if a.json {
			return a.printJSON(result)
		}
		show(result)
		return nil
	}
	jsonFlag(a, command)
	return command
}

// newStatusCommand exits 0 whatever the state is: that the daemon answers is what was asked.
func newStatusCommand(a *app) *cobra.Command {
	command := ask(a, &cobra.Command{
		Use:   "status",
		Short: "Tell whether the daemon is in step with the directory",
		Args:  cobra.NoArgs,
	}, func(ctx context.Context, api control.API, _ []string) (control.Status, error) {
		return api.Status(ctx)
	}, a.showStatus)
	once, watch := command.RunE, false
	command.Flags().BoolVar(&watch, "watch", false, "go on until Ctrl-C; with --json, one line for each change")
	command.RunE = func(c *cobra.Command, args []string) error {
		if watch {
			return a.watchStatus(c.Context())
		}
		return once(c, args)
	}
	return command
}

// newWaitCommand does not use ask, which bounds a call: a wait lasts as long as it takes.
func newWaitCommand(a *app) *cobra.Command {
	var timeout time.Duration
	command := &cobra.Command{
		Use:   "wait",
		Short: "Wait until everything is done that the directory holds now",
		Long: `wait returns once every handler has done all that the directory held when wait was called. Parked
and held changes count as done; they wait for a person and are printed. At the timeout it says what
is not done and exits 1.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.wait(c.Context(), timeout) },
	}
	command.Flags().DurationVar(&timeout, "timeout", 0, "give up after `D`, such as 30s (0 waits for ever)")
	jsonFlag(a, command)
	return command
}

// wait leaves the deadline to the daemon, which knows what it still waited for.
func (a *app) wait(ctx context.Context, timeout time.Duration) error {
	if timeout < 0 {
		return usagef("--timeout %s: a duration of 0 or more is wanted", timeout)
	}
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, timeout, fmt.Errorf("the daemon said nothing within %s", timeout))
		defer cancel()
	}
	result, err := a.daemon().Wait(ctx)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(result)
	}
	a.showParked(result.Parked)
	a.showHeld(result.Held)
	return nil
}

func newParkedCommand(a *app) *cobra.Command {
	return ask(a, &cobra.Command{
		Use:   "parked",
		Short: "List the entries that a handler has given up on",
		Args:  cobra.NoArgs,
	}, func(ctx context.Context, api control.API, _ []string) ([]control.Parked, error) {
		return api.Parked(ctx)
	}, a.showParked)
}

// newRetryCommand without an ID makes everything due that waits for another try.
func newRetryCommand(a *app) *cobra.Command {
	return ask(a, &cobra.Command{
		Use:   "retry [ID]",
		Short: "Try one parked entry again, or everything that waits for another try",
		Args:  cobra.MaximumNArgs(1),
	}, func(ctx context.Context, api control.API, args []string) (int, error) {
		return api.Retry(ctx, strings.Join(args, ""))
	}, func(n int) { a.printf("Retrying: %d\n", n) })
}

// newDropCommand leaves the store with its owner: the entry counts as done until it changes again.
func newDropCommand(a *app) *cobra.Command {
	return ask(a, &cobra.Command{
		Use:   "drop ID",
		Short: "Take one parked entry as done, without effect",
		Args:  cobra.ExactArgs(1),
	}, func(ctx context.Context, api control.API, args []string) (string, error) {
		return args[0], api.Drop(ctx, args[0])
	}, func(id string) { a.printf("Dropped: %s\n", id) })
}

func newHeldCommand(a *app) *cobra.Command {
	return ask(a, &cobra.Command{
		Use:   "held",
		Short: "List the changes that wait because they would take away much at once",
		Args:  cobra.NoArgs,
	}, func(ctx context.Context, api control.API, _ []string) ([]control.Held, error) {
		return api.Held(ctx)
	}, a.showHeld)
}

// newApproveCommand takes the ID of a batch, not of an entry: what belongs together happens together.
func newApproveCommand(a *app) *cobra.Command {
	return ask(a, &cobra.Command{
		Use:   "approve ID",
		Short: "Let held changes happen",
		Args:  cobra.ExactArgs(1),
	}, func(ctx context.Context, api control.API, args []string) (int, error) {
		return api.Approve(ctx, args[0])
	}, func(n int) { a.printf("Approved: %d\n", n) })
}

// newRejectCommand is for a mistake in the directory: once it is mended there, the entries change again and are looked at anew.
func newRejectCommand(a *app) *cobra.Command {
	return ask(a, &cobra.Command{
		Use:   "reject ID",
		Short: "Take held changes as done, without effect: the stores stay with their owners",
		Args:  cobra.ExactArgs(1),
	}, func(ctx context.Context, api control.API, args []string) (int, error) {
		return api.Reject(ctx, args[0])
	}, func(n int) { a.printf("Rejected: %d\n", n) })
}

// newPlannedCommand is for staging above all, where a person wants to see what would happen before it does.
func newPlannedCommand(a *app) *cobra.Command {
	return ask(a, &cobra.Command{
		Use:   "planned",
		Short: "List what the handlers would do next; with mailreg/mode=staging nothing of it is done",
		Args:  cobra.NoArgs,
	}, func(ctx context.Context, api control.API, _ []string) ([]control.Planned, error) {
		return api.Planned(ctx)
	}, a.showPlanned)
}

// newPauseCommand is for work on a mail server: what the directory changes meanwhile waits.
func newPauseCommand(a *app) *cobra.Command {
	return ask(a, &cobra.Command{
		Use:   "pause HANDLER",
		Short: "Keep a handler from being called until it is resumed, also over restarts",
		Args:  cobra.ExactArgs(1),
	}, func(ctx context.Context, api control.API, args []string) (string, error) {
		return args[0], api.Pause(ctx, args[0])
	}, func(name string) { a.printf("Paused: %s\n", name) })
}

func newResumeCommand(a *app) *cobra.Command {
	return ask(a, &cobra.Command{
		Use:   "resume HANDLER",
		Short: "Let a paused handler go on",
		Args:  cobra.ExactArgs(1),
	}, func(ctx context.Context, api control.API, args []string) (string, error) {
		return args[0], api.Resume(ctx, args[0])
	}, func(name string) { a.printf("Resumed: %s\n", name) })
}

func newForgetCommand(a *app) *cobra.Command {
	return ask(a, &cobra.Command{
		Use:   "forget HANDLER",
		Short: "Remove what is kept of a handler that takes no part any more",
		Args:  cobra.ExactArgs(1),
	}, func(ctx context.Context, api control.API, args []string) (string, error) {
		return args[0], api.Forget(ctx, args[0])
	}, func(name string) { a.printf("Forgotten: %s\n", name) })
}
