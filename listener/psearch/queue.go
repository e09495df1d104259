package psearch

import (
	"context"
	"fmt"
	"sync"

	"github.com/mailreg/mailreg/listener"
	"github.com/mailreg/mailreg/schema"
)

// ahead is the number of changes that are read before their turn when no scan runs; with more of them the server has to wait.
const ahead = 64

// queue holds changes until they are taken. While a scan runs nobody takes any and the server must not wait; then it keeps the
// last one of each entry only: the others would undo for a moment what the scan has seen, and a large entry comes whole
// with each of its changes.
type queue struct {
	limit int // of entries while a scan runs

	mu     sync.Mutex
	events []listener.Event
	held   map[schema.UUID]int // where an entry's last event is while a scan runs, else nil

	news, room chan struct{} // each holds a value once there is some
}

func newQueue(limit int) *queue {
	return &queue{limit: limit, news: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

// hold says that a scan runs until the next take.
func (q *queue) hold() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.held = map[schema.UUID]int{}
	for i, e := range q.events {
		q.held[about(e)] = i
	}
	signal(q.room)
}

// put adds a change, as soon as there is room.
func (q *queue) put(ctx context.Context, e listener.Event) error {
	for {
		if added, err := q.add(e); added || err != nil {
			return err
		}
		select {
		case <-q.room:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (q *queue) add(e listener.Event) (added bool, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.held == nil {
		if len(q.events) >= ahead {
			return false, nil
		}
		q.events = append(q.events, e)
		signal(q.news)
		return true, nil
	}
	uuid := about(e)
	if i, known := q.held[uuid]; known {
		q.events[i] = e
		return true, nil
	}
	if len(q.events) >= q.limit {
		return false, fmt.Errorf("%w: %d", ErrOverflow, q.limit)
	}
	q.held[uuid] = len(q.events)
	q.events = append(q.events, e)
	return true, nil
}

// take returns all changes, and ends what hold has begun.
func (q *queue) take() []listener.Event {
	q.mu.Lock()
	defer q.mu.Unlock()
	events := q.events
	q.events, q.held = nil, nil
	signal(q.room)
	return events
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // it is said already
	}
}

// about returns the entry that a change is of.
func about(e listener.Event) schema.UUID {
	if e.Entry != nil {
		return e.Entry.UUID
	}
	return e.UUIDs[0]
}
