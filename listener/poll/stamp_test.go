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
	now := parseStamp("20260101000000Z")
	late, far := parseStamp("20260101003000Z"), parseStamp("20270101000000Z")
	limit := now.at.Add(ahead)
	if now.later(late, limit) != late || late.later(now, limit) != late || now.later(far, limit) != now {
		t.Error("the newest is not the latest up to the limit")
	}
}
