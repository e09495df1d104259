// Package breaker remembers which targets of a handler are down and what waits for each of them. One call at a time tries a
// target, after a pause that grows; when it gets through, all that has waited goes on. Others are let through meanwhile:
// unless the handler has named them, only a call shows which target it meets.
package breaker

import (
	"slices"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/mailreg/mailreg/listener/agenda"
	"github.com/mailreg/mailreg/schema"
)

// Waiting is an entry that waits, with the number of its first change.
type Waiting struct {
	UUID  schema.UUID
	First uint64
}

// State is what is to be told of a target that is down.
type State struct {
	Target, Reason string
	// Since is when it was first found down, by the wall clock.
	Since time.Time
	// Waiting is how many entries wait for it.
	Waiting int
}

// Targets are the targets that are down. Its times are those of time.Now, whose monotonic part counts.
type Targets struct {
	delays func() backoff.BackOff
	down   map[string]*target
}

type target struct {
	state   State
	until   time.Time
	backoff backoff.BackOff
	// probe is the entry whose call tries the target, zero when none does.
	probe   schema.UUID
	waiting agenda.Queue
}

// New returns a set in which nothing is down; delays makes a sequence of pauses.
func New(delays func() backoff.BackOff) *Targets {
	return &Targets{delays: delays, down: map[string]*target{}}
}

// Admits reports whether an entry that has met the target may be called: it is not down, or this is the call that tries it.
func (t *Targets) Admits(name string, uuid schema.UUID) bool {
	d := t.down[name]
	return d == nil || d.probe == uuid
}

// Down notes that a call for the entry has met the target down, and reports whether that is news: another reason, or none
// was known. wall is the time for State.
func (t *Targets) Down(name string, uuid schema.UUID, reason string, wall time.Time) (news bool) {
	d := t.down[name]
	if d == nil {
		d = &target{state: State{Target: name, Since: wall}, backoff: t.delays(), waiting: agenda.NewQueue()}
		t.down[name] = d
		d.pause()
	} else if d.probe == uuid {
		d.probe = schema.UUID{}
		d.pause()
	}
	news = d.state.Reason != reason
	d.state.Reason = reason
	return news
}

func (d *target) pause() { d.until = time.Now().Add(max(d.backoff.NextBackOff(), 0)) }

// Wait makes an entry wait for a target that is down.
func (t *Targets) Wait(name string, first uint64, uuid schema.UUID) {
	if d := t.down[name]; d != nil {
		d.waiting.Push(first, uuid)
	}
}

// Answered notes that a call for the entry did not meet the target down. When that was the one that tries it, the target is
// up: what has waited is returned, and up is true.
func (t *Targets) Answered(name string, uuid schema.UUID) (waiting []Waiting, up bool) {
	d := t.down[name]
	if d == nil || d.probe != uuid {
		return nil, false
	}
	delete(t.down, name)
	return d.all(), true
}

func (d *target) all() (list []Waiting) {
	for uuid, first, ok := d.waiting.Pop(); ok; uuid, first, ok = d.waiting.Pop() {
		list = append(list, Waiting{uuid, first})
	}
	return list
}

// Probes picks, for each target whose pause is over, the entry that is to try it. A target that nothing waits for is
// forgotten.
func (t *Targets) Probes() (list []Waiting) {
	now := time.Now()
	for name, d := range t.down {
		if !d.probe.IsZero() || d.until.After(now) {
			continue
		}
		uuid, first, ok := d.waiting.Pop()
		if !ok {
			delete(t.down, name)
			continue
		}
		d.probe = uuid
		list = append(list, Waiting{uuid, first})
	}
	return list
}

// Release notes that the entry does not try a target after all: another one is to.
func (t *Targets) Release(uuid schema.UUID) {
	t.ReleaseAll(func(probe schema.UUID) bool { return probe == uuid })
}

// ReleaseAll is Release for those that which picks.
func (t *Targets) ReleaseAll(which func(schema.UUID) bool) {
	for _, d := range t.down {
		if !d.probe.IsZero() && which(d.probe) {
			d.probe = schema.UUID{}
		}
	}
}

// Hurry ends all pauses.
func (t *Targets) Hurry() {
	for _, d := range t.down {
		d.until = time.Time{}
	}
}

// Next returns when the next target is to be tried, and whether one is.
func (t *Targets) Next() (next time.Time, ok bool) {
	for _, d := range t.down {
		if d.probe.IsZero() && (!ok || d.until.Before(next)) {
			next, ok = d.until, true
		}
	}
	return next, ok
}

// States returns the targets that are down, by name.
func (t *Targets) States() (list []State) {
	for _, d := range t.down {
		state := d.state
		state.Waiting = d.waiting.Len()
		list = append(list, state)
	}
	slices.SortFunc(list, func(a, b State) int { return strings.Compare(a.Target, b.Target) })
	return list
}
