package listener

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/mailreg/mailreg/listener/audit"
	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/listener/store"
	"github.com/mailreg/mailreg/schema"
)

// Scanner is a Probe that can list the whole directory.
type Scanner interface {
	// Scan yields what the source's filter selects, in any order. It ends with an error unless it was all.
	Scan(ctx context.Context) iter.Seq2[audit.Row, error]
}

const (
	// auditNote is the note that keeps the last report.
	auditNote = "audit"
	// auditExamples is how many differences a report names.
	auditExamples = 20
	// auditBatch is how many doubts are looked up before they are written.
	auditBatch = 256
)

var (
	errNoScan = errors.New("this source cannot list the directory")
	errNobody = errors.New("the scan shows nobody although the replica holds entries: refused")
)

// Audit compares the replica with the whole directory and brings in what is missing, or with DryRun only tells. The scan
// is never trusted alone: what differs is looked at again once everything that was under way has arrived, and then looked
// up by UUID; and it is brought in on the way of live changes, brake included. A scan that fails changes nothing. Whoever
// asks for one while the directory is away is told so at once.
func (l *Listener) Audit(ctx context.Context, r control.AuditRequest) (control.AuditReport, error) {
	if err := l.awaitSession(ctx); err != nil {
		return control.AuditReport{}, err
	}
	return l.audit(ctx, r)
}

// awaitSession waits for a session to be in step, but not for a directory that stays away.
func (l *Listener) awaitSession(ctx context.Context) error {
	in := func(phases ...string) func() (bool, error) {
		return func() (bool, error) { return slices.Contains(phases, l.getSession().phase), nil }
	}
	for {
		if err := l.await(ctx, in(phasePersist, phaseDown)); err != nil {
			return waitError(ctx, "the source: "+l.sourceProblem(), err)
		}
		if l.getSession().phase == phasePersist {
			return nil
		}
		soon, cancel := context.WithTimeout(ctx, patience)
		err := l.await(soon, in(phaseConnecting, phaseRefresh, phasePersist))
		cancel()
		if err != nil {
			return fmt.Errorf("the directory cannot be asked: %s", l.sourceProblem())
		}
	}
}

// audit is Audit with a patience that has no end.
func (l *Listener) audit(ctx context.Context, r control.AuditRequest) (control.AuditReport, error) {
	select {
	case l.auditing <- struct{}{}: // one at a time
	case <-ctx.Done():
		return control.AuditReport{}, ctx.Err()
	}
	defer func() { <-l.auditing }()
	a := &auditor{l: l, report: control.AuditReport{Cause: r.Cause, DryRun: r.DryRun, Counts: map[string]int{}, Examples: []control.Drift{}}}
	a.report.Began.Time = l.cfg.Now()
	begun := time.Now()
	err := a.run(ctx)
	a.report.Seconds = time.Since(begun).Seconds()
	if err != nil {
		a.report.Error = err.Error()
	}
	if !r.DryRun && ctx.Err() == nil {
		err = errors.Join(err, l.keepReport(a.report))
	}
	l.log.Info("audit", "op", "audit", "cause", r.Cause, "entries", a.report.Entries, "drift", a.report.Drift, "repaired", a.report.Repaired, "err", err)
	return a.report, err
}

func (l *Listener) keepReport(r control.AuditReport) error {
	data, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("keeping the audit's report: %w", err)
	}
	return l.update(func(e *edit) error {
		e.tx.PutNote(auditNote, data)
		return nil
	})
}

// lastAudit returns the report of the last audit, nil when there was none.
func lastAudit(tx *store.Tx) *control.AuditReport {
	var r control.AuditReport
	data := tx.Note(auditNote)
	if data == nil || json.Unmarshal(data, &r) != nil {
		return nil
	}
	return &r
}

// auditor is one audit.
type auditor struct {
	l      *Listener
	report control.AuditReport
}

func (a *auditor) run(ctx context.Context) error {
	scanner, ok := a.l.cfg.Probe.(Scanner)
	if !ok {
		return errNoScan
	}
	err := a.l.await(ctx, func() (bool, error) { return a.l.getSession().phase == phasePersist, nil })
	if err != nil {
		return waitError(ctx, "the source: "+a.l.sourceProblem(), err)
	}
	tally, err := a.scan(ctx, scanner)
	if err != nil {
		return err
	}
	if err := a.position(ctx, tally); err != nil {
		return err
	}
	if len(tally.Doubts) == 0 {
		return nil
	}
	if tally.Over > 0 && !a.report.DryRun {
		return a.reload(tally)
	}
	if err := a.l.awaitProvider(ctx); err != nil {
		return err
	}
	for batch := range slices.Chunk(a.stillDoubtful(tally.Doubts), auditBatch) {
		if err := a.settle(ctx, batch); err != nil {
			return err
		}
	}
	return nil
}

