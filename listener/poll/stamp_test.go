package poll

import (
	"testing"
	"time"
)

func TestStamp(t *testing.T) {
	for value, want := range map[string]string{
		"20260101000003Z": "20251231235958Z", "20260101000003.0Z": "20251231235958.0Z", "20260101000003.123456Z": "20251231235958.0Z",
		"": "", "20260101000003": "", "2026Z": "", "20261301000003Z": "",
	} {
		if got := parseStamp(value).before(5 * time.Second); got != want {
			t.Errorf("5 s before %q is %q, want %q", value, got, want)
		}
	}
	now, soon := parseStamp("20260101000000Z"), parseStamp("20260101000001Z")
	limit := now.at
	if got := (stamp{}).later(now, limit); got != now || now.later(stamp{}, limit) != now || now.later(soon, limit) != now {
		t.Error("the newest is not the latest up to the limit")
	}
}
