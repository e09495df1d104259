package live

import (
	"testing"

	"github.com/mailreg/mailreg/tests/harness/child"
)

func TestMain(m *testing.M) { child.Main(m, runChild) }
