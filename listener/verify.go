package listener

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/mailreg/mailreg/listener/store"
	"github.com/mailreg/mailreg/schema"
)

// remember returns what is known of an entry that seems to be gone: its last DN. It reports whether there is anything to
// lose.
func (l *Listener) remember(tx *store.Tx, uuid schema.UUID) (finding, bool) {
	f := finding{uuid: uuid}
	known := false
	for _, w := range l.workers {
		h := tx.Handler(w.name)
		if acked := h.Acked(uuid); acked.Entry != nil {
			f.dn, f.known, known = acked.Entry.DN, acked.Entry, true
			if w.loser != nil {
				f.losers = append(f.losers, loss{w, acked.Entry})
			}
		}
		if _, dirty := h.Mark(uuid); dirty {
			known = true
		}
	}
	if entry := tx.Entry(uuid); entry != nil {
		f.dn, f.known, known = entry.DN, entry, true
	}
	return f, known
}

// doubtful picks the findings to be looked up: entries that went away, and entries that a handler has acknowledged and
// does not match any more.
func (l *Listener) doubtful(tx *store.Tx, findings []finding) []finding {
	var list []finding
	for _, f := range findings {
		if f.entry != nil && !l.lost(tx, f.entry) || f.unreadable != "" {
			continue
		}
		if known, ok := l.remember(tx, f.uuid); ok {
			list = append(list, known)
		}
	}
	return list
}

func (l *Listener) lost(tx *store.Tx, entry *schema.Entry) bool {
	for _, w := range l.workers {
		h := tx.Handler(w.name)
		_, dirty := h.Mark(entry.UUID)
		if (dirty || h.HasAcked(entry.UUID)) && !w.mayMatch(entry) || w.loses(tx, entry) {
			return true
		}
	}
	return false
}

// loses reports whether the handler would give up something because an entry has lost an attribute.
func (w *worker) loses(tx *store.Tx, entry *schema.Entry) bool {
	if w.loser == nil || entry == nil {
		return false
	}
	acked := tx.Handler(w.name).Acked(entry.UUID).Entry
	return acked != nil && len(loss{w, acked}.attributes(entry)) > 0
}

// loss is what a handler has acknowledged of an entry, to see what the entry has lost.
type loss struct {
	w     *worker
	acked *schema.Entry
}

// attributes names what the handler would give up. A handler that panics will do so again when it is called.
func (l loss) attributes(entry *schema.Entry) (names []string) {
	_ = safely(func() error {
		names = l.w.loser.Loses(schema.Change{UUID: entry.UUID, Old: l.acked, New: entry})
		return nil
	})
	return names
}

// hides reports whether the provider does not confirm that an entry lacks what it seems to have lost.
func (l *Listener) hides(ctx context.Context, f finding, entry *schema.Entry) (string, error) {
	for _, loser := range f.losers {
		for _, name := range loser.attributes(entry) {
			gone, err := l.cfg.Probe.Lacks(ctx, entry.DN, name, loser.acked.First(name))
			if err != nil {
				return "", fmt.Errorf("verifying that %s has no %s: %w", entry.DN, name, err)
			}
			if !gone {
				return name, nil
			}
		}
	}
	return "", nil
}

// verify asks the provider about each of the findings, on its own connection. Without an answer to every question there
// is none at all.
func (l *Listener) verify(ctx context.Context, findings []finding) (map[schema.UUID]finding, error) {
	answers := make(map[schema.UUID]finding, len(findings))
	vantage := l.vantage()
	for _, f := range findings {
		l.health.again()
		if f.known != nil && f.known.First(schema.AttrEntryCSN) != "" {
			if err := vantage.look(ctx); err != nil {
				return nil, err
			}
		}
		verdict, entry, err := l.cfg.Probe.Verify(ctx, f.uuid, f.dn)
		if err != nil {
			return nil, fmt.Errorf("verifying that %s has gone: %w", f.dn, err)
		}
		hidden := ""
		if verdict == InScope && len(f.losers) > 0 {
			if hidden, err = l.hides(ctx, f, entry); err != nil {
				return nil, err
			}
		}
		answer := finding{uuid: f.uuid, dn: f.dn}
		switch {
		case (verdict == Deleted || older(entry, f.known)) && vantage.behind(f.known):
			answer.kept, answer.entry = true, f.known
		case hidden != "":
			verdict, answer.outside = OutOfScope, true
		case verdict == OutOfScope:
			answer.outside = true
		case verdict == InScope && l.inReplica(entry):
			answer.entry = entry
		}
		level := slog.LevelDebug // as it seemed
		if verdict == OutOfScope || l.matched(entry) {
			level = slog.LevelInfo
		}
		l.log.Log(ctx, level, "looked up an entry that seems gone", "op", "verify", "dn", f.dn, "uuid", f.uuid.String(),
			"verdict", verdict.String(), "hidden", hidden)
		answers[f.uuid] = answer
	}
	return answers, nil
}

// inReplica reports whether an entry found by UUID belongs into the replica. One that left the filter does not: its
// handlers see it go, as if the address had been removed.
func (l *Listener) inReplica(entry *schema.Entry) bool {
	return l.cfg.InFilter != nil && l.cfg.InFilter(entry) || l.matched(entry)
}

// matched reports whether a handler cares for an entry.
func (l *Listener) matched(entry *schema.Entry) bool {
	for _, w := range l.workers {
		if w.mayMatch(entry) {
			return true
		}
	}
	return false
}
