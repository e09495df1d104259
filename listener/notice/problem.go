// Package notice tells a person what waits for one: what the brake holds, what is parked, and that the listener is not in
// step. It also tells when that is over. What comes and goes between two looks is not told.
package notice

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/mailreg/mailreg/listener/control"
)

// API is what is asked.
type API interface {
	Status(ctx context.Context) (control.Status, error)
	Parked(ctx context.Context) ([]control.Parked, error)
	Held(ctx context.Context) ([]control.Held, error)
}

// The kinds of problems.
const (
	Held    = "held"
	Parked  = "parked"
	Stalled = "stalled"
)

// Problem is one thing that a person should know of.
type Problem struct {
	// Kind is held, parked or stalled; ID is what it is called by on the command line, "" when stalled.
	Kind    string `json:"kind"`
	ID      string `json:"id,omitempty"`
	Handler string `json:"handler,omitempty"`
	// DN is that of a parked entry.
	DN string `json:"dn,omitempty"`
	// Count is the number of entries of a held batch.
	Count  int       `json:"count,omitempty"`
	Reason string    `json:"reason"`
	Since  time.Time `json:"since"`
}

// key tells problems apart; their reasons may change.
func (p Problem) key() string { return p.Kind + " " + p.ID }

// look asks for all problems there are, the gravest kind first, each kind in the order of age.
func look(ctx context.Context, api API, now time.Time) []Problem {
	stalled := func(why string) Problem { return Problem{Kind: Stalled, Reason: why, Since: now} }
	status, err := api.Status(ctx)
	if err != nil {
		return []Problem{stalled("the state of the listener is not known: " + err.Error())}
	}
	var list []Problem
	if !status.Ready {
		list = append(list, stalled(strings.Join(status.Reasons, "; ")))
	}
	held, err := api.Held(ctx)
	if err != nil {
		return []Problem{stalled("what is held is not known: " + err.Error())}
	}
	for _, h := range held {
		list = append(list, Problem{Kind: Held, ID: h.ID, Handler: h.Handler, Count: h.Count, Reason: h.Reason, Since: h.Since})
	}
	parked, err := api.Parked(ctx)
	if err != nil {
		return []Problem{stalled("what is parked is not known: " + err.Error())}
	}
	slices.SortStableFunc(parked, func(a, b control.Parked) int { return cmp.Compare(a.Since.UnixNano(), b.Since.UnixNano()) })
	for _, p := range parked {
		list = append(list, Problem{Kind: Parked, ID: p.ID, Handler: p.Handler, DN: p.DN, Reason: p.Reason, Since: p.Since})
	}
	return list
}
