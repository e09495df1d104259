package listener

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/mailreg/mailreg/listener/store"
	"github.com/mailreg/mailreg/schema"
)

// refresh is the first part of a session. Its entries are written as they come, with marks of the next generation, which
// are not due before the end of the refresh is stored; killed in between, the next session repeats it from the old
// cookie, or from the beginning. What it says is gone counts only at its end, and only after a second look.
type refresh struct {
	// seen holds every entry that was mentioned as existing, true when it was sent with its name.
	seen map[schema.UUID]bool
	gone map[schema.UUID]struct{}
	// begun is when it began.
	begun time.Time
	// content has not been written yet.
	content []*schema.Entry
	// weight is that of content in bytes.
	weight int64
	// containers are written at the end, together with the names of what is below them: written earlier, a crash would hide
	// that they were renamed.
	containers []*schema.Entry
	// unreadable are entries that exist and cannot be taken in.
	unreadable map[schema.UUID]finding
}

func newRefresh() *refresh {
	return &refresh{begun: time.Now(), seen: map[schema.UUID]bool{}, gone: map[schema.UUID]struct{}{}, unreadable: map[schema.UUID]finding{}}
}

func (r *refresh) add(event Event) {
	switch event.Kind {
	case Content:
		r.exists(event.Entry.UUID, true)
		if schema.IsContainer(event.Entry) {
			r.containers = append(r.containers, event.Entry)
		} else {
			r.content = append(r.content, event.Entry)
			r.weight += weight(event)
		}
	case Present:
		for _, uuid := range event.UUIDs {
			r.exists(uuid, false)
		}
	case Unreadable:
		f := unreadable(event)
		r.exists(f.uuid, false)
		r.unreadable[f.uuid] = f
	case Gone:
		for _, uuid := range event.UUIDs {
			delete(r.seen, uuid)
			delete(r.unreadable, uuid)
			r.gone[uuid] = struct{}{}
		}
	}
}

func (r *refresh) exists(uuid schema.UUID, sent bool) {
	r.seen[uuid] = r.seen[uuid] || sent
	delete(r.gone, uuid)
	if sent {
		delete(r.unreadable, uuid)
	}
}

// A refresh is written in transactions of about so many entries or bytes. Nobody waits for its parts, and entries come in
// no order, so that each transaction touches a page of the store for nearly every entry: larger ones write fewer.
const (
	refreshEntries = 1024
	refreshBytes   = 4 << 20
)

// full reports whether what has come is to be written now.
func (r *refresh) full() bool { return len(r.content) >= refreshEntries || r.weight >= refreshBytes }

// writeRefresh writes the content that has come.
func (in *intake) writeRefresh(ctx context.Context) error {
	if len(in.refresh.content) == 0 {
		return nil
	}
	content, err := in.timely(ctx, in.refresh.content)
	if err != nil {
		return err
	}
	in.refresh.content, in.refresh.weight = nil, 0
	return in.l.update(func(e *edit) error {
		for _, entry := range content {
			e.record(finding{uuid: entry.UUID, entry: entry}, e.tx.State().Generation+1)
		}
		return nil
	})
}

// endRefresh looks for what has gone, asks the provider about each of it, lets the brake look at what the refresh would
// do, and makes all its marks due in the transaction that stores the cookie.
func (in *intake) endRefresh(ctx context.Context, end Event) error {
	l := in.l
	var candidates []finding
	strange := false
	err := l.store.View(func(tx *store.Tx) (err error) {
		candidates, err = in.candidates(tx, end.Snapshot)
		strange = !end.Snapshot && slices.ContainsFunc(in.refresh.containers, func(c *schema.Entry) bool { return hasCome(tx, c) })
		return err
	})
	if err != nil {
		return err
	}
	verified, err := l.verify(ctx, candidates)
	if err != nil {
		return err
	}
	if err := in.contradicted(verified, end); err != nil {
		return err
	}
	if in.refresh.containers, err = in.timely(ctx, in.refresh.containers); err != nil {
		return err
	}
	moved := 0
	err = l.update(func(e *edit) error {
		state := e.tx.State()
		moved = in.conclude(e, candidates, verified)
		e.takeUnreadable(in.refresh.unreadable, state.Generation+1)
		for _, w := range l.workers {
			e.brake(w, state.Generation+1)
		}
		state.Generation++
		state.Cautious = false
		e.anew = l.workers
		cookie := end.Cookie
		if len(cookie) == 0 {
			cookie = in.from // nothing has changed
		}
		state.SetCookie(in.fingerprint, cookie)
		e.persists = true
		return nil
	})
	if err != nil {
		return err
	}
	l.cfg.Observer.Refreshed(Refresh{Entries: len(in.refresh.seen), Took: time.Since(in.refresh.begun)})
	in.refresh = nil
	in.connected()
	l.advanced()
	l.doubtNames(strange, moved)
	if in.away && !end.Snapshot && len(in.from) > 0 {
		l.suspectMemory()
	}
	l.log.Info("follows the directory", "op", "follow", "url", l.getSession().url)
	refused := ""
	l.setSession(func(s *sessionState) {
		s.phase, s.err, s.ended, s.origin.persists = phasePersist, nil, in.serial, true
		if s.reload == in.fingerprint {
			s.reload = ""
		}
		if s.fallen == in.fingerprint {
			s.fallen = ""
		}
		if len(s.alarms) == in.alarms {
			s.alarms = nil // none was added
		}
		refused, s.refused = s.refused, ""
	})
	if refused != "" {
		l.suspect(refused)
	}
	return nil
}

