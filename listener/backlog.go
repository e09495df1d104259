package listener

import (
	"fmt"
	"maps"
	"time"

	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/listener/store"
	"github.com/mailreg/mailreg/schema"
)

// failed keeps an error for the status.
func (w *worker) failed(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lastErr, w.lastErrAt = err.Error(), w.l.cfg.Now()
}

// trouble returns the last error, "" when there was none, and its time.
func (w *worker) trouble() (string, time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lastErr, w.lastErrAt
}

// targetsDown returns the targets that are down, with the numbers of changes that wait for them.
func (w *worker) targetsDown(waiting map[string]int) (list []control.TargetStatus) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.down {
		list = append(list, control.TargetStatus{
			Name: s.Target, Since: control.Moment{Time: s.Since}, Waiting: max(waiting[s.Target], s.Waiting), Reason: s.Reason,
		})
	}
	return list
}

// backlog counts changes that are not done and picks the one that tells most about the reason: one that the handler has
// been called about, else one that has a reason, else any.
type backlog struct {
	w     *worker
	count int
	open  map[schema.UUID]openCall
	// paused is set when a person keeps the handler from being called.
	paused bool

	example store.Mark
	// why is the reason of the example; rank is how much it tells.
	why  string
	rank int
}

func (v view) newBacklog() *backlog {
	v.w.mu.Lock()
	defer v.w.mu.Unlock()
	return &backlog{w: v.w, open: maps.Clone(v.w.open), paused: !v.h.State().Paused.IsZero()}
}

func (b *backlog) add(m store.Mark) {
	why, rank := b.reason(m)
	if b.count++; b.count == 1 || rank > b.rank {
		b.example, b.why, b.rank = m, why, rank
	}
}

func (b *backlog) reason(m store.Mark) (why string, rank int) {
	one, called := b.open[m.UUID]
	whole, all := b.open[wholeHandler()]
	switch now := b.w.l.cfg.Now(); {
	case called:
		return fmt.Sprintf("called %s ago, no answer yet", now.Sub(one.since).Round(time.Second)), 2
	case b.paused:
		return "the handler is paused", 1
	case m.Reason != "":
		return m.Reason, 1
	case all:
		return fmt.Sprintf("the handler has been flushing or reconciling for %s", now.Sub(whole.since).Round(time.Second)), 1
	default:
		return "", 0
	}
}

// describe says how many changes of that age there are, with the example.
func (b *backlog) describe(v view, age string) string {
	if age != "" {
		age = " " + age
	}
	noun := "changes"
	if b.count == 1 {
		noun = "change"
	}
	why := ""
	if b.why != "" {
		why = " (" + b.why + ")"
	}
	return fmt.Sprintf("handler %s: %d %s%s, such as %s%s", b.w.name, b.count, noun, age, v.name(b.example.UUID), why)
}
