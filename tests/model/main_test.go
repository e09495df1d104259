package model_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/mailreg/mailreg/tests/harness"
)

// childFlag, as the first argument, makes the test's program the daemon of child_test.go.
const childFlag = "listener-of-the-model"

func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == childFlag {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		if err := runChild(ctx, os.Args[3]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	// As many stories as make test has time for, when the command line does not say how many.
	if err := flag.Set("rapid.checks", "6"); err != nil {
		panic(err)
	}
	harness.Main(m)
}
