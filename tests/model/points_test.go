package model_test

import (
	"flag"
	"fmt"
	"strings"
	"testing"

	"github.com/mailreg/mailreg/tests/harness"
)

var everyTime = flag.Bool("points.all", false, "whether TestKilledAtEveryPoint kills three times at each, instead of once")

// everywhere is a story that passes every point several times.
func everywhere() []step {
	return []step{
		{"set", 1, 1},
		{"set", 2, 2},
		{"set", 3, 3},
		{"set", 4, 4},
		{"deliver", 0, 0},
		{"swap", 1, 2},
		{"wait", 0, 0},
		{"rotate", 0, 0},
		{"remove", 4, 0},
		{"wait", 0, 0},
		{"recreate", 3, 0},
		{"cut all", 0, 0},
		{"wait", 0, 0},
		{"out", 2, 0},
		{"stop", 0, 0},
		{"clear", 1, 0},
		{"start", 0, 0},
		{"wait", 0, 0},
		{"back", 2, 0},
		{"set", 1, 5},
		{"swap", 1, 2},
		{"wait", 0, 0},
	}
}

// TestKilledAtEveryPoint kills the listener at each point of its work, at the first or a later time that it comes there:
// a real process, by SIGKILL, with a real directory and real stores.
func TestKilledAtEveryPoint(t *testing.T) {
	t.Parallel()
	slapd := harness.NewSlapd(t, func(c *harness.SlapdConfig) { c.LDIF = folders })
	for n, point := range points {
		for _, time := range []int{1, 2, 3} {
			if !*everyTime && time != 1+n%2 {
				continue
			}
			deaths := 0
			setup := setup{layout: []string{"uuid", "address"}[(n+time)%2], die: fmt.Sprintf("%d %q", time, point)}
			setup.after = func(l *lab) { deaths = l.deaths }
			for _, wrong := range tellStory(t, slapd, setup, everywhere()) {
				t.Errorf("killed at %q (%d): %s", point, time, wrong)
			}
			if once := strings.HasPrefix(point, "reconcile"); deaths != 1 && (!once || time == 1) {
				t.Errorf("killed at %q (%d): it has died %d times", point, time, deaths)
			}
		}
	}
}
