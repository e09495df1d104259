// Package unified writes differences of texts as diff -u does.
package unified

import (
	"fmt"
	"strings"
)

const context = 3

// Diff returns the unified diff of two texts under the names given, "" when they are equal. An absent file is an empty
// text under the name /dev/null.
func Diff(oldName, newName, oldText, newText string) string {
	if oldText == newText {
		return ""
	}
	a, b := lines(oldText), lines(newText)
	edits := compare(a, b)
	var out strings.Builder
	fmt.Fprintf(&out, "--- %s\n+++ %s\n", oldName, newName)
	for len(edits) > 0 {
		n := hunk(edits)
		write(&out, a, b, edits[:n])
		edits = edits[n:]
	}
	return out.String()
}

func lines(s string) []string {
	all := strings.SplitAfter(s, "\n")
	if all[len(all)-1] == "" {
		all = all[:len(all)-1]
	}
	return all
}

// edit replaces lines [a0,a1) of the old text by lines [b0,b1) of the new one.
type edit struct{ a0, a1, b0, b1 int }

// most bounds the table of compare; larger differences are shown as one replacement.
const most = 16 << 20

// compare returns the edits that lead from a to b, by the longest common subsequence of the part that differs.
func compare(a, b []string) []edit {
	// What is equal at both ends is left out first: config files differ in a few lines, and the table grows with the square.
	head := 0
	for head < len(a) && head < len(b) && a[head] == b[head] {
		head++
	}
	tail := 0
	for tail < len(a)-head && tail < len(b)-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	n, m := len(a)-head-tail, len(b)-head-tail
	if n*m > most || n == 0 || m == 0 {
		return []edit{{head, head + n, head, head + m}}
	}
	common := make([]int32, (n+1)*(m+1)) // of a[head+i:] and b[head+j:], at i*(m+1)+j
	for i := n - 1; i >= 0; i-- {
		for j := m - 1; j >= 0; j-- {
			at := i*(m+1) + j
			if a[head+i] == b[head+j] {
				common[at] = common[at+m+2] + 1
			} else {
				common[at] = max(common[at+1], common[at+m+1])
			}
		}
	}
	var edits []edit
	for i, j := 0, 0; i < n || j < m; {
		if i < n && j < m && a[head+i] == b[head+j] {
			i, j = i+1, j+1
			continue
		}
		// One edit takes all lines up to the next common one, removals before additions.
		e := edit{head + i, 0, head + j, 0}
		for (i < n || j < m) && (i == n || j == m || a[head+i] != b[head+j]) {
			if j == m || i < n && common[(i+1)*(m+1)+j] >= common[i*(m+1)+j+1] {
				i++
			} else {
				j++
			}
		}
		e.a1, e.b1 = head+i, head+j
		edits = append(edits, e)
	}
	return edits
}

// hunk returns how many edits lie so close together that they share a hunk.
func hunk(edits []edit) int {
	n := 1
	for n < len(edits) && edits[n].a0-edits[n-1].a1 <= 2*context {
		n++
	}
	return n
}

func write(out *strings.Builder, a, b []string, edits []edit) {
	first, last := edits[0], edits[len(edits)-1]
	before := min(context, first.a0)
	after := min(context, len(a)-last.a1)
	fmt.Fprintf(out, "@@ -%s +%s @@\n", span(first.a0-before, last.a1+after), span(first.b0-before, last.b1+after))
	at := first.a0 - before
	for _, e := range edits {
		put(out, ' ', a[at:e.a0])
		put(out, '-', a[e.a0:e.a1])
		put(out, '+', b[e.b0:e.b1])
		at = e.a1
	}
	put(out, ' ', a[at:at+after])
}

// span writes a range as "first,count"; a count of 1 is left out, and an empty range names the line before it.
func span(from, to int) string {
	switch to - from {
	case 0:
		return fmt.Sprintf("%d,0", from)
	case 1:
		return fmt.Sprint(from + 1)
	}
	return fmt.Sprintf("%d,%d", from+1, to-from)
}

func put(out *strings.Builder, mark byte, lines []string) {
	for _, line := range lines {
		out.WriteByte(mark)
		out.WriteString(line)
		if !strings.HasSuffix(line, "\n") {
			out.WriteString("\n\\ No newline at end of file\n")
		}
	}
}
