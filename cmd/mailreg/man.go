//go:build man

// With the build tag man, the program writes its manual pages into the folder that its argument names, and nothing of that
// is in the one that is shipped.
package main

import (
	"fmt"
	"os"

	"github.com/mailreg/mailreg/cmd/mailreg/man"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go run -tags man ./cmd/mailreg DIR")
		os.Exit(exitUsage)
	}
	if err := man.Write(os.Args[1], manual()); err != nil {
		fmt.Fprintln(os.Stderr, "mailreg:", err)
		os.Exit(exitFailed)
	}
}
