package notice

import (
	"maps"
	"slices"
	"time"
)

// mostQuiet is the longest time between two messages while there is always something new.
const mostQuiet = time.Hour

// memory is what was seen, and what was told. It decides what to tell next, without I/O.
type memory struct {
	// told are the problems that the last messages spoke of; they outlive the process.
	told map[string]Problem
	// seen are those of the last look.
	seen map[string]Problem
	// quiet says until when nothing is to be told, calm how long that was.
	quiet time.Time
	calm  time.Duration
}

// news is what there is to tell.
type news struct{ fresh, healed []Problem }

func (n news) none() bool { return len(n.fresh)+len(n.healed) == 0 }

// look takes in what there is now, and returns what is to be told now. A problem is new once two looks have seen it.
func (m *memory) look(now time.Time, problems []Problem) news {
	var n news
	current := map[string]Problem{}
	for _, p := range problems {
		before, again := m.seen[p.key()]
		if again && p.Kind == Stalled {
			p.Since = before.Since
		}
		current[p.key()] = p
		if _, told := m.told[p.key()]; again && !told {
			n.fresh = append(n.fresh, p)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(m.told)) {
		if _, still := current[key]; !still {
			n.healed = append(n.healed, m.told[key])
		}
	}
	m.seen = current
	if now.Before(m.quiet) {
		return news{}
	}
	if n.none() {
		m.calm = 0
	}
	return n
}

// done notes that news was told. The next message waits for twice as long as this one has, when all waits is the
// interval.
func (m *memory) done(now time.Time, n news, interval time.Duration) {
	for _, p := range n.fresh {
		m.told[p.key()] = p
	}
	for _, p := range n.healed {
		delete(m.told, p.key())
	}
	m.calm = min(max(2*m.calm, interval), max(mostQuiet, interval))
	m.quiet = now.Add(m.calm)
}
