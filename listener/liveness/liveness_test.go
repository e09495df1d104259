package liveness

import (
	"slices"
	"testing"
	"time"
)

func TestJudge(t *testing.T) {
	limits := Limits{Interval: 10 * time.Second, Stall: 30 * time.Second, Idle: 50 * time.Second}
	ahead := Look{Session: 1, Heard: 1, Answered: true, Known: true}
	inStep := Look{Session: 1, Heard: 1, Answered: true, Known: true, Covered: true}
	deaf := Look{Session: 1, Heard: 1}
	unknown := Look{Session: 1, Heard: 1, Answered: true}
	heard := func(l Look, n uint64) Look { l.Heard = n; return l }
	session := func(l Look, n uint64) Look { l.Session, l.Heard = n, n; return l }
	for name, tt := range map[string]struct {
		looks []Look
		want  []Verdict
	}{
		"in step":             {[]Look{inStep, inStep, inStep, inStep, inStep, inStep}, []Verdict{0, 0, 0, 0, 0, 0}},
		"stalled":             {[]Look{ahead, ahead, ahead, ahead}, []Verdict{0, 0, 0, Stalled}},
		"catching up":         {[]Look{ahead, ahead, inStep, ahead, ahead, ahead}, []Verdict{0, 0, 0, 0, 0, 0}},
		"busy":                {[]Look{ahead, heard(ahead, 2), heard(ahead, 3), heard(ahead, 4), heard(ahead, 5)}, []Verdict{0, 0, 0, 0, 0}},
		"deaf":                {[]Look{deaf, deaf, deaf, deaf}, []Verdict{0, 0, 0, Deaf}},
		"deaf with messages":  {[]Look{deaf, heard(deaf, 2), heard(deaf, 3), heard(deaf, 4)}, []Verdict{0, 0, 0, 0}},
		"deaf for a moment":   {[]Look{deaf, deaf, inStep, deaf, deaf}, []Verdict{0, 0, 0, 0, 0}},
		"idle":                {[]Look{unknown, unknown, unknown, unknown, unknown, unknown, unknown}, []Verdict{0, 0, 0, 0, 0, Idle, 0}},
		"renewed for nothing": {[]Look{ahead, ahead, ahead, ahead, session(ahead, 2), session(ahead, 2), session(ahead, 2), session(ahead, 2), session(ahead, 2), session(ahead, 2), session(ahead, 2)}, []Verdict{0, 0, 0, Stalled, 0, 0, 0, 0, 0, 0, Stalled}},
	} {
		var w Watch
		var got []Verdict
		for i, look := range tt.looks {
			look.Now = time.Unix(1000, 0).Add(time.Duration(i) * limits.Interval)
			got = append(got, w.Judge(look, limits))
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}
