package listener

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/mailreg/mailreg/listener/agenda"
	"github.com/mailreg/mailreg/listener/breaker"
	"github.com/mailreg/mailreg/listener/claims"
	"github.com/mailreg/mailreg/listener/store"
	"github.com/mailreg/mailreg/schema"
)

// maxBatch is the number of finished changes that are acknowledged, and flushed, together.
const maxBatch = 256

// maxResource is the longest resource that a claim can name.
const maxResource = 1024

// worker drives one handler. One goroutine decides what is called when and is the only one to change who owns what; the
// calls run beside it. Its memory is an index of the marks in the store: every decision reads the store again, and after
// an error the index is built anew.
type worker struct {
	l    *Listener
	name string
	log  *slog.Logger

	handler    Handler
	claimer    Claimer
	aside      SetAsider
	taker      Taker
	keeper     Keeper
	flusher    Flusher
	reconciler Reconciler
	loser      Loser
	recaller   Recaller
	differ     Differ
	identifier Reidentifier
	targeter   Targeter
	// wakes is nil for a handler without timers.
	wakes *wakes

	// workers is how many calls the handler gets at once.
	workers int

	results   chan outcome
	committed chan commitment
	calls     chan func()
	stopped   chan struct{}
	wake      chan struct{}

	mu sync.Mutex
	// touched and all are guarded by mu: the marks that have changed in the store.
	touched []schema.UUID
	all     bool
	// retryNow is guarded by mu: a person asks to end the pause.
	retryNow bool
	// lastErr and lastErrAt are guarded by mu: the last error, for the status.
	lastErr   string
	lastErrAt time.Time
	// down is guarded by mu: the targets that are down, for the status.
	down []breaker.State
	// owed is guarded by mu: since when, by the wall clock, the handler has to set its whole target right; zero when it has.
	owed time.Time
	// open is guarded by mu: calls of the handler without an answer yet.
	open map[schema.UUID]openCall

	// What follows belongs to the goroutine of run.

	queue   agenda.Queue
	timers  agenda.Timers
	targets *breaker.Targets
	claims  *claims.Graph
	// retries says when marks are due that failed.
	retries map[schema.UUID]deadline
	// busy holds what is being called or waits for its acknowledgement to be stored.
	busy map[schema.UUID]decision
	// tried holds what may have been called without being acknowledged: since the start, or before.
	tried map[schema.UUID]struct{}
	// running counts calls, done are the finished ones that are not being acknowledged yet.
	running    int
	done       []outcome
	committing bool
	// oldest and newest are when the first and the last of done were.
	oldest, newest time.Time
	// overdue says from when on a call does not end; hung are those whose slots others have got.
	overdue map[schema.UUID]time.Time
	hung    map[schema.UUID]struct{}
	// generation is that of the last refresh whose marks were read.
	generation uint64
	// reconcile is set when the handler is to set its whole target right before anything else.
	reconcile bool
	// asked counts how often a person has asked for that.
	asked atomic.Uint64
	pause pause
	// paused is set while a person keeps the handler from being called.
	paused bool
}

// pause keeps a worker from calling its handler while a target, or the store, does not work.
type pause struct {
	until   time.Time
	reason  string
	backoff backoff.BackOff
}

// outcome is what came of a decision.
type outcome struct {
	decision
	err error
	// parked is set when the error has left the mark to a person.
	parked bool
	// whole is set when the error is that of Flush, which is about all of a burst.
	whole bool
	// took is how long the call took.
	took time.Duration
}

// commitment is what came of storing outcomes.
type commitment struct {
	batch []outcome
	op    string
	err   error
}

func newWorker(l *Listener, h Handler) *worker {
	workers := l.cfg.Workers
	if limited, ok := h.(Limited); ok {
		workers = min(workers, max(limited.Calls(), 1))
	}
	w := &worker{
		l: l, name: h.Name(), log: l.log.With("handler", h.Name()), handler: h, workers: workers,
		results: make(chan outcome, spares*workers), committed: make(chan commitment, 1),
		calls: make(chan func()), stopped: make(chan struct{}), wake: make(chan struct{}, 1),
		busy: map[schema.UUID]decision{}, tried: map[schema.UUID]struct{}{}, all: true,
		open: map[schema.UUID]openCall{}, retries: map[schema.UUID]deadline{}, overdue: map[schema.UUID]time.Time{}, hung: map[schema.UUID]struct{}{}, targets: breaker.New(l.cfg.Backoff),
	}
	w.claimer, _ = h.(Claimer)
	w.aside, _ = h.(SetAsider)
	w.taker, _ = h.(Taker)
	w.keeper, _ = h.(Keeper)
	w.flusher, _ = h.(Flusher)
	w.reconciler, _ = h.(Reconciler)
	w.loser, _ = h.(Loser)
	w.recaller, _ = h.(Recaller)
	w.differ, _ = h.(Differ)
	w.identifier, _ = h.(Reidentifier)
	w.targeter, _ = h.(Targeter)
	w.wakes = newWakes(h)
	w.reset()
	return w
}

