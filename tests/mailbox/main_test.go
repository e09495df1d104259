// Package mailbox_test proves what becomes of a mailbox when its entry changes, on a real directory and a real Dovecot.
package mailbox_test

import (
	"testing"

	"github.com/mailreg/mailreg/tests/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
