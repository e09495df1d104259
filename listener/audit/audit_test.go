package audit

import (
	"slices"
	"testing"
	"time"

	"github.com/mailreg/mailreg/schema"
)

func entry(n byte, dn, csn string) *schema.Entry {
	return schema.NewEntry(schema.UUID{n}, dn, schema.Attribute{Name: "entryCSN", Values: []string{csn}})
}

func TestCompare(t *testing.T) {
	for _, tt := range []struct {
		row  Row
		have *schema.Entry
		want Kind
	}{
		{Row{DN: "cn=a"}, nil, Missing},
		{Row{DN: "CN=A , dc=b", CSN: "2"}, entry(1, "cn=a,dc=b", "2"), Same},
		{Row{DN: "cn=a", CSN: "3"}, entry(1, "cn=a", "2"), Older},
		{Row{DN: "cn=a", CSN: "1"}, entry(1, "cn=a", "2"), Newer},
		{Row{DN: "cn=b", CSN: "2"}, entry(1, "cn=a", "2"), Named},
		{Row{DN: "cn=b", CSN: "3"}, entry(1, "cn=a", "2"), Older},
		{Row{DN: "cn=a"}, entry(1, "cn=a", "2"), Same},
		{Row{DN: "broken"}, entry(1, "cn=a", "2"), Named},
	} {
		if got := Compare(tt.row, tt.have); got != tt.want {
			t.Errorf("%+v and %+v: %q, want %q", tt.row, tt.have, got, tt.want)
		}
	}
}

func TestTally(t *testing.T) {
	tally := Tally{Limit: 2}
	for n := range byte(5) {
		have := entry(n, "cn=a", "1#0#001#0")
		if n > 1 {
			have = nil
		}
		tally.Add(Row{schema.UUID{n}, "cn=a", "1#0#001#0"}, have)
	}
	tally.Absent(schema.UUID{4})
	tally.Absent(schema.UUID{9})
	if tally.Count() != 5 || len(tally.Doubts) != 2 || tally.Over != 2 || len(slices.Collect(tally.Seen)) != 5 {
		t.Errorf("%+v", tally)
	}
	for position, want := range map[string]string{"1#0#001#0": "", "0#0#001#0": "1#0#001#0", "0#0#002#0": "", "": ""} {
		if got := tally.Ahead([]string{position}); got != want {
			t.Errorf("at %q: %q ahead, want %q", position, got, want)
		}
	}
}

func TestSchedule(t *testing.T) {
	at := func(text string) time.Time {
		parsed, err := time.Parse("2006-01-02 15:04", text)
		if err != nil {
			t.Fatal(err)
		}
		return parsed
	}
	for _, tt := range []struct{ text, last, want string }{
		{"02:30", "2026-01-01 01:00", "2026-01-01 02:30"},
		{"02:30", "2026-01-31 02:30", "2026-02-01 02:30"},
		{"6h", "2026-01-01 20:00", "2026-01-02 02:00"},
	} {
		s, err := ParseSchedule(tt.text)
		if got := s.Next(at(tt.last)); err != nil || !got.Equal(at(tt.want)) {
			t.Errorf("%s after %s: %s, %v; want %s", tt.text, tt.last, got, err, tt.want)
		}
	}
	if s, err := ParseSchedule("never"); err != nil || !s.Next(time.Now()).IsZero() {
		t.Errorf("never: %+v, %v", s, err)
	}
	for _, bad := range []string{"25:00", "daily", "-1h", "0s", "1ms"} {
		if s, err := ParseSchedule(bad); err == nil {
			t.Errorf("%q is %+v", bad, s)
		}
	}
}
