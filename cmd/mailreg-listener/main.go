// Command mailreg-listener is the daemon that keeps a mail server in step with the directory.
//
// It follows the directory of the settings ldap/*, drives the handlers, and answers "mailreg listener" on its control
// socket. Settings of ldap/* and the host's name are read at start. Exit codes: 0 it was told to stop, 1 it failed, 2 its
// settings or its call are wrong, which a restart does not mend.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// command carries out one command line, without the program's name, and returns the exit code.
func command(ctx context.Context, args []string, stderr io.Writer) int {
	opts, err := parseOptions(args, stderr)
	if err == nil {
		err = run(ctx, opts, newLogger(stderr, opts))
	}
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.As(err, new(settingsError)):
		fmt.Fprintln(stderr, "mailreg-listener:", err)
		return 2
	default:
		fmt.Fprintln(stderr, "mailreg-listener:", err)
		return 1
	}
}

// options are the command line.
type options struct {
	root      string
	logFormat string
	verbose   bool
}

// flags returns the flags that set the options.
func (o *options) flags() *flag.FlagSet {
	flags := flag.NewFlagSet("mailreg-listener", flag.ContinueOnError)
	flags.StringVar(&o.root, "root", "", "act on the system below `DIR` (default $MAILREG_ROOT, else /)")
	flags.StringVar(&o.logFormat, "log", "text", "write the log to stderr as `FORMAT`: text or json")
	flags.BoolVar(&o.verbose, "verbose", false, "log every change")
	return flags
}

// parseOptions returns the command line; what is wrong with it is a settingsError, because a restart does not mend it.
func parseOptions(args []string, stderr io.Writer) (options, error) {
	var opts options
	flags := opts.flags()
	flags.SetOutput(io.Discard) // it would say what the caller says
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		flags.SetOutput(stderr)
		flags.Usage()
		return opts, err
	case err != nil:
		return opts, settingsErrorf("%w; see mailreg-listener --help", err)
	case flags.NArg() > 0:
		return opts, settingsErrorf("unknown argument %q; see mailreg-listener --help", flags.Arg(0))
	case opts.logFormat != "text" && opts.logFormat != "json":
		return opts, settingsErrorf("-log must be text or json, not %q", opts.logFormat)
	}
	root, err := filepath.Abs(cmp.Or(opts.root, os.Getenv("MAILREG_ROOT"), "/"))
	opts.root = root
	return opts, err
}
