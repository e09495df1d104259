package registry

import (
	"errors"
	"testing"
	"time"
)

// TestInForce: each thing that waits keeps the settings from being in force, and so does what could not be looked at.
func TestInForce(t *testing.T) {
	if s := (Status{Last: LogEntry{ID: 1}, Spool: true, Services: []ServiceStatus{{Name: "postfix"}}}); !s.InForce() {
		t.Error("nothing waits")
	}
	trouble := errors.New("trouble")
	for name, s := range map[string]Status{
		"pending":     {Pending: []PendingAction{{Service: "postfix"}}},
		"interrupted": {Interrupted: time.Unix(1, 0)},
		"broken":      {Broken: []error{trouble}},
		"edited":      {Edited: []string{"/a"}},
		"gone":        {Gone: []string{"/a"}},
		"stale":       {Stale: []string{"/a"}},
		"unrendered":  {Unrendered: trouble},
		"unseen":      {Unseen: []error{trouble}},
	} {
		if s.InForce() {
			t.Errorf("%s: all is in force", name)
		}
	}
}
