package listener

import (
	"cmp"
	"context"
	"slices"

	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/listener/store"
)

// Planned lists what each handler would do next, in the order in which the changes came. In staging that is all that
// happens to them: they are decided about when somebody asks, and stay as they are.
func (l *Listener) Planned(ctx context.Context) ([]control.Planned, error) {
	list := []control.Planned{}
	for _, w := range l.workers {
		var own []control.Planned
		// In the worker's goroutine, since decisions depend on its memory.
		err := w.do(ctx, func() error {
			return l.store.View(func(tx *store.Tx) error {
				own = w.view(tx).planned()
				return nil
			})
		})
		if err != nil {
			return nil, err
		}
		list = append(list, own...)
	}
	return list, nil
}

func (v view) planned() (list []control.Planned) {
	var marks []store.Mark
	for m := range v.h.Marks() {
		marks = append(marks, m)
	}
	slices.SortFunc(marks, func(a, b store.Mark) int { return cmp.Compare(a.First, b.First) })
	for _, m := range marks {
		if p, ok := v.plan(v.decide(m.UUID)); ok {
			list = append(list, p)
		}
	}
	return list
}

// plan tells a decision; what needs no call, and what is with a person already, is not told.
func (v view) plan(d decision) (control.Planned, bool) {
	o := outcome{decision: d}
	p := control.Planned{
		Handler: v.w.name, UUID: d.change.UUID, DN: v.name(d.change.UUID), Op: o.op(), Takes: d.takes, Reason: d.reason,
	}
	switch d.verb {
	case skip, acknowledge:
		return p, false
	case later, rest:
		p.Reason = d.mark.Reason
		v.load(&d)
		p.Op = outcome{decision: d}.op()
	case park:
		p.Op = "park"
	case hold:
		p.Op = "hold"
	case fail:
		p.Op, p.Reason = "fail", d.err.Error()
	}
	if planner, ok := v.w.handler.(Planner); ok && d.err == nil && (d.verb == call || d.verb == wait) {
		if err := safely(func() error { p.Steps = planner.Steps(d.change); return nil }); err != nil {
			p.Reason = err.Error()
		}
	}
	return p, true
}
