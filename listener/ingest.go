package listener

import (
	"context"
	"fmt"
	"slices"

	"github.com/mailreg/mailreg/listener/store"
	"github.com/mailreg/mailreg/schema"
)

// intake takes in the events of one session.
type intake struct {
	l *Listener
	// refresh is nil once the refresh has ended.
	refresh *refresh
	serial  uint64
	origin
	connected func()
	// away is set when the session before did not end by our will, or was one of another run: since then the provider may have
	// been started anew.
	away bool
	// alarms is how many there were when the session began, -1 when it is the answer to one of them.
	alarms int
}

// open connects, and finds the cookie to go on from: that of what was reached, unless the last session with it failed
// because of the cookie, or another provider has overwritten what it stands for.
func (l *Listener) open(ctx context.Context) (*intake, []byte, error) {
	in := &intake{l: l, refresh: newRefresh()}
	place, reload := "", ""
	select {
	case <-l.stalls: // it was about the last session
	default:
	}
	l.setSession(func(s *sessionState) {
		if !s.between {
			s.phase, s.url = phaseConnecting, l.cfg.URL
		}
		s.begun++
		in.away, s.away = s.away || s.begun == 1, false
		s.taken = s.heard // what the last session had read and not written does not count any more
		in.serial, reload, in.alarms = s.begun, s.reload, len(s.alarms)
	})
	if source, ok := l.cfg.Source.(Connecter); ok {
		url, err := source.Connect(ctx)
		if err != nil {
			return nil, nil, err
		}
		place = url
		kind := l.cfg.Kind
		if chooser, ok := source.(Chooser); ok {
			chosen, identity := chooser.Chosen()
			kind, place = chosen, url+"\n"+chosen+" by "+identity
		}
		l.setSession(func(s *sessionState) { s.url, s.kind = url, kind })
	}
	in.fingerprint = store.Fingerprint(l.cfg.Fingerprint, place)
	err := l.store.View(func(tx *store.Tx) error {
		slot := tx.State().Slot(in.fingerprint)
		if slot != nil && !slot.Suspended && reload != in.fingerprint {
			in.from = slot.Cookie
		}
		return nil
	})
	l.setSession(func(s *sessionState) {
		if s.phase == phaseConnecting {
			s.phase = phaseRefresh // from here on it is watched: the provider may never begin to answer
		}
		s.origin = in.origin
		s.rewound = s.fallen == in.fingerprint
		if s.reload == in.fingerprint {
			in.alarms = -1
		}
	})
	return in, in.from, err
}

// run returns nil when the events are over.
func (in *intake) run(ctx context.Context, events *ahead) error {
	for {
		kick := in.l.kick
		if in.refresh != nil {
			kick = nil // a refresh is not cut short; who asks for another gets it afterwards
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-kick:
			return errRestart
		case err := <-in.l.stalls:
			return err
		case event, ok := <-events.events:
			if !ok {
				return in.rest(ctx)
			}
			in.l.health.beat()
			batch := events.drain(event)
			room := weigh(batch)
			err := in.take(ctx, batch)
			events.free(room)
			in.l.took(len(batch))
			in.l.health.rest()
			if err != nil {
				return err
			}
		}
	}
}

func (in *intake) take(ctx context.Context, batch []Event) error {
	for len(batch) > 0 {
		if in.refresh == nil {
			live := batch
			if at := slices.IndexFunc(batch, func(e Event) bool { return e.Kind == RefreshBegin }); at >= 0 {
				live, in.refresh = batch[:at], newRefresh()
			}
			batch = batch[len(live):]
			if err := in.live(ctx, live); err != nil {
				return err
			}
			continue
		}
		event := batch[0]
		batch = batch[1:]
		if event.Kind != RefreshEnd {
			in.refresh.add(event)
			continue
		}
		if err := in.writeRefresh(ctx); err != nil {
			return err
		}
		if err := in.endRefresh(ctx, event); err != nil {
			return err
		}
	}
	if in.refresh == nil {
		return nil
	}
	in.l.mentioned(len(in.refresh.seen))
	if !in.refresh.full() {
		return nil
	}
	return in.writeRefresh(ctx)
}

// rest writes what a refresh has brought before it was cut short: the next one has less to write.
func (in *intake) rest(ctx context.Context) error {
	if in.refresh == nil {
		return nil
	}
	return in.writeRefresh(ctx)
}

// finding is what is newly known of one entry.
type finding struct {
	uuid schema.UUID
	// entry is nil when the entry is not for the replica.
	entry *schema.Entry
	// outside is set, with the last known DN, when it exists but is out of reach.
	outside bool
	dn      string
	// unreadable is why an entry that is outside cannot be taken in, "" when that is not the reason.
	unreadable string
	// known is the state that is known, kept says that it is to stay: the provider lags behind it.
	known *schema.Entry
	kept  bool
	// losers are the handlers for which single attributes count, with what they have acknowledged.
	losers []loss
}

// live writes what came after the refresh, in parts that a container's leaving parts.
func (in *intake) live(ctx context.Context, batch []Event) error {
	for len(batch) > 0 {
		n, err := in.l.beforeLeaving(batch)
		if err != nil {
			return err
		}
		if err := in.write(ctx, batch[:n]); err != nil {
			return err
		}
		batch = batch[n:]
	}
	return nil
}