// conclude writes what the refresh says of its candidates and of the containers, and the names of what lies below those. It
// returns how many entries got another name by that.
func (in *intake) conclude(e *edit, candidates []finding, verified map[schema.UUID]finding) int {
	generation := e.tx.State().Generation + 1
	var moves []relocation
	write := func(f finding) {
		if move, renamed := e.renamed(f.entry); renamed {
			moves = append(moves, move)
		}
		e.record(f, generation)
	}
	for _, f := range candidates {
		write(verified[f.uuid])
	}
	for _, c := range in.refresh.containers {
		if _, asked := verified[c.UUID]; !asked && in.refresh.seen[c.UUID] { // else it has gone since
			write(finding{uuid: c.UUID, entry: c})
		}
	}
	return e.relocate(moves, generation, func(uuid schema.UUID) bool {
		_, asked := verified[uuid]
		return asked || in.refresh.seen[uuid]
	})
}

// anyOwner reports whether one of the entries owns something, or may. Those that own nothing, such as the containers above
// a host, are there also when everything that counts is hidden.
func (l *Listener) anyOwner(tx *store.Tx, uuids iter.Seq[schema.UUID]) bool {
	owner := func(w *worker) bool { return w.claimer != nil }
	all := !slices.ContainsFunc(l.workers, owner)
	for uuid := range uuids {
		if all {
			return true
		}
		for _, w := range l.workers {
			if owner(w) && (tx.Handler(w.name).HasAcked(uuid) || w.mayMatch(tx.Entry(uuid))) {
				return true
			}
		}
	}
	return false
}

// manyStrangers is the number of entries beyond which a full load is quicker than looking them up.
const manyStrangers = 10000

// candidates lists what the refresh has not shown, or shown without what a handler had acknowledged, and what was out of
// reach before; also what it calls unchanged and is not known here, as when an access rule has come to show it. A snapshot without a single entry that owns something is not believed.
func (in *intake) candidates(tx *store.Tx, snapshot bool) ([]finding, error) {
	ids := maps.Clone(in.refresh.gone)
	strangers := map[schema.UUID]bool{}
	if snapshot {
		for uuid, sent := range in.refresh.seen {
			if !sent && !tx.HasEntry(uuid) {
				ids[uuid], strangers[uuid] = struct{}{}, true
			}
		}
		if len(strangers) > manyStrangers {
			return nil, fmt.Errorf("%w: it says of %d entries that they are as before, which were never here", ErrCookie, len(strangers))
		}
		for uuid := range tx.EntryIDs() {
			if _, ok := in.refresh.seen[uuid]; !ok {
				ids[uuid] = struct{}{}
			}
		}
		if in.l.anyOwner(tx, tx.EntryIDs()) && !in.l.anyOwner(tx, maps.Keys(in.refresh.seen)) {
			return nil, errEmpty
		}
	}
	if !snapshot {
		told := func(uuid schema.UUID) bool { _, gone := ids[uuid]; return gone || in.refresh.seen[uuid] }
		for _, uuid := range orphans(tx, slices.Collect(maps.Keys(ids)), told) {
			ids[uuid] = struct{}{}
		}
	}
	for uuid := range tx.Outsiders() {
		ids[uuid] = struct{}{}
	}
	for _, c := range in.refresh.containers {
		if in.l.lost(tx, c) {
			ids[c.UUID] = struct{}{}
		}
	}
	for _, w := range in.l.workers {
		h := tx.Handler(w.name)
		for m := range h.Marks() {
			if m.Generation <= tx.State().Generation || !remembers(h, m.UUID) {
				continue
			}
			if entry := tx.Entry(m.UUID); !w.mayMatch(entry) || w.loses(tx, entry) {
				ids[m.UUID] = struct{}{}
			}
		}
	}
	sorted := slices.SortedFunc(maps.Keys(ids), schema.UUID.Compare)
	var list []finding
	for _, uuid := range sorted {
		if f, known := in.l.remember(tx, uuid); known || strangers[uuid] {
			list = append(list, f)
		}
	}
	return list, nil
}
