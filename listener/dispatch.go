package listener

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/mailreg/mailreg/listener/breaker"
	"github.com/mailreg/mailreg/listener/store"
	"github.com/mailreg/mailreg/schema"
)

// launch decides about what is due, oldest first, and starts calls while there is room. What a person must see is
// written at once, a batch at a time.
func (w *worker) launch(work context.Context) error {
	now := time.Now()
	for uuid, ok := w.timers.Due(now); ok; uuid, ok = w.timers.Due(now) {
		w.touch(uuid)
	}
	if err := w.absorb(); err != nil {
		return err
	}
	if w.reconcile {
		w.startReconcile(work)
		return nil
	}
	var settle []schema.UUID
	for w.room() > len(settle) {
		w.enqueue(w.targets.Probes())
		uuid, _, ok := w.queue.Pop()
		if !ok {
			break
		}
		// A transaction for each decision: a call may begin in between, and what is decided next must see its claims. None
		// is open for long either, so that the file does not grow.
		var d decision
		err := w.l.store.View(func(tx *store.Tx) error {
			d = w.view(tx).decide(uuid)
			return nil
		})
		if err != nil {
			return err
		}
		if w.begin(work, uuid, d) {
			settle = append(settle, uuid)
		}
	}
	return w.settle(settle)
}

// room returns how many more marks may be decided about now. The limit beside the number of calls bounds what is finished
// but not stored: decisions without a call cost nothing and could pile up.
func (w *worker) room() int {
	switch {
	case w.paused, w.l.cfg.Staging, w.pause.until.After(time.Now()), w.running >= w.workers:
		return 0
	case w.pause.backoff != nil && (w.committing || w.running+len(w.done) > 0):
		return 0 // after a pause one call is tried alone
	case w.pause.backoff != nil:
		return 1
	case w.flusher != nil && w.committing, w.late(time.Now()):
		return 0 // what is called while Flush runs might be in it or not
	default:
		return maxBatch - len(w.done)
	}
}

// begin acts on a decision and reports whether it is one that must be written first.
func (w *worker) begin(work context.Context, uuid schema.UUID, d decision) bool {
	if !d.edge.By.IsZero() && (d.verb == wait || d.change.UUID != uuid) {
		w.claims.Wait(uuid, d.edge)
	}
	_, busy := w.busy[uuid]
	if called := (d.verb == call || d.verb == setAside) && d.change.UUID == uuid; !called && !busy {
		w.targets.Release(uuid)
	}
	switch d.verb {
	case rest:
		w.targets.Wait(d.down, d.mark.First, uuid)
	case wait:
		return d.mark.BlockedBy != d.edge.By
	case later:
		w.retries[uuid] = deadline{next: d.mark.Next, at: d.at}
		w.timers.Push(d.at, uuid)
	case acknowledge, fail:
		w.occupy(d) // until that is stored
		w.keep(outcome{decision: d, err: d.err})
	case call, setAside:
		if d.untried() {
			return true // after a crash nobody must believe that it was never called
		}
		w.start(work, d)
	case park, hold:
		return true
	}
	return false
}

// enqueue puts entries into the queue that have waited for a target.
func (w *worker) enqueue(list []breaker.Waiting) {
	for _, waiting := range list {
		w.queue.Push(waiting.First, waiting.UUID)
	}
}

// occupy keeps others from what the decision may touch, from now until its outcome is stored.
func (w *worker) occupy(d decision) {
	w.claims.Unwait(d.change.UUID)
	w.busy[d.change.UUID] = d
	w.claims.Use(d.change.UUID, d.resources())
}

// start calls the handler beside the worker's goroutine. The channel has room for the answers of all calls, so that none
// waits to be heard.
func (w *worker) start(work context.Context, d decision) {
	w.occupy(d)
	w.tried[d.change.UUID] = struct{}{}
	w.running++
	limit := w.limit()
	w.overdue[d.change.UUID] = time.Now().Add(limit + heed)
	w.calling(d.change.UUID, d.change.DN())
	d.begun = w.l.cfg.Now()
	go func() {
		begun := time.Now()
		err := bounded(work, limit, func(ctx context.Context) error {
			return w.call(ctx, d)
		})
		w.answered(d.change.UUID)
		w.results <- outcome{decision: d, err: err, took: time.Since(begun)}
	}()
}

// call calls the handler for a decision.
func (w *worker) call(ctx context.Context, d decision) error {
	if !d.mark.Former.IsZero() && w.identifier != nil {
		if err := w.identifier.Reidentify(ctx, d.mark.Former, d.change); err != nil {
			return err
		}
	}
	switch {
	case d.mark.Rejected:
		return nil
	case d.verb == setAside:
		return w.aside.SetAside(ctx, d.change)
	case d.mark.Disown && d.change.New == nil && w.identifier != nil:
		return w.identifier.Disown(ctx, d.change)
	default:
		return w.handler.Apply(ctx, d.change)
	}
}

