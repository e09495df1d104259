package listener

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mailreg/mailreg/listener/claims"
	"github.com/mailreg/mailreg/listener/store"
	"github.com/mailreg/mailreg/schema"
)

// verb is what is to be done about a mark now.
type verb int

const (
	// skip: nothing, because it is not due or someone is at it.
	skip verb = iota
	// later: nothing before a time.
	later
	// rest: nothing before a target is up.
	rest
	// wait: nothing before another entry is through.
	wait
	// acknowledge without a call, because there is nothing to do.
	acknowledge
	// call Apply.
	call
	// setAside calls SetAside.
	setAside
	// fail records an error that the handler made before it was called.
	fail
	// park and hold leave it to a person.
	park
	hold
)

// decision is what is to be done about one mark, and on what grounds.
type decision struct {
	verb   verb
	mark   store.Mark
	change schema.Change
	// claims are those of change.New, owned those of change.Old.
	claims, owned []string
	// at is the time for later.
	at time.Time
	// edge says for whom to wait. With a verb other than wait, the asked entry waits, and the verb is for another one.
	edge claims.Edge
	// by, reason and batch go with park and hold; an empty batch is the open one of the handler.
	by            schema.UUID
	reason, batch string
	// takes is set when the change takes mail away.
	takes bool
	// targets are those that the handler has named, down is the one for which to rest.
	targets []string
	down    string
	err     error
	// begun is when the call began by the wall clock, zero without one.
	begun time.Time
}

// resources are all that a call may touch.
func (d decision) resources() []string { return slices.Concat(d.owned, d.claims) }

// untried reports whether the store says that the mark was never called, because it waited.
func (d decision) untried() bool { return !d.mark.BlockedBy.IsZero() && !d.mark.Doubt }

// view is the store as a worker's decisions see it.
type view struct {
	w  *worker
	tx *store.Tx
	h  *store.Handler
}

func (w *worker) view(tx *store.Tx) view { return view{w: w, tx: tx, h: tx.Handler(w.name)} }

// decide says what is to be done about the mark of an entry. It reads the store and the worker's memory and changes
// neither.
func (v view) decide(uuid schema.UUID) decision {
	d, open := v.examine(uuid)
	if !open {
		return d
	}
	j := claims.Judge(v, uuid)
	switch {
	case j.By.IsZero():
		return v.proceed(d, call)
	case j.Conflict, j.Stand == claims.Parked:
		// Both entries are named: the message is read apart from the list that it stands in.
		d.verb, d.by, d.reason = park, j.By, v.name(d.change.UUID)+": "+v.dispute(j)
	case j.Stand == claims.Held:
		other, _ := v.h.Mark(j.By)
		d.verb, d.by, d.reason, d.batch = hold, j.By, v.dispute(j), other.Batch
	default:
		d.verb, d.reason = wait, v.dispute(j)
		d.edge = claims.Edge{By: j.By, Owned: j.Owned, First: d.mark.First}
		return v.breakCycle(d)
	}
	return d
}

// examine loads a mark with its change and reports whether it is still open what to do about it.
func (v view) examine(uuid schema.UUID) (decision, bool) {
	m, ok := v.h.Mark(uuid)
	d := decision{verb: skip, mark: m, change: schema.Change{UUID: uuid}}
	_, busy := v.w.busy[uuid]
	switch {
	case !ok || busy || m.Generation > v.tx.State().Generation || m.Class == store.Parked || m.Class == store.Held:
		return d, false
	case m.Class == store.Retry && v.due(m).After(time.Now()):
		d.verb, d.at = later, v.due(m)
		return d, false
	case m.Target != "" && !v.w.targets.Admits(m.Target, uuid):
		d.verb, d.down = rest, m.Target
		return d, false
	}
	v.load(&d)
	if d.err == nil {
		d.takes, d.err = v.w.takes(d.change)
	}
	if _, departed := v.departed(d.change, d.claims); departed && d.err == nil {
		d.takes = true
	}
	dn, outside := v.tx.Outside(uuid)
	switch {
	case d.err != nil:
		d.verb = fail
	case outside && v.w.mayMatch(d.change.Old): // else the handler does not care for it any more, wherever it is
		d.verb, d.reason = park, "out of scope: "+dn+" has left the base or may not be read"
	case d.idle(v.doubt(m)), v.unconcerned(d):
		d.verb = acknowledge
	case m.Batch != "" && !m.Approved && (d.takes || v.paired(m)):
		batch, _ := v.tx.Batch(m.Batch)
		d.verb, d.batch, d.reason = hold, m.Batch, batch.Reason
	default:
		return d, true
	}
	return d, false
}

// deadline is when a mark is due that failed, as time.Now tells it; next says of which failure.
type deadline struct{ next, at time.Time }

// due says when a mark is due that failed. Only a restart goes by the wall clock, which may have jumped: then it is early by
// no more than its pause, and late by none.
func (v view) due(m store.Mark) time.Time {
	if d, ok := v.w.retries[m.UUID]; ok && d.next.Equal(m.Next) {
		return d.at
	}
	left := m.Next.Sub(v.w.l.cfg.Now())
	return time.Now().Add(min(max(left, 0), m.Delay))
}

func (v view) load(d *decision) {
	acked := v.h.Acked(d.change.UUID)
	d.change.Old, d.owned = acked.Entry, acked.Claims
	if d.change.Old == nil {
		d.change.Old = d.mark.Before
	}
	d.change.New, d.claims, d.err = v.w.target(v.tx.Entry(d.change.UUID))
}