// beforeLeaving returns how many events come before the next one, behind the first, by which a container goes away. What
// was told before of an entry below it says nothing of where that entry is then.
func (l *Listener) beforeLeaving(batch []Event) (count int, err error) {
	gone := func(e Event) bool { return e.Kind == Gone }
	if !slices.ContainsFunc(batch[1:], gone) {
		return len(batch), nil
	}
	count = len(batch)
	containers := map[schema.UUID]bool{}
	err = l.store.View(func(tx *store.Tx) error {
		for i, event := range batch {
			if event.Kind == Content && schema.IsContainer(event.Entry) {
				containers[event.Entry.UUID] = true
			}
			leaves := func(uuid schema.UUID) bool { return containers[uuid] || schema.IsContainer(tx.Entry(uuid)) }
			if i > 0 && gone(event) && slices.ContainsFunc(event.UUIDs, leaves) {
				count = i
				return nil
			}
		}
		return nil
	})
	return count, err
}

// write takes in a part of what came after the refresh: one transaction for it and its last cookie. An entry that went
// away, or in which a handler misses what it had acknowledged, is looked up first.
func (in *intake) write(ctx context.Context, batch []Event) error {
	findings, cookie := newest(batch)
	if len(findings) == 0 && len(cookie) == 0 {
		return nil
	}
	var doubtful []finding
	strange := false
	err := in.l.store.View(func(tx *store.Tx) error {
		findings = withOrphans(tx, findings)
		doubtful = in.l.doubtful(tx, findings)
		strange = slices.ContainsFunc(findings, func(f finding) bool { return hasCome(tx, f.entry) })
		return nil
	})
	if err != nil {
		return err
	}
	verified, err := in.l.verify(ctx, doubtful)
	if err != nil {
		return err
	}
	in.l.distrust(findings, verified)
	if findings, err = in.timelyFindings(ctx, findings); err != nil {
		return err
	}
	moved := 0
	err = in.l.update(func(e *edit) error {
		moved = 0
		for _, f := range findings {
			if v, ok := verified[f.uuid]; ok {
				f = v
			}
			moved += e.live(f)
		}
		if len(cookie) > 0 {
			e.tx.State().SetCookie(in.fingerprint, cookie)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if len(cookie) > 0 {
		in.l.advanced()
	}
	in.l.doubtNames(strange, moved)
	return nil
}

// withOrphans adds what lies below containers that went away.
func withOrphans(tx *store.Tx, findings []finding) []finding {
	var gone []schema.UUID
	told := map[schema.UUID]bool{}
	for _, f := range findings {
		told[f.uuid] = true
		if f.entry == nil {
			gone = append(gone, f.uuid)
		}
	}
	for _, uuid := range orphans(tx, gone, func(uuid schema.UUID) bool { return told[uuid] }) {
		findings = append(findings, finding{uuid: uuid})
	}
	return findings
}

// live writes a finding outside a refresh, and what follows from it for entries below. It returns how many those were.
func (e *edit) live(f finding) (moved int) {
	generation := e.tx.State().Generation
	move, renamed := e.renamed(f.entry)
	e.record(f, generation)
	if !renamed {
		return 0
	}
	return e.relocate([]relocation{move}, generation, func(uuid schema.UUID) bool { return uuid == f.uuid })
}

// newest reduces a batch to the last word about each entry and the last cookie. What comes before and after a change of a
// container stays apart, for that may give all of them other names.
func newest(batch []Event) ([]finding, []byte) {
	var findings []finding
	var cookie []byte
	at := map[schema.UUID]int{}
	add := func(f finding) {
		if i, ok := at[f.uuid]; ok {
			findings[i] = f
			return
		}
		at[f.uuid] = len(findings)
		findings = append(findings, f)
	}
	for _, event := range batch {
		switch event.Kind {
		case Content:
			if schema.IsContainer(event.Entry) {
				clear(at)
			}
			add(finding{uuid: event.Entry.UUID, entry: event.Entry})
			if schema.IsContainer(event.Entry) {
				clear(at)
			}
		case Gone:
			for _, uuid := range event.UUIDs {
				add(finding{uuid: uuid})
			}
		case Unreadable:
			add(unreadable(event))
		}
		if len(event.Cookie) > 0 {
			cookie = event.Cookie
		}
	}
	return findings, cookie
}

// unreadable is what is known of an entry that exists and cannot be taken in: it waits as out of scope.
func unreadable(event Event) finding {
	return finding{uuid: event.UUIDs[0], outside: true, dn: event.DN, unreadable: event.Reason}
}

// record writes a finding and marks the handlers that it concerns. What is known already makes no marks.
func (e *edit) record(f finding, generation uint64) {
	e.l.overtake(f.uuid)
	if f.kept {
		return
	}
	if f.unreadable != "" {
		e.l.alarm(fmt.Sprintf("%q cannot be taken in: %s", f.dn, f.unreadable))
	}
	known := e.tx.Entry(f.uuid)
	_, wasOutside := e.tx.Outside(f.uuid)
	if known.Equal(f.entry) && wasOutside == f.outside {
		return
	}
	e.overwrites(known, f.entry)
	switch {
	case f.entry != nil:
		e.tx.PutEntry(f.entry)
	case known != nil:
		e.tx.DeleteEntry(f.uuid)
	}
	switch {
	case f.outside:
		e.tx.PutOutside(f.uuid, f.dn)
	case wasOutside:
		e.tx.DeleteOutside(f.uuid)
	}
	for _, w := range e.l.workers {
		h := e.tx.Handler(w.name)
		_, dirty := h.Mark(f.uuid)
		if dirty || h.HasAcked(f.uuid) || w.mayMatch(f.entry) {
			e.mark(w, f.uuid, generation, known)
		}
	}
	e.forget(f.uuid)
}
