package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/mailreg/mailreg/cmd/mailreg/ucr"
)

// compatFlag makes mailreg speak like the peer's ucr; so does being called by that name.
const compatFlag = "--compat"

// compatCall finds out whether a command line, the program's name included, is one of the peer's, and returns its root, ""
// for the default, and its arguments. Only --root may stand before the flag.
func compatCall(line []string) (root string, args []string, ok bool) {
	if ucr.Called(line[0]) {
		return "", line[1:], true
	}
	root, args = cutRoot(line[1:])
	if len(args) == 0 || args[0] != compatFlag {
		return "", nil, false
	}
	return root, args[1:], true
}

// cutRoot cuts --root off the beginning of a command line; root is "" when it is not there.
func cutRoot(args []string) (root string, rest []string) {
	for len(args) > 0 {
		value, joined := strings.CutPrefix(args[0], "--root=")
		switch {
		case joined:
			root = value
		case args[0] == "--root" && len(args) > 1:
			root, args = args[1], args[1:]
		default:
			return root, args
		}
		args = args[1:]
	}
	return root, nil
}

// compat carries out a command line of the peer's.
func (a *app) compat(ctx context.Context, root string, args []string) int {
	flush := a.buffer()
	if err := a.setRoot(root); err != nil {
		fmt.Fprintf(a.stderr, "E: %v\n", err)
		return exitFailed
	}
	p := &ucr.Program{
		Registry: a.registry(), Root: a.root, Version: version(), Getenv: a.getenv,
		Stdin: a.stdin, Stdout: a.stdout, Stderr: a.stderr,
	}
	code := p.Run(ctx, args)
	if err := flush(); code == exitDone && err != nil {
		fmt.Fprintf(a.stderr, "E: %v\n", err)
		return exitFailed
	}
	return code
}
