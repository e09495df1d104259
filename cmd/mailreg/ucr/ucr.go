// Package ucr is the command line of the peer's registry tool, univention-config-registry (short ucr), on top of mailreg's
// registry: scripts that call it find the words, the order, the streams and the exit codes that they depend on. Where the
// peer loses, leaks or executes something, it does better; docs/ucr.md has the table.
//
// A call goes through Run: parse (pure), then one action. Exit codes are the peer's: 0 done, 1 refused, wrong or failed,
// 2 a value that does not fit its type while ucr/check/type is true.
package ucr

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/mailreg/mailreg/registry"
	"github.com/mailreg/mailreg/schema/plain"
)

// The exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitMisfit = 2
)

// customLayer is the environment variable by which the peer takes all settings from a file of the caller's.
const customLayer = "UNIVENTION_BASECONF"

// names are those under which the peer's tool is called.
var names = []string{"ucr", "univention-config-registry", "univention-baseconfig"}

// Called reports whether a program was called by one of the peer's names; program is its first argument.
func Called(program string) bool { return slices.Contains(names, path.Base(program)) }

// Program is one call of the tool.
type Program struct {
	// Registry is what it acts on, Root the directory that this lies below, absolute.
	Registry *registry.Registry
	Root     string
	// Version is printed by --version.
	Version string
	// Getenv returns a variable of the environment, as os.Getenv does.
	Getenv func(string) string
	// Stdin is the template of the action filter.
	Stdin          io.Reader
	Stdout, Stderr io.Writer

	call call
	code int
}

// actions are what the tool can do. The action shell is one of search.
var actions = map[string]func(*Program, context.Context) error{
	"set":        (*Program).set,
	"unset":      (*Program).unset,
	"get":        (*Program).get,
	"search":     (*Program).search,
	"info":       (*Program).info,
	"dump":       (*Program).dump,
	"commit":     (*Program).commit,
	"update":     (*Program).update,
	"register":   (*Program).register,
	"unregister": (*Program).unregister,
	"filter":     (*Program).filter,
}

// Run carries out one call, given without the program's name, and returns the exit code.
func (p *Program) Run(ctx context.Context, args []string) int {
	var err error
	p.code = exitDone
	if p.call, err = parse(args); err != nil {
		p.errorLines(err)
		return exitFailed
	}
	switch {
	case p.call.help:
		p.printf("%s", help)
		return exitDone
	case p.call.version:
		p.printf("univention-config-registry: mailreg %s\n", p.Version)
		return exitDone
	case p.Getenv(customLayer) != "":
		// To go on without it would be to change the host's settings instead of those in the caller's file.
		p.errorf("%s is set, but mailreg keeps no settings in a file of the caller's; unset it, or set MAILREG_ROOT to another root", customLayer)
		return exitFailed
	}
	if err := actions[p.call.action](p, ctx); err != nil {
		p.errorLines(err)
		return exitFailed
	}
	return p.code
}

// printf prints a result.
func (p *Program) printf(format string, args ...any) { fmt.Fprintf(p.Stdout, format, args...) }

// warnf prints a warning as one line.
func (p *Program) warnf(format string, args ...any) {
	fmt.Fprintf(p.Stderr, "W: %s\n", plain.Line(fmt.Sprintf(format, args...)))
}

// errorf prints an error as one line.
func (p *Program) errorf(format string, args ...any) {
	fmt.Fprintf(p.Stderr, "E: %s\n", plain.Line(fmt.Sprintf(format, args...)))
}

// errorLines prints an error that may tell of several things, each on its line, and the hint of a wrong call.
func (p *Program) errorLines(err error) {
	for line := range strings.Lines(err.Error()) {
		if line = strings.TrimSpace(line); line != "" {
			p.errorf("%s", line)
		}
	}
	if errors.Is(err, errTooFew) {
		fmt.Fprintln(p.Stderr, "try `univention-config-registry --help` for more information")
	}
}
