package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/registry"
)

// The exit codes, as main's comment explains them.
const (
	exitDone = iota
	exitFailed
	exitUsage
	exitPending
)

// controlSocket is the path of the daemon's socket below the root.
const controlSocket = "/run/mailreg/control.sock"

// app is what every command works with: where to read and print, and which root to act below.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	// results is the file behind stdout, which is buffered; nil when there is none.
	results *os.File
	getenv  func(string) string
	// root is an absolute path without a trailing slash, or "/".
	root string
	// json is set by the flag of the command that runs.
	json bool
	// running tells a command's own errors from those of its usage.
	running bool
	// changed says that the command has done more than print.
	changed bool
}

// run carries out one command line, without the program's name, and returns the exit code.
func (a *app) run(ctx context.Context, args []string) int {
	flush := a.buffer()
	root := newRootCommand(a, args...)
	if len(args) > 0 && strings.HasPrefix(args[0], cobra.ShellCompRequestCmd) {
		if a.german() {
			speakGerman(root)
		}
		addCompletions(a, root) // which no other call needs
	}
	root.SetArgs(args)
	command, err := root.ExecuteContextC(ctx)
	if failed := flush(); err == nil && failed != nil && !a.changed {
		err = failed
	}
	switch {
	case err == nil || err.Error() == "":
	case !a.running && !errors.As(err, new(exitError)):
		fmt.Fprintf(a.stderr, "mailreg: %s; usage: %s\n", plainUsage(err), command.UseLine())
	default:
		told := map[string]bool{"": true}
		for line := range strings.Lines(err.Error()) { // several keys may be refused at once, for one reason
			if line = strings.TrimSpace(line); !told[line] {
				fmt.Fprintf(a.stderr, "mailreg: %s\n", line)
				told[line] = true
			}
		}
	}
	return a.exitCode(err)
}

// plainUsage is what is wrong with a call, without what only a programmer understands of the words of cobra and pflag.
func plainUsage(err error) string {
	text := err.Error()
	if _, after, ok := strings.Cut(text, " are set none of the others can be; ["); ok {
		names, _, _ := strings.Cut(after, "]")
		return "--" + strings.Join(strings.Fields(names), " and --") + " exclude each other"
	}
	text, _, _ = strings.Cut(text, ": strconv.")
	return text
}

// exitCode finds the class of an error: its own code, a pending action, a wrong call when no command was running yet.
func (a *app) exitCode(err error) int {
	var own exitError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &own):
		return own.code
	case errors.Is(err, registry.ErrPending):
		return exitPending
	case !a.running:
		return exitUsage
	default:
		return exitFailed
	}
}

// buffer collects the results, whose lines are many, until flush prints them: a result that nobody gets to read, such as
// for a full disk, is no success. What goes to stderr lets the results before it go first.
func (a *app) buffer() (flush func() error) {
	a.results, _ = a.stdout.(*os.File)
	out := bufio.NewWriter(a.stdout)
	a.stdout, a.stderr = out, turns{a.stderr, out}
	return func() error {
		if err := out.Flush(); err != nil {
			return fmt.Errorf("printing the result: %w", err)
		}
		return nil
	}
}

// turns is a stderr beside a buffered stdout: to who sees both, their lines come in the order in which they were printed.
type turns struct {
	io.Writer
	before *bufio.Writer
}

// Write passes p on, after what was printed before.
func (t turns) Write(p []byte) (int, error) {
	_ = t.before.Flush() // a failure stays with the buffer, and is told in the end
	return t.Writer.Write(p)
}

// exitError is an error with an exit code of its own. Without a cause it prints nothing.
type exitError struct {
	code  int
	cause error
}

// Error returns the cause's text, "" without one.
func (e exitError) Error() string {
	if e.cause == nil {
		return ""
	}
	return e.cause.Error()
}

// Unwrap returns the cause.
func (e exitError) Unwrap() error { return e.cause }

// usagef returns an error about how a command was called.
func usagef(format string, args ...any) error {
	return exitError{exitUsage, fmt.Errorf(format, args...)}
}

// setRoot takes the root from the flag, else from the environment, else "/".
func (a *app) setRoot(flag string) error {
	root := cmp.Or(flag, a.getenv("MAILREG_ROOT"), "/")
	// Absolute, for it becomes part of config files that servers read from elsewhere.
	absolute, err := filepath.Abs(root)
	if err != nil {
		return fmt.Errorf("finding the root %q: %w", root, err)
	}
	a.root = absolute
	return nil
}

// path returns the path of a file that was named as seen from the root.
func (a *app) path(name string) string { return filepath.Join(a.root, name) }

// registry returns the registry below the root; it reads nothing yet.
func (a *app) registry() *registry.Registry { return registry.Open(a.root) }

// view reads the registry as it is now.
func (a *app) view() (*registry.View, error) { return a.registry().View() }

// daemon returns a client of the daemon of this root.
func (a *app) daemon() *control.Client { return control.NewClient(a.path(controlSocket)) }

// printf prints a result.
func (a *app) printf(format string, args ...any) { fmt.Fprintf(a.stdout, format, args...) }

// warnf prints a warning as one line.
func (a *app) warnf(format string, args ...any) {
	fmt.Fprintf(a.stderr, "W: %s\n", fmt.Sprintf(format, args...))
}

// errorf prints one of several things that went wrong as one line.
func (a *app) errorf(format string, args ...any) {
	fmt.Fprintf(a.stderr, "E: %s\n", fmt.Sprintf(format, args...))
}

// printJSON prints a result for programs, indented for those who look.
func (a *app) printJSON(result any) error {
	encoder := json.NewEncoder(a.stdout)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(result)
}

// german reports whether descriptions are wanted in German, by the locale (locale(7)).
func (a *app) german() bool {
	// The first variable that is set decides, as setlocale(3) has it.
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if value := a.getenv(name); value != "" {
			return strings.HasPrefix(value, "de")
		}
	}
	return false
}
