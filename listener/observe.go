package listener

import (
	"errors"
	"time"

	"github.com/mailreg/mailreg/schema"
)

// Observer is told what happens, for metrics and for whoever watches. Its methods are called where it happens, several of
// them at once: they must not wait, nor call the Listener.
type Observer interface {
	// Acted tells what came of something that was to be done for an entry, once that is stored.
	Acted(Action)
	// Committed tells of each transaction.
	Committed(Commit)
	// Refreshed tells of each refresh that began, when it ends.
	Refreshed(Refresh)
	// Ended tells why a session ended.
	Ended(err error)
	// Braked tells that the brake has stopped changes of a handler.
	Braked(handler, reason string)
}

// Outcome says what came of an Action.
type Outcome string

// The outcomes.
const (
	Done    Outcome = "done"
	Retried Outcome = "retry"  // it is tried again
	Down    Outcome = "down"   // the target does not work; it is tried again
	Parked  Outcome = "parked" // it waits for a person or for a change of the entry
	Held    Outcome = "held"   // the brake has stopped it
)

// Action is one thing that was to be done.
type Action struct {
	Handler string
	// Op is add, change, remove, set aside, park or hold, and without an entry flush or reconcile.
	Op string
	// DN and UUID name the entry.
	DN   string
	UUID schema.UUID
	// Called is set when the handler was called, which took Took.
	Called  bool
	Took    time.Duration
	Outcome Outcome
	// Reason is why it is not done.
	Reason string
}

// Commit is one transaction of the store.
type Commit struct {
	// Marks is the number of marks that it touched.
	Marks int
	Took  time.Duration
	// Err is why nothing was written.
	Err error
}

// Refresh is the first part of a session.
type Refresh struct {
	// Entries is the number of entries that were mentioned as existing.
	Entries int
	Took    time.Duration
	// Err is why it was broken off.
	Err error
}

// Observers passes on what it is told to each of them.
type Observers []Observer

// Acted implements Observer.
func (o Observers) Acted(a Action) {
	for _, each := range o {
		each.Acted(a)
	}
}

// Committed implements Observer.
func (o Observers) Committed(c Commit) {
	for _, each := range o {
		each.Committed(c)
	}
}

// Refreshed implements Observer.
func (o Observers) Refreshed(r Refresh) {
	for _, each := range o {
		each.Refreshed(r)
	}
}

// Ended implements Observer.
func (o Observers) Ended(err error) {
	for _, each := range o {
		each.Ended(err)
	}
}

// Braked implements Observer.
func (o Observers) Braked(handler, reason string) {
	for _, each := range o {
		each.Braked(handler, reason)
	}
}

// nobody observes nothing.
type nobody struct{}

func (nobody) Acted(Action)          {}
func (nobody) Committed(Commit)      {}
func (nobody) Refreshed(Refresh)     {}
func (nobody) Ended(error)           {}
func (nobody) Braked(string, string) {}

// observe tells of a decision: of what came of a call, or of what was left to others without one.
func (w *worker) observe(d decision, a Action) {
	a.Handler, a.DN, a.UUID = w.name, d.change.DN(), d.change.UUID
	w.l.cfg.Observer.Acted(a)
}

// observeOutcome tells what came of a decision. One that had nothing to do is not worth telling.
func (w *worker) observeOutcome(o outcome) {
	a := Action{Op: o.op(), Outcome: Done, Called: o.verb == call || o.verb == setAside, Took: o.took}
	switch {
	case o.parked:
		a.Outcome = Parked
	case isDown(o.err):
		a.Outcome = Down
	case o.err != nil:
		a.Outcome = Retried
	case !a.Called:
		return
	}
	if o.err != nil {
		a.Reason = o.err.Error()
	}
	w.observe(o.decision, a)
}

// observeWhole tells of a call that is not about one entry and began at a time.
func (w *worker) observeWhole(op string, begun time.Time, err error) {
	a := Action{Handler: w.name, Op: op, Outcome: Done, Called: true, Took: time.Since(begun)}
	if err != nil {
		a.Outcome, a.Reason = Retried, err.Error()
	}
	if isDown(err) {
		a.Outcome = Down
	}
	w.l.cfg.Observer.Acted(a)
}

func isDown(err error) bool {
	_, down := errors.AsType[*schema.TargetDown](err)
	return down
}