// run works until ctx is cancelled and what was begun has been stored. Calls get the context work, which lasts longer.
func (w *worker) run(ctx, work context.Context) error {
	defer close(w.stopped)
	if err := w.recall(); err != nil {
		return err
	}
	done, cancelled := ctx.Done(), work.Done()
	var over <-chan time.Time
	for {
		if err := w.step(ctx, work); err != nil {
			return err
		}
		if ctx.Err() != nil && w.running == 0 && !w.committing && len(w.done) == 0 {
			return nil
		}
		alarm := time.NewTimer(w.untilNext(ctx))
		select {
		case <-done:
			done = nil
		case <-cancelled:
			cancelled, over = nil, time.After(w.l.cfg.Grace)
		case <-over:
			w.log.Error("does not end: left behind", "op", "stop", "calls", w.unanswered())
			return nil
		case <-w.wake:
		case <-alarm.C:
		case o := <-w.results:
			w.finish(o)
		case c := <-w.committed:
			w.settled(ctx, c)
		case call := <-w.calls:
			call()
		}
		alarm.Stop()
	}
}

// step does all that can be done without waiting.
func (w *worker) step(ctx, work context.Context) error {
	err := w.absorb()
	w.spare()
	w.enqueue(w.targets.Probes()) // also while nothing may begin: else their time would keep the worker awake
	if err == nil && ctx.Err() == nil {
		err = w.rouse()
	}
	if err == nil && ctx.Err() == nil {
		err = w.launch(work)
	}
	if fatal(err) {
		return err
	}
	if err != nil {
		w.distrust("store", err)
	}
	w.flush(ctx, work)
	w.mu.Lock()
	w.down = w.targets.States()
	w.mu.Unlock()
	return nil
}

// touch tells the worker that marks have changed in the store.
func (w *worker) touch(uuids ...schema.UUID) {
	w.mu.Lock()
	w.touched = append(w.touched, uuids...)
	w.mu.Unlock()
	w.poke()
}

// touchAll tells the worker that it knows nothing any more.
func (w *worker) touchAll() {
	w.mu.Lock()
	w.touched, w.all = nil, true
	w.mu.Unlock()
	w.poke()
}

func (w *worker) poke() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// do runs fn in the worker's goroutine.
func (w *worker) do(ctx context.Context, fn func() error) error {
	result := make(chan error, 1)
	select {
	case w.calls <- func() { result <- fn() }:
		return <-result
	case <-w.stopped:
		return errStopping
	case <-ctx.Done():
		return ctx.Err()
	}
}

// distrust throws the index away and rests, after the store or Reconcile has failed.
func (w *worker) distrust(op string, err error) {
	if w.pause.reason != err.Error() {
		w.log.Error("failed", "op", op, "err", err)
	}
	w.failed(err)
	w.rest(err.Error())
	w.touchAll()
}

func (w *worker) rest(reason string) {
	if w.pause.backoff == nil {
		w.pause.backoff = w.l.cfg.Backoff()
	}
	w.pause.reason = reason
	w.pause.until = time.Now().Add(max(w.pause.backoff.NextBackOff(), 0))
}

// reset forgets the index but what is being worked on.
func (w *worker) reset() {
	w.queue, w.timers, w.claims = agenda.NewQueue(), agenda.Timers{}, claims.NewGraph()
	w.targets.ReleaseAll(func(probe schema.UUID) bool {
		_, busy := w.busy[probe]
		return !busy
	})
	for uuid, d := range w.busy {
		w.claims.Use(uuid, d.resources())
	}
}

// absorb reads the marks that have changed.
func (w *worker) absorb() error {
	w.mu.Lock()
	touched, all := w.touched, w.all
	if w.retryNow {
		w.pause.until = time.Time{}
		w.targets.Hurry()
	}
	w.touched, w.all, w.retryNow = nil, false, false
	w.mu.Unlock()
	if !all && len(touched) == 0 {
		return nil
	}
	return w.l.store.View(func(tx *store.Tx) error {
		h := tx.Handler(w.name)
		generation := tx.State().Generation
		// A refresh may have ended whose end this worker has not been told of yet: then more is due than what was touched, and
		// Reconcile comes first.
		if all || generation != w.generation {
			w.generation = generation
			w.reset()
			before := w.retries
			w.retries = map[schema.UUID]deadline{}
			state := h.State()
			w.reconcile = w.reconciler != nil && state.Reconcile && generation >= state.From
			w.owes(w.reconcile)
			w.paused = !state.Paused.IsZero()
			for m := range h.Marks() {
				if d, ok := before[m.UUID]; ok {
					w.retries[m.UUID] = d
				}
				w.index(tx, m, generation)
			}
			return nil
		}
		for _, uuid := range touched {
			w.wakeWaiting(uuid)
			if m, ok := h.Mark(uuid); ok {
				w.index(tx, m, generation)
			} else {
				w.claims.Forget(uuid)
				delete(w.retries, uuid)
			}
		}
		return nil
	})
}

