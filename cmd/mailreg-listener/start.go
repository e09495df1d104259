//go:build !man

package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
)

func main() {
	syscall.Umask(0o022)        // servers that run as other users read what is made here, whatever the caller's umask
	debug.SetTraceback("crash") // a panic ends by a signal: the exit code would be 2, as of settings that a restart does not mend
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal kills
	os.Exit(command(ctx, os.Args[1:], os.Stderr))
}