// settle writes decisions that leave a mark to others, and that it is not left to them any more. They are made again in
// the transaction that writes them, so that nothing that came in between is lost.
func (w *worker) settle(uuids []schema.UUID) error {
	if len(uuids) == 0 {
		return nil
	}
	var left []decision
	err := w.l.update(func(e *edit) error {
		for _, uuid := range uuids {
			d := w.view(e.tx).decide(uuid)
			e.settle(w, d)
			e.touch(w, uuid)
			if d.verb == park || d.verb == hold {
				left = append(left, d)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	w.report(left)
	return nil
}

// report logs what was left to a person: each parked change, and the held ones of a burst in one line.
func (w *worker) report(left []decision) {
	count, reason := 0, ""
	for _, d := range left {
		if d.verb == hold {
			w.observe(d, Action{Op: "hold", Outcome: Held, Reason: d.reason})
			count, reason = count+1, d.reason
			continue
		}
		w.observe(d, Action{Op: "park", Outcome: Parked, Reason: d.reason})
		w.log.Warn("waits for a person", "op", "park", "dn", d.change.DN(), "uuid", d.change.UUID.String(), "err", d.reason)
	}
	if count > 0 {
		w.log.Warn("changes wait for a person", "op", "hold", "count", count, "err", reason)
	}
}

// settle writes one such decision.
func (e *edit) settle(w *worker, d decision) {
	switch d.verb {
	case wait:
		e.block(w, d.mark, d.reason, d.edge.By)
	case call, setAside:
		d.mark.Doubt = true
		e.put(w, d.mark)
	case park:
		e.park(w, d.mark, d.reason, d.by)
	case hold:
		if e.holdPair(w, d) {
			return
		}
		if d.batch == "" {
			d.batch = e.openBatch(w, d.reason, true)
		}
		e.holdBack(w, d)
	}
}

// flush stores the finished calls: at once, unless it is being done already; what has finished meanwhile goes together.
// A Flusher is asked first, when it is time for that.
func (w *worker) flush(ctx, work context.Context) {
	if len(w.done) == 0 || w.committing {
		return
	}
	if w.flusher != nil && !w.burst(ctx) {
		return
	}
	batch := w.done
	w.done, w.committing = nil, true
	go func() { w.committed <- commitment{batch, "store", w.commit(work, batch)} }()
}

// commit flushes and then stores a batch of outcomes in one transaction. It runs beside the worker's goroutine, which goes on
// with calls, and touches nothing of the worker's but the batch.
func (w *worker) commit(work context.Context, batch []outcome) error {
	if err := w.flushHandler(work, batch); err != nil {
		faults, single := errors.AsType[schema.Faults](err)
		for i := range batch {
			switch {
			case batch[i].err != nil || batch[i].verb != call:
			case single:
				batch[i].err = faults[batch[i].change.UUID]
			default:
				batch[i].err, batch[i].whole = err, true
			}
		}
	}
	return w.l.update(func(e *edit) error {
		for i, o := range batch {
			batch[i].parked = w.conclude(e, o, work.Err() != nil)
		}
		return nil
	})
}

func (w *worker) flushHandler(work context.Context, batch []outcome) error {
	if w.flusher == nil {
		return nil
	}
	for _, o := range batch {
		if o.err == nil && o.verb == call {
			w.calling(wholeHandler(), "all entries")
			defer w.answered(wholeHandler())
			begun := time.Now()
			err := bounded(work, w.limit(), w.flusher.Flush)
			w.observeWhole("flush", begun, err)
			return err
		}
	}
	return nil
}

// conclude writes what came of one decision, and reports whether it is up to a person now. An error counts only against
// the state that it was about.
func (w *worker) conclude(e *edit, o outcome, aborted bool) (parked bool) {
	h := e.tx.Handler(w.name)
	switch {
	case o.err != nil && !errors.Is(o.err, schema.ErrPartly):
		// Of a call that was cut off by the end of the process, or whose entry has changed since, nothing is known but that
		// it may have had an effect; the mark says so already.
		if m, ok := h.Mark(o.change.UUID); ok && m.Last == o.mark.Last && !aborted {
			m.Target = o.target()
			parked = e.fail(w, m, o)
		}
		e.touch(w, o.change.UUID)
	case o.verb == setAside:
		e.release(w, o.decision)
	default:
		e.acknowledge(w, o.decision)
		e.depart(w, o)
		if o.takes && !o.mark.Approved {
			take := w.take(o, e)
			h.AddTake(take, take.At.Add(-window))
		}
		if o.err != nil {
			return e.remind(w, o)
		}
		state := h.State()
		state.LastSuccess = e.now
		h.SetState(state)
	}
	return parked
}

// take is what the brake is to remember of an outcome.
func (w *worker) take(o outcome, e *edit) store.Take {
	return store.Take{At: w.l.clock(), Wall: e.now, UUID: o.change.UUID, Removed: !w.kept(o.change.New)}
}

// kept reports whether an acknowledged entry has a store here.
func (w *worker) kept(e *schema.Entry) bool {
	keeps := w.keeps()
	return e != nil && (keeps == nil || keeps(e))
}

// settled takes in that a batch was stored, or was not.
func (w *worker) settled(ctx context.Context, c commitment) {
	w.committing = false
	for _, o := range c.batch {
		delete(w.busy, o.change.UUID)
		w.claims.Unuse(o.change.UUID, o.resources())
	}
	if c.err != nil {
		if ctx.Err() == nil {
			w.distrust(c.op, c.err)
		}
		return
	}
	if c.batch == nil { // Reconcile has worked, so its target is up
		w.pause = pause{}
		w.wakes.forget() // it has acknowledged what it had to do
	}
	for _, o := range c.batch {
		w.meet(o)
		w.touch(o.change.UUID) // it may have changed while it was called
		if o.err == nil && o.verb != setAside || errors.Is(o.err, schema.ErrInvalid) && !o.mark.Doubt {
			delete(w.tried, o.change.UUID)
		}
		if o.verb == call && (o.err == nil || errors.Is(o.err, schema.ErrPartly)) {
			w.wakes.note(o.change.UUID, o.change.New, o.begun, w.wallClock())
		}
		w.note(o)
	}
}

// note logs an outcome, and rests when a target is down.
func (w *worker) note(o outcome) {
	attrs := []any{"op", o.op(), "dn", o.change.DN(), "uuid", o.change.UUID.String()}
	if p, ok := errors.AsType[*panicked](o.err); ok {
		attrs = append(attrs, "stack", string(p.stack))
	}
	switch {
	case o.target() != "": // meet has told
	case isDown(o.err):
		if w.pause.reason != o.err.Error() {
			w.log.Warn("target is down", append(attrs, "err", o.err)...)
		}
		if !w.pause.until.After(time.Now()) {
			w.rest(o.err.Error())
		}
	case o.parked:
		w.log.Warn("waits for a person", append(attrs, "err", o.err)...)
	case o.err != nil:
		if o.err.Error() != o.mark.Reason {
			w.log.Warn("failed", append(attrs, "err", o.err)...)
		}
	case o.verb == call || o.verb == setAside:
		if w.pause.reason != "" {
			w.log.Info("goes on", "op", o.op(), "after", w.pause.reason)
		}
		w.pause = pause{}
		w.log.Debug("done", attrs...)
	}
	if o.err != nil {
		w.failed(o.err)
	}
	w.observeOutcome(o)
}

// target returns the target that the call has met down, "" for none. What was down for all of a handler's work rests all of
// it and counts as none.
func (o outcome) target() string {
	down, ok := errors.AsType[*schema.TargetDown](o.err)
	if !ok || o.whole {
		return ""
	}
	return down.Target
}

// shun takes in which target a call has met down, before another call begins.
func (w *worker) shun(o outcome) {
	name := o.target()
	if name != "" && w.targets.Down(name, o.change.UUID, o.err.Error(), w.l.cfg.Now()) {
		w.log.Warn("target is down", "op", o.op(), "dn", o.change.DN(), "uuid", o.change.UUID.String(), "target", name, "err", o.err)
	}
}

// meet takes in what a call has shown of the targets that it was to try, once that is stored.
func (w *worker) meet(o outcome) {
	defer w.targets.Release(o.change.UUID) // also of one that has changed since, which shows nothing
	if o.verb != call && o.verb != setAside {
		return
	}
	attrs := []any{"op", o.op(), "dn", o.change.DN(), "uuid", o.change.UUID.String()}
	now := o.target()
	for _, was := range slices.Concat(o.targets, []string{o.mark.Target}) {
		if was == "" || was == now {
			continue
		}
		waiting, up := w.targets.Answered(was, o.change.UUID)
		w.enqueue(waiting)
		if up {
			w.log.Info("target is up", append(attrs, "target", was, "waiting", len(waiting))...)
		}
	}
}

func (o outcome) op() string {
	switch {
	case o.verb == setAside:
		return "set aside"
	case o.change.Old == nil:
		return "add"
	case o.change.New == nil:
		return "remove"
	default:
		return "change"
	}
}
