package value

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/mailreg/mailreg/schema"
)

// Bool reads a boolean: yes true 1 on enable enabled, or no false 0 off disable disabled, in any case. ok is false for
// every other text.
func Bool(s string) (value, ok bool) {
	switch strings.ToLower(s) {
	case "yes", "true", "1", "on", "enable", "enabled":
		return true, true
	case "no", "false", "0", "off", "disable", "disabled":
		return false, true
	}
	return false, false
}

// Int reads a decimal number; blanks around it are fine.
func Int(s string) (int64, error) {
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%q is no whole number", s)
	}
	return n, nil
}

// units of durations, in lower case, as Postfix ("5d"), Dovecot ("5 mins") and Go ("1h30m") write them.
var units = map[string]time.Duration{
	"ms": time.Millisecond, "msec": time.Millisecond, "msecs": time.Millisecond,
	"": time.Second, "s": time.Second, "sec": time.Second, "secs": time.Second, "second": time.Second, "seconds": time.Second,
	"m": time.Minute, "min": time.Minute, "mins": time.Minute, "minute": time.Minute, "minutes": time.Minute,
	"h": time.Hour, "hour": time.Hour, "hours": time.Hour,
	"d": 24 * time.Hour, "day": 24 * time.Hour, "days": 24 * time.Hour,
	"w": 7 * 24 * time.Hour, "week": 7 * 24 * time.Hour, "weeks": 7 * 24 * time.Hour,
}

// Duration reads one or more numbers with units, such as "7d", "5 mins", "1h30m"; a bare number alone is seconds.
func Duration(s string) (time.Duration, error) {
	var sum time.Duration
	whole := strings.ToLower(strings.TrimSpace(s))
	rest := whole
	if rest == "" {
		return 0, fmt.Errorf("%q is no duration", s)
	}
	for rest != "" {
		n, unit, tail, err := quantity(rest)
		scale, known := units[unit]
		// In "1h30" the number could be minutes or seconds.
		if err != nil || !known || unit == "" && (rest != whole || tail != "") {
			return 0, fmt.Errorf("%q is no duration", s)
		}
		if n > int64(math.MaxInt64-sum)/int64(scale) { // a Duration counts nanoseconds in 63 bits
			return 0, fmt.Errorf("%q is longer than 292 years", s)
		}
		sum += time.Duration(n) * scale
		rest = tail
	}
	return sum, nil
}

// sizes are the units of Size, in lower case, as powers of two. kB and KiB mean the same here: a limit is not the place for
// the dispute.
var sizes = map[string]uint{
	"": 0, "b": 0, "k": 10, "kb": 10, "kib": 10, "m": 20, "mb": 20, "mib": 20, "g": 30, "gb": 30, "gib": 30, "t": 40, "tb": 40, "tib": 40,
}

// Size reads a number of bytes with an optional unit: B, k, M, G, T (powers of 1024), also as kB or KiB.
func Size(s string) (int64, error) {
	n, unit, tail, err := quantity(strings.ToLower(strings.TrimSpace(s)))
	bits, known := sizes[unit]
	if err != nil || tail != "" || !known {
		return 0, fmt.Errorf("%q is no size", s)
	}
	if n > math.MaxInt64>>bits {
		return 0, fmt.Errorf("%q is too large", s)
	}
	return n << bits, nil
}

// quantity cuts a number and its unit from the front of s.
func quantity(s string) (n int64, unit, rest string, err error) {
	digits := len(s) - len(strings.TrimLeft(s, "0123456789"))
	n, err = strconv.ParseInt(s[:digits], 10, 64)
	rest = strings.TrimLeft(s[digits:], " ")
	letters := len(rest) - len(strings.TrimLeft(rest, "abcdefghijklmnopqrstuvwxyz"))
	return n, rest[:letters], strings.TrimLeft(rest[letters:], " "), err
}

// Split returns the elements of a list as its declaration separates them: at its separator, else at white space and
// commas. Blanks around elements and empty elements are dropped.
func Split(d schema.Declaration, s string) []string {
	if d.Separator == "" {
		return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' || r == '\t' || r == '\n' || r == '\r' })
	}
	var all []string
	for element := range strings.SplitSeq(s, d.Separator) {
		if element = strings.TrimSpace(element); element != "" {
			all = append(all, element)
		}
	}
	return all
}
