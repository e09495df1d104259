package page

import (
	"strings"
	"sync"
	"time"

	"github.com/mailreg/mailreg/listener"
	"github.com/mailreg/mailreg/schema/plain"
)

// keep is the number of actions that Recent remembers.
const keep = 50

// Recent remembers the last actions. It implements listener.Observer.
type Recent struct {
	mu sync.Mutex
	// ring holds the actions, the next one goes to its place at.
	ring [keep]action
	at   int
}

// action is an action with its time.
type action struct {
	listener.Action
	Time time.Time
}

// Acted implements listener.Observer.
func (r *Recent) Acted(a listener.Action) {
	a.DN, a.Reason = cut(a.DN), reason(a.Reason, a.DN) // what an entry says may be long
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ring[r.at%keep] = action{a, time.Now()}
	r.at++
}

// Committed implements listener.Observer.
func (r *Recent) Committed(listener.Commit) {}

// Refreshed implements listener.Observer.
func (r *Recent) Refreshed(listener.Refresh) {}

// Ended implements listener.Observer.
func (r *Recent) Ended(error) {}

// Braked implements listener.Observer.
func (r *Recent) Braked(string, string) {}

// last returns the actions, newest first.
func (r *Recent) last() []action {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]action, 0, min(r.at, keep))
	for i := range min(r.at, keep) {
		list = append(list, r.ring[(r.at-1-i)%keep])
	}
	return list
}

// longest is the number of characters of a text that are shown.
const longest = 500

// reason returns why something is not done with an entry, without its DN, which stands beside it.
func reason(text, dn string) string { return cut(strings.TrimPrefix(text, dn+": ")) }

// cut returns a text as it is shown: on one line, and not without end.
func cut(text string) string {
	if len(text) > 4*longest {
		text = text[:4*longest]
	}
	runes := []rune(plain.Line(text))
	if len(runes) > longest {
		return string(runes[:longest-1]) + "…"
	}
	return string(runes)
}
