package fetchmail

import (
	"context"
	"sync"
	"time"

	"github.com/mailreg/mailreg/handlers/backend/fetchmail"
	"github.com/mailreg/mailreg/schema"
)

// timetable says who is to be polled when. It is no more than a memory of what is on the disk.
type timetable struct {
	mu    sync.Mutex
	users map[schema.UUID]*turn
	// running is the number of polls.
	running int
	// wake has a token when somebody is due earlier than was known.
	wake chan struct{}
}

// turn is where a user stands.
type turn struct {
	due time.Time
	// stop ends the poll that runs, nil when none does.
	stop context.CancelFunc
	// again says that the box has changed since that poll began, gone that there is none any more.
	again, gone bool
	failed      bool
}

func newTimetable() *timetable {
	return &timetable{users: map[schema.UUID]*turn{}, wake: make(chan struct{}, 1)}
}

// due has a user polled at a time. A poll that runs goes on to its end; another follows.
func (t *timetable) due(uuid schema.UUID, at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	u := t.user(uuid)
	u.due, u.again, u.gone = at, u.stop != nil, false
	t.signal()
}

func (t *timetable) signal() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

func (t *timetable) user(uuid schema.UUID) *turn {
	if t.users[uuid] == nil {
		t.users[uuid] = &turn{}
	}
	return t.users[uuid]
}

// note remembers how the last poll of a user ended.
func (t *timetable) note(uuid schema.UUID, r fetchmail.Result) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.user(uuid).failed = len(r.Failed) > 0
}

// drop ends what is done for a user.
func (t *timetable) drop(uuid schema.UUID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	u := t.users[uuid]
	switch {
	case u == nil:
	case u.stop == nil:
		delete(t.users, uuid)
	default:
		u.gone = true
		u.stop()
	}
}

// next returns who is due, the longest first, unless as many polls run as may; else how long nobody is, 0 when that is not
// known.
func (t *timetable) next(now time.Time, most int) (who schema.UUID, wait time.Duration, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.running >= max(most, 1) {
		return who, 0, false
	}
	var first *turn
	for uuid, u := range t.users {
		if u.stop == nil && (first == nil || u.due.Before(first.due)) {
			who, first = uuid, u
		}
	}
	if first == nil {
		return who, 0, false
	}
	wait = first.due.Sub(now)
	return who, max(wait, 0), wait <= 0
}

func (t *timetable) begin(uuid schema.UUID, stop context.CancelFunc) {
	t.mu.Lock()
	defer t.mu.Unlock()
	u := t.user(uuid)
	u.stop, u.again = stop, false
	t.running++
}

func (t *timetable) end(uuid schema.UUID, next time.Time, r fetchmail.Result) {
	t.mu.Lock()
	defer t.mu.Unlock()
	u := t.user(uuid)
	u.stop, u.failed = nil, len(r.Failed) > 0
	t.running--
	switch {
	case u.gone:
		delete(t.users, uuid)
	case !u.again:
		u.due = next
	}
	t.signal()
}

// failures returns how many users there are, and for how many the last poll failed.
func (t *timetable) failures() (failed, of int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, u := range t.users {
		if u.failed {
			failed++
		}
	}
	return failed, len(t.users)
}