// scan compares page by page, so that no transaction is open while the directory is waited for.
func (a *auditor) scan(ctx context.Context, scanner Scanner) (*audit.Tally, error) {
	tally := &audit.Tally{}
	var rows []audit.Row
	compare := func() error {
		return a.l.store.View(func(tx *store.Tx) error {
			for _, row := range rows {
				tally.Add(row, tx.Entry(row.UUID))
			}
			rows = rows[:0]
			return nil
		})
	}
	for row, err := range scanner.Scan(ctx) {
		if err != nil {
			return nil, err
		}
		if rows = append(rows, row); len(rows) == page {
			if err := compare(); err != nil {
				return nil, err
			}
		}
	}
	if err := compare(); err != nil {
		return nil, err
	}
	a.report.Entries = tally.Count()
	return tally, a.l.store.View(func(tx *store.Tx) error {
		if a.l.anyOwner(tx, tx.EntryIDs()) && !a.l.anyOwner(tx, tally.Seen) {
			return errNobody
		}
		for uuid := range tx.EntryIDs() {
			tally.Absent(uuid)
		}
		return nil
	})
}

// position finds out whether the provider's position covers its own entries: one that was killed may have lost it, and then
// tells nobody of what it has.
func (a *auditor) position(ctx context.Context, tally *audit.Tally) error {
	position, err := a.l.cfg.Probe.Position(ctx)
	if err != nil {
		return err
	}
	if csn := tally.Ahead(position); csn != "" {
		a.report.Suspicion = "the provider holds an entry of " + csn + ", which its contextCSN does not cover: " +
			"it has lost its position; syncprov-checkpoint keeps that from happening"
	}
	return nil
}

// reload begins anew: with so many differences one by one takes longer, and a refresh does the same.
func (a *auditor) reload(tally *audit.Tally) error {
	a.report.Drift, a.report.Reload = len(tally.Doubts)+tally.Over, true
	for _, d := range tally.Doubts {
		a.report.Counts[string(d.Kind)]++
	}
	a.l.setSession(func(s *sessionState) { s.reload = s.origin.fingerprint })
	a.l.restart()
	return nil
}

// stillDoubtful leaves out what has come right meanwhile.
func (a *auditor) stillDoubtful(doubts []audit.Doubt) []audit.Doubt {
	var left []audit.Doubt
	_ = a.l.store.View(func(tx *store.Tx) error { // an error shows again when they are settled
		for _, d := range doubts {
			have := tx.Entry(d.UUID)
			switch now := audit.Compare(d.Row, have); {
			case d.Kind == audit.Extra && have == nil:
			case d.Kind != audit.Extra && (now == audit.Same || now == audit.Newer && d.Kind != audit.Newer):
			default:
				left = append(left, d)
			}
		}
		return nil
	})
	return left
}

// settle looks up doubts one by one, and brings in what differs indeed.
func (a *auditor) settle(ctx context.Context, doubts []audit.Doubt) error {
	findings := make([]finding, len(doubts))
	before := map[schema.UUID]*schema.Entry{}
	err := a.l.store.View(func(tx *store.Tx) error {
		for i, d := range doubts {
			findings[i], _ = a.l.remember(tx, d.UUID)
			if findings[i].dn == "" {
				findings[i].dn = d.DN
			}
			before[d.UUID] = tx.Entry(d.UUID)
		}
		return nil
	})
	if err != nil {
		return err
	}
	k, err := a.l.lookUp(ctx, findings)
	if err != nil {
		return err
	}
	defer k.close()
	for i, d := range doubts {
		a.tell(d, findings[i].dn, before[d.UUID], k.verified[d.UUID])
	}
	if a.report.DryRun {
		return nil
	}
	moved, repaired := 0, 0
	err = a.l.update(func(e *edit) error {
		if err := a.l.inStep(); err != nil {
			return err
		}
		repaired, moved = e.bring(k)
		return nil
	})
	if err != nil {
		return err
	}
	a.report.Repaired += repaired
	a.l.doubtNames(false, moved)
	return nil
}

// tell counts a difference that was looked up.
func (a *auditor) tell(d audit.Doubt, dn string, have *schema.Entry, v finding) {
	if have.Equal(v.entry) && !v.outside {
		return
	}
	kind := audit.Extra
	if v.entry != nil {
		if kind = audit.Compare(audit.RowOf(v.entry), have); kind == audit.Same {
			kind = audit.Content
		}
		dn = v.entry.DN
	} else if have == nil {
		return // shown, but out of reach: nothing here depends on it
	}
	a.report.Drift++
	a.report.Counts[string(kind)]++
	if len(a.report.Examples) < auditExamples {
		a.report.Examples = append(a.report.Examples, control.Drift{UUID: d.UUID, DN: dn, Kind: string(kind)})
	}
}
