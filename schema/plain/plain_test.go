package plain

import "testing"

func TestLine(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "größe \\n": "größe \\n", "a\nb": `a\nb`, "\x1b[31m": `\x1b[31m`, "\u009b\u202e": `\u009b\u202e`, "\t\x00": `\t\x00`,
	} {
		if got := Line(text); got != want {
			t.Errorf("Line(%q) = %q, want %q", text, got, want)
		}
	}
}
