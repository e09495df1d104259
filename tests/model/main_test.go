package model_test

import (
	"flag"
	"testing"

	"github.com/mailreg/mailreg/tests/harness/child"
)

func TestMain(m *testing.M) {
	// As many stories as make test has time for, when the command line does not say how many.
	if err := flag.Set("rapid.checks", "6"); err != nil {
		panic(err)
	}
	child.Main(m, runChild)
}
