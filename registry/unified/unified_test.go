package unified_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/mailreg/mailreg/registry/unified"
)

func numbers(from, to int) string {
	var b strings.Builder
	for i := from; i <= to; i++ {
		fmt.Fprintln(&b, i)
	}
	return b.String()
}

func TestDiff(t *testing.T) {
	tests := []struct{ name, before, after, want string }{
		{"equal", "a\n", "a\n", ""},
		{"new file", "", "a\nb\n", "@@ -0,0 +1,2 @@\n+a\n+b\n"},
		{"removed file", "a\n", "", "@@ -1 +0,0 @@\n-a\n"},
		{"one line", "a\n", "b\n", "@@ -1 +1 @@\n-a\n+b\n"},
		{"no newline", "a", "a\n", "@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n"},
		{"insert", numbers(1, 10), numbers(1, 5) + "x\n" + numbers(6, 10), "@@ -3,6 +3,7 @@\n 3\n 4\n 5\n+x\n 6\n 7\n 8\n"},
		{
			"two hunks", numbers(1, 20), "x\n" + numbers(2, 19) + "y\n",
			"@@ -1,4 +1,4 @@\n-1\n+x\n 2\n 3\n 4\n@@ -17,4 +17,4 @@\n 17\n 18\n 19\n-20\n+y\n",
		},
		{"one hunk", numbers(1, 8), "x\n" + numbers(2, 7) + "y\n", "@@ -1,8 +1,8 @@\n-1\n+x\n 2\n 3\n 4\n 5\n 6\n 7\n-8\n+y\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			want := test.want
			if want != "" {
				want = "--- a\n+++ b\n" + want
			}
			if diff := cmp.Diff(want, unified.Diff("a", "b", test.before, test.after)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestDiffApplies patches the old text with the diff and gets the new one.
func TestDiffApplies(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.Custom(func(t *rapid.T) string {
			lines := rapid.SliceOfN(rapid.SampledFrom([]string{"a\n", "b\n", "c\n", "\n"}), 0, 30).Draw(t, "lines")
			return strings.Join(lines, "")
		})
		before, after := text.Draw(t, "before"), text.Draw(t, "after")
		if got := patch(t, before, unified.Diff("a", "b", before, after)); got != after {
			t.Fatalf("patched %q, want %q", got, after)
		}
	})
}

func patch(t *rapid.T, text, diff string) string {
	old := strings.SplitAfter(text, "\n")
	var out strings.Builder
	at := 0
	for line := range strings.Lines(diff) {
		body := line[1:]
		switch {
		case strings.HasPrefix(line, "--- "), strings.HasPrefix(line, "+++ "):
		case line[0] == '@':
			var from int
			if _, err := fmt.Sscanf(line, "@@ -%d", &from); err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(line, fmt.Sprintf("@@ -%d,0", from)) {
				from--
			}
			for ; at < from; at++ {
				out.WriteString(old[at])
			}
		case line[0] == '+':
			out.WriteString(body)
		default:
			if old[at] != body {
				t.Fatalf("line %d is %q, the diff says %q", at+1, old[at], line)
			}
			if at++; line[0] == ' ' {
				out.WriteString(body)
			}
		}
	}
	return out.String() + strings.Join(old[at:], "")
}