// doubt reports whether an unacknowledged call for the entry may have had an effect.
func (v view) doubt(m store.Mark) bool {
	_, tried := v.w.tried[m.UUID]
	return m.Doubt || tried
}

// idle reports whether the handler need not be called: it has acknowledged just this, nothing may have happened since,
// and nobody asks it to do it again.
func (d decision) idle(doubt bool) bool {
	if doubt {
		return false // also for an entry that came and went: what a lost call made for it must go
	}
	if d.mark.Resync || d.mark.SetAside {
		return d.change.Old == nil && d.change.New == nil
	}
	owned := !slices.ContainsFunc(d.claims, func(r string) bool { return !slices.Contains(d.owned, r) })
	return d.change.Old.Equal(d.change.New) && owned
}

// unconcerned reports whether the handler need not be called because what has changed is nothing that it reads.
func (v view) unconcerned(d decision) bool {
	again := v.doubt(d.mark) || d.mark.Resync || d.mark.SetAside
	return v.w.differ != nil && !again && d.change.Old != nil && d.change.New != nil && !v.w.differs(d.change)
}

// proceed lets a change pass the brake, or stops it; what is down keeps it from being called.
func (v view) proceed(d decision, verb verb) decision {
	d.verb = verb
	if d.takes && !d.mark.Approved && !d.mark.Checked {
		if reason, over := v.overLimit(); over {
			d.verb, d.reason, d.batch = hold, reason, ""
			return d
		}
	}
	d.targets = v.w.needs(d.change)
	for _, name := range d.targets {
		if !v.w.targets.Admits(name, d.change.UUID) {
			d.verb, d.down = rest, name
		}
	}
	return d
}

// breakCycle turns a wait that would never end into setting one of those aside who wait for each other.
func (v view) breakCycle(d decision) decision {
	members, pivot := v.w.claims.Cycle(d.change.UUID, d.edge)
	if members == nil {
		return d
	}
	if v.w.aside == nil {
		d.verb, d.by = park, d.edge.By
		d.reason = "claims go in a circle, which the handler cannot break: " + v.names(members)
		return d
	}
	m, ok := v.h.Mark(pivot)
	if !ok {
		return d
	}
	other := decision{mark: m, change: schema.Change{UUID: pivot}, edge: d.edge}
	v.load(&other)
	if other.err == nil {
		other.takes, other.err = v.w.takes(other.change)
	}
	if other.err != nil {
		other.verb = fail
		return other
	}
	return v.proceed(other, setAside)
}

// dispute says in words who is in the way of whom.
func (v view) dispute(j claims.Judgement) string {
	name := v.name(j.By)
	m, _ := v.h.Mark(j.By)
	has := "has"
	if j.Maybe {
		has = "may have"
	}
	switch {
	case j.Conflict && j.Owned, j.Conflict && j.Stand == claims.Clean:
		return fmt.Sprintf("%s is owned by %s, which claims it as well", j.Resource, name)
	case j.Conflict:
		return fmt.Sprintf("%s is claimed by %s as well, which comes first", j.Resource, name)
	case j.Stand == claims.Parked:
		return fmt.Sprintf("waits for %s, which %s %s and is parked: %s", name, has, j.Resource, m.Reason)
	case j.Stand == claims.Held:
		return fmt.Sprintf("waits for %s, which %s %s and is held", name, has, j.Resource)
	default:
		return fmt.Sprintf("waits for %s, which %s %s", name, has, j.Resource)
	}
}

// name returns the newest known DN of an entry.
func (v view) name(uuid schema.UUID) string {
	if e := v.tx.Entry(uuid); e != nil {
		return e.DN
	}
	if e := v.h.Acked(uuid).Entry; e != nil {
		return e.DN
	}
	if dn, ok := v.tx.Outside(uuid); ok {
		return dn
	}
	return uuid.String()
}

func (v view) names(uuids []schema.UUID) string {
	var list []string
	for _, uuid := range uuids {
		list = append(list, v.name(uuid))
	}
	return strings.Join(list, ", ")
}

// Owner, User, Rivals and Party make the view a claims.View.
func (v view) Owner(resource string) (schema.UUID, bool) { return v.h.Owner(resource) }

func (v view) User(resource string) (schema.UUID, bool) {
	return v.w.claims.User(resource)
}

func (v view) Rivals(resource string) []schema.UUID {
	return v.w.claims.Rivals(resource)
}

func (v view) Party(uuid schema.UUID) claims.Party {
	entry := v.tx.Entry(uuid)
	var p claims.Party
	if entry != nil {
		p.Created = entry.First("createTimestamp")
	}
	m, dirty := v.h.Mark(uuid)
	_, busy := v.w.busy[uuid]
	p.Due, p.Tried = claims.Moment{Generation: m.Generation, Known: m.Known}, trials(m)
	switch {
	case dirty && m.Class == store.Parked:
		p.Stand = claims.Parked
	case dirty && m.Class == store.Held:
		p.Stand = claims.Held
	case dirty || busy:
		p.Stand = claims.Active
	}
	if _, outside := v.tx.Outside(uuid); outside {
		p.Wants = v.h.Acked(uuid).Claims
		return p
	}
	_, p.Wants, _ = v.w.target(entry)
	return p
}

func trials(m store.Mark) map[string]claims.Moment {
	if len(m.Tried) == 0 {
		return nil
	}
	tried := map[string]claims.Moment{}
	for _, t := range m.Tried {
		tried[t.Resource] = claims.Moment{Generation: t.Generation, Known: t.Known}
	}
	return tried
}
