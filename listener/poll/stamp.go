package poll

import (
	"strings"
	"time"
)

// stamp is a time of change as a server writes it: a generalized time in UTC (RFC 4517 §3.3.13), in whole seconds, and what
// follows those in this server's spelling: "Z", ".0Z".
type stamp struct {
	at     time.Time
	suffix string
}

const layout = "20060102150405"

// parseStamp reads a value; what is none gives the zero stamp.
func parseStamp(value string) stamp {
	if len(value) < len(layout) || !strings.HasSuffix(value, "Z") {
		return stamp{}
	}
	at, err := time.Parse(layout, value[:len(layout)])
	if err != nil {
		return stamp{}
	}
	suffix := value[len(layout):]
	if strings.HasPrefix(suffix, ".") {
		suffix = ".0Z"
	}
	return stamp{at, suffix}
}

// later returns the later one of both, unless that lies behind the limit.
func (s stamp) later(o stamp, limit time.Time) stamp {
	if o.at.After(s.at) && !o.at.After(limit) {
		return o
	}
	return s
}

// before returns the value some time before; "" of the zero stamp.
func (s stamp) before(d time.Duration) string {
	if s.at.IsZero() {
		return ""
	}
	return s.at.Add(-d).Format(layout) + s.suffix
}
