//go:build !man

// Command mailreg is the command line of the registry and of the listener.
//
// Results go to stdout, everything else to stderr: "W: ..." for a warning, "mailreg: ..." for the one line that says why
// a command failed. Exit codes: 0 done; 1 refused or failed, nothing changed; 2 usage; 3 the files are in place but a
// service action failed and is pending. Called as ucr, or with --compat, it speaks like the peer's tool instead: package ucr.
package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
)

func main() {
	// A command is over before there is garbage worth collecting; only one that needs much memory collects it.
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(16 << 20)
	syscall.Umask(0o022) // servers that run as other users read what is made here, whatever the caller's umask
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal kills
	a := &app{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, getenv: os.Getenv}
	if root, args, ok := compatCall(os.Args); ok {
		os.Exit(a.compat(ctx, root, args))
	}
	os.Exit(a.run(ctx, os.Args[1:]))
}
