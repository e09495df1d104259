// Package quota_test proves how much mail a user may keep, on a real directory, Dovecot and Postfix.
package quota_test

import (
	"testing"

	"github.com/mailreg/mailreg/tests/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }
