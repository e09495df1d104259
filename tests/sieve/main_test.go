// Package sieve_test proves what becomes of the mail and the scripts of people, on a real directory and a real Dovecot.
package sieve_test

import (
	"testing"

	"github.com/mailreg/mailreg/tests/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
