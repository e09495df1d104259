// Package folder_test proves who can do what with a shared folder, by IMAP on a real directory and a real Dovecot.
package folder_test

import (
	"testing"

	"github.com/mailreg/mailreg/tests/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
