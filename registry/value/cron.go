package value

import (
	"slices"
	"strconv"
	"strings"
)

// cronNames stand for five fields.
var cronNames = []string{"@annually", "@yearly", "@monthly", "@weekly", "@daily", "@midnight", "@hourly", "@reboot"}

// cronFields are the bounds of the five fields, and the words for single values.
var cronFields = []struct {
	low, high int
	names     []string
}{
	{0, 59, nil},
	{0, 23, nil},
	{1, 31, nil},
	{1, 12, []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}},
	{0, 7, []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}},
}

// isCron accepts what crontab(5) does: five fields of lists, ranges and steps, or a name after @. As in the peer, a value
// that begins with # switches the job off. It is one line whatever it says: another one would be another job.
func isCron(s string) bool {
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
		return false
	}
	if strings.HasPrefix(s, "#") || slices.Contains(cronNames, s) {
		return true
	}
	fields := strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == '\t' }) // cron(8) knows no other blanks
	if len(fields) != len(cronFields) {
		return false
	}
	for i, limit := range cronFields {
		if slices.Contains(limit.names, strings.ToLower(fields[i])) {
			continue // a name stands alone: crontab(5) knows no ranges and lists of names
		}
		for part := range strings.SplitSeq(fields[i], ",") {
			if !isCronPart(part, limit.low, limit.high) {
				return false
			}
		}
	}
	return true
}

// isCronPart accepts "*", "n" and "n-m", the first and last with "/step".
func isCronPart(part string, low, high int) bool {
	span, step, stepped := strings.Cut(part, "/")
	if n, ok := digits(step); stepped && (!ok || n < 1) {
		return false
	}
	if span == "*" {
		return true
	}
	from, to, ranged := strings.Cut(span, "-")
	if !ranged {
		to = from
	}
	first, ok1 := digits(from)
	last, ok2 := digits(to)
	return ok1 && ok2 && low <= first && first <= last && last <= high && (ranged || !stepped)
}

// digits reads a number without a sign.
func digits(s string) (int, bool) {
	n, err := strconv.Atoi(s)
	return n, err == nil && strings.Trim(s, "0123456789") == ""
}
