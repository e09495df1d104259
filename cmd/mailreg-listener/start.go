//go:build !man

package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	syscall.Umask(0o022) // servers that run as other users read what is made here, whatever the caller's umask
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal kills
	os.Exit(command(ctx, os.Args[1:], os.Stderr))
}
