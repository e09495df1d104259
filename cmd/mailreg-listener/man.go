//go:build man

package main

import (
	"fmt"
	"os"

	"github.com/mailreg/mailreg/cmd/mailreg/man"
)

// With the build tag man, the program writes its manual page into the folder that its argument names.
func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go run -tags man ./cmd/mailreg-listener DIR")
		os.Exit(2)
	}
	if err := man.Write(os.Args[1], []man.Page{manual()}); err != nil {
		fmt.Fprintln(os.Stderr, "mailreg-listener:", err)
		os.Exit(1)
	}
}
