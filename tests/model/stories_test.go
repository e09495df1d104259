package model_test

import (
	"testing"

	"github.com/mailreg/mailreg/tests/harness"
)

// TestStories tells what random stories have found, in few words.
func TestStories(t *testing.T) {
	tests := []struct {
		name  string
		slapd func(*harness.SlapdConfig)
		setup setup
		steps []step
	}{
		{
			// Its contextCSN is not stored, so the restarted server takes its newest entryCSN for it; and with the session log
			// being empty, it says nothing of what has left the filter before it was killed.
			"left the filter before the server was killed",
			func(c *harness.SlapdConfig) { c.SessionLog, c.Checkpoint = 3, "none" },
			setup{layout: "address"},
			[]step{
				{"set", 5, 4},
				{"set", 1, 5},
				{"deliver", 0, 0},
				{"stop", 0, 0},
				{"unclass", 5, 0},
				{"slapd restart", 0, 0},
				{"unclass", 1, 0},
				{"start", 0, 0},
				{"wait", 0, 0},
				{"audited", 0, 0},
			},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			slapd := harness.NewSlapd(t, func(c *harness.SlapdConfig) {
				c.LDIF = folders
				if test.slapd != nil {
					test.slapd(c)
				}
			})
			for _, wrong := range tellStory(t, slapd, test.setup, test.steps) {
				t.Error(wrong)
			}
		})
	}
}
