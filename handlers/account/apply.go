package account

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mailreg/mailreg/handlers/backend/dovecot"
	"github.com/mailreg/mailreg/schema"
)

const (
	// someNames is how many names are flushed one by one: to forget a name, Dovecot looks through its whole cache.
	someNames = 500
	// patience is how long Dovecot may take to see the table. It looks at most once a second, when somebody logs in.
	patience = 2500 * time.Millisecond
	// recent is how old a change may be for its entryCSN to tell when it was made; an older one was waited for.
	recent = time.Minute
)

// job is a change that is to take effect.
type job struct {
	schema.Change
	// received is when it was noted.
	received time.Time

	user *User
	plan Plan
	// more and fewer are the names that were added to the table, and taken from it.
	more, fewer []string
}

// carryOut does what changes ask for: block, flush, kick, look.
func (h *Handler) carryOut(ctx context.Context, s Settings, jobs []job) error {
	h.working.Lock()
	defer h.working.Unlock()
	now := h.cfg.Now()
	for i := range jobs {
		var old *User
		old, jobs[i].user, _ = sides(jobs[i].Change, s)
		jobs[i].plan = NewPlan(old, jobs[i].user, s, now)
	}
	if err := h.block(jobs); err != nil {
		return err
	}
	var names, users []string
	for _, j := range jobs {
		names, users = append(names, j.plan.Flush...), append(users, j.plan.Kick...)
	}
	if err := errors.Join(h.flush(ctx, distinct(names)), h.kick(ctx, users)); err != nil {
		return err
	}
	faults, err := h.confirm(ctx, jobs)
	if err != nil {
		return err
	}
	if err := h.kick(ctx, ending(jobs)); err != nil { // who got in before the table was seen
		return err
	}
	if err := h.forgetSASL(ctx, len(names) > 0); err != nil {
		return err
	}
	h.report(jobs, faults)
	if len(faults) > 0 {
		return faults
	}
	return nil
}

// block brings the table in line with the plans.
func (h *Handler) block(jobs []job) error {
	table, err := h.blocked()
	if err != nil {
		return err
	}
	for i, j := range jobs {
		jobs[i].more, jobs[i].fewer = table.set(j.UUID, j.plan.Block)
	}
	return table.write(h.tables)
}

// flush has the server forget names: each of a few, else all.
func (h *Handler) flush(ctx context.Context, names []string) error {
	switch {
	case len(names) == 0:
		return nil
	case len(names) > someNames:
		return h.cfg.Server.Flush(ctx)
	default:
		return h.cfg.Server.Flush(ctx, names...)
	}
}

// kick ends the sessions of those of the users who have any.
func (h *Handler) kick(ctx context.Context, users []string) error {
	if len(users) == 0 {
		return nil
	}
	sessions, err := h.cfg.Server.Sessions(ctx)
	if err != nil {
		return err
	}
	wanted := map[string]bool{}
	for _, user := range users {
		wanted[user] = true
	}
	var online []string
	for _, s := range sessions {
		if wanted[s.User] {
			online = append(online, s.User)
		}
	}
	return h.cfg.Server.Kick(ctx, distinct(online)...)
}

// ending returns the users whose access has ended.
func ending(jobs []job) (users []string) {
	for _, j := range jobs {
		if j.plan.Ends {
			users = append(users, j.plan.Kick...)
		}
	}
	return users
}

// check is a name that Dovecot is to refuse, or not to refuse any more.
type check struct {
	name   string
	job    job
	refuse bool
}

func (c check) holds(a dovecot.Answer) bool { return (a == dovecot.Refused) == c.refuse }

// checks lists what is to be looked at after the jobs.
func checks(jobs []job) (list []check) {
	for _, j := range jobs {
		for _, name := range j.plan.Block {
			list = append(list, check{name, j, true})
		}
		for _, name := range j.fewer {
			list = append(list, check{name, j, false})
		}
	}
	return list
}

// confirm waits until Dovecot has seen the table. What it has answered from its old one meanwhile may be in its cache, so
// that goes as well. Faults are the accounts that it still admits. A name that was freed may be refused for another reason:
// after Dovecot has looked once more, that is not our matter.
func (h *Handler) confirm(ctx context.Context, jobs []job) (schema.Faults, error) {
	left, err := h.ask(ctx, checks(jobs))
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errPatience)
	defer cancel()
	for err == nil && len(left) > 0 && h.untilNextSecond(ctx) == nil {
		var names []string
		for _, c := range left {
			names = append(names, c.name)
		}
		if err = h.flush(ctx, distinct(names)); err == nil {
			left, err = h.ask(ctx, left)
		}
		left = slices.DeleteFunc(left, func(c check) bool { return !c.refuse })
	}
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, errPatience) {
		err = cause
	}
	faults := schema.Faults{}
	for _, c := range left {
		if c.refuse {
			faults[c.job.UUID] = named(c.job.Change, fmt.Errorf("%w: Dovecot admits %s, who is blocked: does its configuration read the table %q?",
				schema.ErrTemporary, c.name, Table))
		}
	}
	return faults, err
}

// ask returns the checks that do not hold.
func (h *Handler) ask(ctx context.Context, list []check) (left []check, err error) {
	names := make([]string, len(list))
	for i, c := range list {
		names[i] = c.name
	}
	answers, err := h.cfg.Server.Admits(ctx, names...)
	if err != nil {
		return nil, err
	}
	for i, c := range list {
		if !c.holds(answers[i]) {
			left = append(left, c)
		}
	}
	return left, nil
}

var errPatience = errors.New("waited long enough")

// untilNextSecond waits for a moment at which Dovecot looks at the table again.
func (h *Handler) untilNextSecond(ctx context.Context) error {
	now := time.Now()
	wait := time.NewTimer(now.Truncate(time.Second).Add(time.Second + 20*time.Millisecond).Sub(now))
	defer wait.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-wait.C:
		return nil
	}
}

// report logs whose access has changed, and tells how long all has taken.
func (h *Handler) report(jobs []job, faults schema.Faults) {
	now, late := h.cfg.Now(), false
	for _, j := range jobs {
		if _, failed := faults[j.UUID]; failed || len(j.plan.Flush) == 0 {
			continue
		}
		effect := Changed
		switch {
		case j.plan.Ends:
			effect, late = Closed, true
		case len(j.fewer) > 0:
			effect = Opened
		}
		if len(j.more)+len(j.fewer) > 0 {
			h.cfg.Logger.Info("access", "handler", Name, "op", string(effect), "dn", j.DN(), "uuid", j.UUID.String(), "cause", cmp.Or(string(j.plan.Access), "open"))
		}
		h.cfg.Took(effect, now.Sub(j.since(now)))
	}
	if late {
		h.sweepLater()
	}
}

// since is when the change was made, as far as that is known.
func (j job) since(now time.Time) time.Time {
	if j.New == nil || j.Old != nil && j.Old.First(schema.AttrEntryCSN) == j.New.First(schema.AttrEntryCSN) {
		return j.received
	}
	at := changedAt(j.New.First(schema.AttrEntryCSN))
	if at.After(now) || now.Sub(at) > recent {
		return j.received
	}
	return at
}
