// Package account_test proves that who may not log in cannot, on a real directory and a real Dovecot, and that they can again.
package account_test

import (
	"testing"

	"github.com/mailreg/mailreg/tests/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
