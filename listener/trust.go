package listener

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/mailreg/mailreg/listener/csn"
	"github.com/mailreg/mailreg/listener/store"
	"github.com/mailreg/mailreg/schema"
)

// older reports whether one state of an entry is older than another one by the CSNs of their last changes.
func older(a, than *schema.Entry) bool {
	return a != nil && than != nil && csn.Older(a.First(schema.AttrEntryCSN), than.First(schema.AttrEntryCSN))
}

// behind reports whether a provider that has come to a position cannot have seen the last change of an entry. What it says of
// the entry, or that it has none, is no news then.
func behind(position []string, e *schema.Entry) bool {
	return e != nil && csn.Behind(position, e.First(schema.AttrEntryCSN))
}

// vantage is what decides whether the word of a provider counts. It asks for the position once, and only when it has to.
type vantage struct {
	l *Listener
	// any is set when its word counts although it is older.
	any      bool
	asked    bool
	position []string
	// lags counts what did not count.
	lags int
}

func (l *Listener) vantage() *vantage { return &vantage{l: l, any: l.getSession().rewound} }

// look learns the position. It must come before the question whose answer is judged: what the provider learns in between
// would make that look like its last word.
func (v *vantage) look(ctx context.Context) (err error) {
	if v.any || v.asked {
		return nil
	}
	if v.position, err = v.l.cfg.Probe.Position(ctx); err != nil {
		return fmt.Errorf("asking how far the directory is: %w", err)
	}
	v.asked = true
	return nil
}

// behind reports whether the provider cannot know of the state in which we know the entry.
func (v *vantage) behind(known *schema.Entry) bool {
	if v.any || !behind(v.position, known) {
		return false
	}
	if v.lags++; v.lags == 1 {
		v.l.alarm(fmt.Sprintf("%s lags behind what was seen before, of %q for one: what it does not know yet is kept", v.l.getSession().url, known.DN))
	}
	return true
}

// timely leaves out content that is older than what is known and comes from a provider that cannot know better.
func (in *intake) timely(ctx context.Context, content []*schema.Entry) ([]*schema.Entry, error) {
	known := map[schema.UUID]*schema.Entry{}
	err := in.l.store.View(func(tx *store.Tx) error {
		for _, entry := range content {
			if e := tx.Entry(entry.UUID); older(entry, e) {
				known[entry.UUID] = e
			}
		}
		return nil
	})
	if err != nil || len(known) == 0 {
		return content, err
	}
	v := in.l.vantage()
	if err := v.look(ctx); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(content, func(entry *schema.Entry) bool {
		return older(entry, known[entry.UUID]) && v.behind(known[entry.UUID])
	}), nil
}

// timelyFindings does so with what a running session has said.
func (in *intake) timelyFindings(ctx context.Context, findings []finding) ([]finding, error) {
	var content []*schema.Entry
	for _, f := range findings {
		if f.entry != nil {
			content = append(content, f.entry)
		}
	}
	kept, err := in.timely(ctx, slices.Clone(content))
	if err != nil || len(kept) == len(content) {
		return findings, err
	}
	return slices.DeleteFunc(findings, func(f finding) bool { return f.entry != nil && !slices.Contains(kept, f.entry) }), nil
}

// distrust tells when a running session has said of several entries at once that they have gone and the provider still has
// them. One may have come back in between.
func (l *Listener) distrust(findings []finding, verified map[schema.UUID]finding) {
	count, example := 0, ""
	for _, f := range findings {
		if v := verified[f.uuid]; f.entry == nil && v.entry != nil && !v.kept && l.cfg.InFilter != nil && l.cfg.InFilter(v.entry) {
			count++
			example = v.entry.DN
		}
	}
	if count >= 3 {
		l.alarm(fmt.Sprintf("the server has said that %d entries are gone which it still has, such as %q", count, example))
	}
}

// contradicted compares what a refresh has said to be gone with what the provider answers for each. What it still has is not
// gone, but it has not told all: a session that went on from a cookie begins anew without one, for it may have kept changes
// back as well. One without a cookie cannot do better; what the answers have shown is kept.
func (in *intake) contradicted(verified map[schema.UUID]finding, end Event) error {
	count, example := 0, ""
	for uuid, f := range verified {
		_, named := in.refresh.gone[uuid]
		_, seen := in.refresh.seen[uuid]
		if !named && (seen || !end.Snapshot) || f.entry == nil || f.kept {
			continue
		}
		if in.l.cfg.InFilter != nil && in.l.cfg.InFilter(f.entry) {
			count++
			example = max(example, f.entry.DN)
		}
	}
	if count == 0 {
		return nil
	}
	text := fmt.Sprintf("the refresh has left out %d entries that the server still has, such as %q", count, example)
	in.l.alarm(text)
	if len(in.from) > 0 {
		return fmt.Errorf("%w: %s", ErrCookie, text)
	}
	return nil
}

// takeUnreadable records the entries that a refresh could not read.
func (e *edit) takeUnreadable(found map[schema.UUID]finding, generation uint64) {
	for _, uuid := range slices.SortedFunc(maps.Keys(found), schema.UUID.Compare) {
		e.record(found[uuid], generation)
	}
}
