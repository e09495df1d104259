package account

import (
	"context"
	"iter"

	"github.com/mailreg/mailreg/schema"
)

// Spare notes whose access a person has left as it was.
func (h *Handler) Spare(ids map[schema.UUID]bool) {
	h.working.Lock()
	defer h.working.Unlock()
	h.spared = ids
}

// Reconcile makes the table hold what the entries say and nothing else, and ends what sessions are left of blocked accounts.
func (h *Handler) Reconcile(ctx context.Context, entries iter.Seq[*schema.Entry]) error {
	s, err := h.settings()
	if err != nil {
		return err
	}
	h.working.Lock()
	defer h.working.Unlock()
	before, err := h.blocked()
	if err != nil {
		return err
	}
	now, after := h.cfg.Now(), blocked{}
	for e := range entries {
		if h.spared[e.UUID] {
			after.set(e.UUID, before[e.UUID])
			continue
		}
		u, _ := parse(e, s) // what is wrong with it the call for it tells
		after.set(e.UUID, NewPlan(nil, u, s, now).Block)
	}
	jobs := before.turnInto(after)
	if err := after.write(h.tables); err != nil || len(jobs) == 0 {
		return err
	}
	var names []string
	for _, j := range jobs {
		names = append(append(names, j.more...), j.fewer...)
	}
	if err := h.flush(ctx, distinct(names)); err != nil {
		return err
	}
	faults, err := h.confirm(ctx, jobs)
	if err != nil {
		return err
	}
	for _, fault := range faults {
		h.cfg.Logger.Warn("blocked in vain", "handler", Name, "op", "reconcile", "err", fault)
	}
	h.sweepLater()
	return h.sweep(ctx)
}

// turnInto returns what makes one table another, account by account.
func (b blocked) turnInto(after blocked) (jobs []job) {
	add := func(uuid schema.UUID) {
		j := job{Change: schema.Change{UUID: uuid}, plan: Plan{Block: after[uuid]}}
		j.more, j.fewer = without(after[uuid], b[uuid]), without(b[uuid], after[uuid])
		if len(j.more)+len(j.fewer) > 0 {
			jobs = append(jobs, j)
		}
	}
	for uuid := range after {
		add(uuid)
	}
	for uuid := range b {
		if _, still := after[uuid]; !still {
			add(uuid)
		}
	}
	return jobs
}
