package transfer

import (
	"sync"

	"github.com/mailreg/mailreg/schema"
)

// lines let one call at a time do something for a user.
type lines struct {
	mu   sync.Mutex
	held map[schema.UUID]*line
}

type line struct {
	sync.Mutex
	waiting int
}

func (l *lines) lock(uuid schema.UUID) {
	l.mu.Lock()
	if l.held == nil {
		l.held = map[schema.UUID]*line{}
	}
	one := l.held[uuid]
	if one == nil {
		one = &line{}
		l.held[uuid] = one
	}
	one.waiting++
	l.mu.Unlock()
	one.Lock()
}

func (l *lines) unlock(uuid schema.UUID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	one := l.held[uuid]
	if one.waiting--; one.waiting == 0 {
		delete(l.held, uuid)
	}
	one.Unlock()
}
