package schema_test

import (
	"testing"

	"github.com/mailreg/mailreg/schema"
)

// TestArchiveUUID: the templates name the archive's home in layout uuid by these digits.
func TestArchiveUUID(t *testing.T) {
	if got := schema.ArchiveUUID().String(); got != "6d61696c-7265-8720-a172-636869766500" {
		t.Errorf("the archive has %s", got)
	}
}
