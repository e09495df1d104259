package transfer

import (
	"regexp"
	"testing"
	"time"
)

// loggedFreeze returns what a log tells of the freeze of a move.
func loggedFreeze(t *testing.T, log string) time.Duration {
	t.Helper()
	found := regexp.MustCompile(`msg="the mail has moved".* freeze=(\S+)`).FindStringSubmatch(log)
	if found == nil {
		t.Fatal("the log does not tell of a move")
	}
	freeze, err := time.ParseDuration(found[1])
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("frozen for %s: %s", freeze, found[0])
	return freeze
}