// index notes a mark: what it claims, and when it is due.
func (w *worker) index(tx *store.Tx, m store.Mark, generation uint64) {
	if w.claimer != nil {
		var wanted []string
		if m.Generation <= generation { // else it comes behind all that are due, and the end of its refresh indexes all anew
			_, wanted, _ = w.target(tx.Entry(m.UUID))
		}
		w.claims.Want(m.UUID, wanted, slices.Sorted(maps.Keys(trials(m))))
	}
	w.claims.Unwait(m.UUID)
	if m.Class != store.Retry {
		delete(w.retries, m.UUID)
	}
	due := m.Generation <= generation && m.Class != store.Parked && m.Class != store.Held
	if _, busy := w.busy[m.UUID]; !due || busy {
		w.newest = time.Now() // the burst is not over: one that is busy will be called again
		return
	}
	w.queue.Push(m.First, m.UUID)
}

// wakeWaiting puts those that wait for an entry back into the queue.
func (w *worker) wakeWaiting(uuid schema.UUID) {
	for _, waiting := range w.claims.Woken(uuid) {
		w.queue.Push(waiting.First, waiting.UUID)
	}
}

// untilNext returns how long the worker may sleep. Once it is to stop nothing begins any more, so that only answers are
// awaited: a time that has passed must not keep it awake until the last call has ended.
func (w *worker) untilNext(ctx context.Context) time.Duration {
	if ctx.Err() != nil {
		return time.Hour
	}
	now := time.Now()
	next := now.Add(time.Hour)
	if at, ok := w.timers.Next(); ok {
		next = earlier(next, at)
	}
	if at, ok := w.targets.Next(); ok {
		next = earlier(next, at)
	}
	if at, ok := w.nextCall(); ok {
		next = earlier(next, at)
	}
	if !w.sleeps() {
		next = earlier(next, now.Add(w.wakes.rest(w.wallClock())))
	}
	if w.pause.until.After(now) {
		next = earlier(next, w.pause.until)
	}
	return max(next.Sub(now), 0)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// mayMatch reports whether the handler matches an entry, or panics about it; then the call itself will show that.
func (w *worker) mayMatch(entry *schema.Entry) bool {
	if entry == nil {
		return false
	}
	matches := false
	err := safely(func() error { matches = w.handler.Match(entry); return nil })
	return matches || err != nil
}

// target returns an entry as the handler is to see it, nil when it does not match, and what it claims.
func (w *worker) target(entry *schema.Entry) (target *schema.Entry, claimed []string, err error) {
	if entry == nil {
		return nil, nil, nil
	}
	err = safely(func() error {
		if !w.handler.Match(entry) {
			return nil
		}
		target = entry
		if w.claimer != nil {
			claimed = slices.Clone(w.claimer.Claims(entry))
		}
		return nil
	})
	for _, r := range claimed {
		if r == "" || len(r) > maxResource {
			return target, nil, schema.Invalidf("%s: claim of %d characters", entry.DN, len(r))
		}
	}
	slices.Sort(claimed)
	return target, slices.Compact(claimed), err
}

// takes asks the handler about a change. What it has never acknowledged holds no mail.
func (w *worker) takes(c schema.Change) (takes bool, err error) {
	if w.taker == nil || c.Old == nil {
		return false, nil
	}
	err = safely(func() error { takes = w.taker.Takes(c); return nil })
	return takes, err
}

// needs asks the handler for the targets of a change.
func (w *worker) needs(c schema.Change) (names []string) {
	if w.targeter == nil {
		return nil
	}
	if err := safely(func() error { names = w.targeter.Targets(c); return nil }); err != nil {
		return nil // the call itself will show that
	}
	return names
}

// differs asks the handler whether it reads what has changed. One that panics will do so again when it is called.
func (w *worker) differs(c schema.Change) (differs bool) {
	err := safely(func() error { differs = w.differ.Differs(c); return nil })
	return differs || err != nil
}

// keeps returns the function that tells entries with a store here from others, nil when all have one.
func (w *worker) keeps() func(*schema.Entry) bool {
	if w.keeper == nil {
		return nil
	}
	return func(e *schema.Entry) (keeps bool) {
		err := safely(func() error { keeps = w.keeper.Keeps(e); return nil })
		return keeps || err != nil
	}
}
