package page

import (
	"cmp"
	"context"
	"fmt"
	"html/template"
	"time"

	"github.com/mailreg/mailreg/listener"
	"github.com/mailreg/mailreg/listener/control"
)

// view is what the page shows, every text as it is to be read.
type view struct {
	Style         template.CSS
	Host, Version string
	Ready         bool
	Reasons       []string
	Notes         []string
	Source        []row
	Handlers      []handler
	Held          []held
	Parked        []parked
	// MoreParked is how many parked entries are not shown.
	MoreParked int
	Actions    []shown
	Generation string
	Now        string
}

// row is a name with a value.
type row struct{ Name, Value string }

// handler is one handler. Waiting is how long the oldest change has been waiting, State what is wrong with the handler.
type handler struct {
	Name                                        string
	Pending, Running, Retrying, Parked, Held    int
	Waiting, Success, SuccessAt, Error, ErrorAt string
	// Troubles are why it does not get on: a person has paused it, targets are down.
	Troubles []string
}

// held is a batch with its first entries.
type held struct {
	ID, Handler, Reason, Since string
	Count                      int
	Entries                    []string
	More                       int
}

// parked is an entry that waits for a person.
type parked struct{ ID, Handler, DN, Reason, Since string }

// shown is an action.
type shown struct{ Time, Date, Handler, Op, DN, Outcome, Class, Took, Reason string }

// The number of parked entries, and of the entries of a held batch, that are shown.
const (
	maxParked = 100
	maxHeld   = 10
)

// gather asks for the state.
func (p *Page) gather(ctx context.Context) (view, error) {
	s, err := p.cfg.API.Status(ctx)
	if err != nil {
		return view{}, err
	}
	parkedList, err := p.cfg.API.Parked(ctx)
	if err != nil {
		return view{}, err
	}
	heldList, err := p.cfg.API.Held(ctx)
	if err != nil {
		return view{}, err
	}
	now := p.cfg.Now()
	v := view{
		Style: template.CSS(pageCSS), Host: p.cfg.Host, Version: p.cfg.Version, Ready: s.Ready,
		Reasons: cutAll(s.Reasons), Notes: cutAll(s.Notes), Source: sourceRows(s, now), Generation: "none yet", Now: clock(now),
	}
	if id, at := p.cfg.Generation(); id > 0 {
		v.Generation = fmt.Sprintf("transaction %d, %s", id, ago(at, now))
	}
	for _, h := range s.Handlers {
		v.Handlers = append(v.Handlers, handlerOf(h, now))
	}
	for _, h := range heldList {
		v.Held = append(v.Held, heldOf(h, now))
	}
	v.MoreParked = max(0, len(parkedList)-maxParked)
	for _, e := range parkedList[:min(len(parkedList), maxParked)] {
		v.Parked = append(v.Parked, parked{e.ID, e.Handler, cut(e.DN), reason(e.Reason, e.DN), ago(e.Since, now)})
	}
	for _, a := range p.cfg.Recent.last() {
		v.Actions = append(v.Actions, actionOf(a))
	}
	return v, nil
}

// sourceRows tell of the provider and of the replica.
func sourceRows(s control.Status, now time.Time) []row {
	rows := []row{
		{"Provider", cut(s.Source.URL)},
		{"Protocol", s.Source.Kind},
		{"Session", phases[s.Source.Phase]},
		{"Last message", ago(s.Source.LastMessage.Time, now)},
		{"Behind", behind(s.Source.Lag)},
		{"Position stored", ago(s.Source.PositionStored.Time, now)},
		{"Entries", grouped(s.Entries)},
		{"Store", megabytes(s.Store.Bytes)},
	}
	if s.Source.Phase == "refresh" {
		rows[2].Value += ", " + grouped(s.Source.RefreshEntries) + " entries so far"
	}
	if s.Source.LastError != "" {
		rows = append(rows, row{"Last error", cut(s.Source.LastError)})
	}
	return rows
}

// behind says for how long the provider has been ahead.
func behind(seconds float64) string {
	if seconds < 1 {
		return "no"
	}
	return "for " + rough(time.Duration(seconds*float64(time.Second)))
}

// phases are the phases of a session in words.
var phases = map[string]string{
	"connecting": "connecting", "refresh": "catching up", "persist": "following", "down": "down",
}

func handlerOf(h control.HandlerStatus, now time.Time) handler {
	v := handler{
		Name: h.Name, Pending: h.Pending, Running: h.Running, Retrying: h.Retrying, Parked: h.Parked, Held: h.Held,
		Success: ago(h.LastSuccess.Time, now), SuccessAt: stamp(h.LastSuccess.Time), Error: cut(h.LastError),
	}
	if !h.Paused.IsZero() {
		v.Troubles = append(v.Troubles, "Paused "+ago(h.Paused.Time, now)+": mailreg listener resume "+h.Name)
	}
	for _, t := range h.Targets {
		v.Troubles = append(v.Troubles, cut(fmt.Sprintf("%s has been down for %s, waiting: %d: %s", t.Name, rough(now.Sub(t.Since.Time)), t.Waiting, t.Reason)))
	}
	if h.LastError != "" {
		v.ErrorAt = ago(h.LastErrorAt.Time, now)
	}
	if !h.Oldest.IsZero() {
		v.Waiting = rough(now.Sub(h.Oldest.Time))
	}
	return v
}

func heldOf(h control.Held, now time.Time) held {
	v := held{ID: h.ID, Handler: h.Handler, Reason: cut(h.Reason), Since: ago(h.Since, now), Count: h.Count}
	for _, e := range h.Entries[:min(len(h.Entries), maxHeld)] {
		v.Entries = append(v.Entries, cut(cmp.Or(e.DN, e.UUID.String())))
	}
	v.More = len(h.Entries) - len(v.Entries)
	return v
}

// outcomes are the outcomes in words, with the class that colours them.
var outcomes = map[listener.Outcome][2]string{
	listener.Done: {"done", "good"}, listener.Retried: {"tried again", "wait"}, listener.Down: {"target down", "wait"},
	listener.Parked: {"parked", "bad"}, listener.Held: {"held", "bad"},
}

func actionOf(a action) shown {
	words := outcomes[a.Outcome]
	v := shown{
		Time: a.Time.UTC().Format("15:04:05"), Date: stamp(a.Time), Handler: a.Handler, Op: a.Op,
		DN: a.DN, Outcome: words[0], Class: words[1], Reason: a.Reason,
	}
	if a.Called {
		v.Took = short(a.Took)
	}
	return v
}

func cutAll(texts []string) []string {
	var list []string
	for _, t := range texts {
		list = append(list, cut(t))
	}
	return list
}
