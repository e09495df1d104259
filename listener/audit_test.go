package listener

import (
	"context"
	"errors"
	"iter"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mailreg/mailreg/listener/audit"
	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/listener/store"
	"github.com/mailreg/mailreg/schema"
)

// dated is a user's state with the time of its change.
func dated(n int, address string, at int) *schema.Entry {
	return user(n, address, attr("entryCSN", csnAt(at)))
}

// Scan lists the directory. during, when set, happens behind the first row; scanErr ends the scan.
func (d *directory) Scan(context.Context) iter.Seq2[audit.Row, error] {
	return func(yield func(audit.Row, error) bool) {
		d.mu.Lock()
		var rows []audit.Row
		for _, e := range d.entries {
			if d.inScope(e.UUID) != nil {
				rows = append(rows, audit.RowOf(e))
			}
		}
		during, err := d.during, d.scanErr
		d.mu.Unlock()
		for i, row := range rows {
			if !yield(row, nil) {
				return
			}
			if i == 0 && during != nil {
				during()
			}
		}
		if err != nil {
			yield(audit.Row{}, err)
		}
	}
}

// slip changes the directory without telling anybody.
func (d *directory) slip(entries ...*schema.Entry) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range entries {
		d.entries[e.UUID] = e
	}
}

// newAudited returns a rig in step with users 1 to n.
func newAudited(t *testing.T, n int) (*rig, *directory) {
	var users []*schema.Entry
	for i := 1; i <= n; i++ {
		users = append(users, dated(i, crowd(n)[i-1].First(schema.AttrPrimaryAddress), i))
	}
	r := newRig(t, users...)
	r.start()
	r.target.taken()
	return r, r.dir
}

func (r *rig) audit(dry bool, want map[string]int) control.AuditReport {
	r.t.Helper()
	report, err := r.Audit(r.t.Context(), control.AuditRequest{Cause: "test", DryRun: dry})
	if err != nil {
		r.t.Fatal(err)
	}
	sum := 0
	for kind, n := range want {
		sum += n
		if report.Counts[kind] != n {
			r.t.Errorf("counts %v, want %v", report.Counts, want)
		}
	}
	if report.Drift != sum || !dry && report.Repaired != sum {
		r.t.Errorf("report %+v, want %v", report, want)
	}
	return report
}

func TestAuditRepairs(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r, s := newAudited(t, 5)
		r.audit(false, nil)
		s.slip(dated(1, "new", 9), dated(7, "a7", 9), dated(4, "a4", 1))
		moved := *dated(2, "a2", 2)
		moved.DN = "uid=u2,ou=elsewhere"
		s.slip(&moved)
		delete(s.entries, id(3))
		want := map[string]int{"older": 1, "missing": 1, "newer": 1, "name": 1, "extra": 1}
		r.audit(true, want)
		r.expect()
		report := r.audit(false, want)
		if report.Entries != 5 || len(report.Examples) != 5 {
			t.Errorf("report %+v", report)
		}
		r.expectAny("add u7 a7", "change u1 a1 new", "change u2 a2 a2", "change u4 a4 a4", "remove u3 a3")
		r.audit(false, nil)
		r.stop()
		r.start()
		status, err := r.Status(t.Context())
		if err != nil || status.Audit == nil || status.Audit.Entries != 5 || status.Audit.Cause != "test" {
			t.Errorf("after a restart the last audit is %+v, %v", status.Audit, err)
		}
	})
}

// TestWhatChangesMeanwhileIsNoDrift has entries come, change and go while the scan runs.
func TestWhatChangesMeanwhileIsNoDrift(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r, s := newAudited(t, 5)
		s.during = func() {
			s.set(dated(1, "n1", 11), dated(2, "n2", 12), dated(3, "n3", 13), dated(4, "n4", 14), dated(9, "n9", 15))
			s.delete(id(5))
		}
		r.audit(false, nil)
		r.expectAny("add u9 n9", "change u1 a1 n1", "change u2 a2 n2", "change u3 a3 n3", "change u4 a4 n4", "remove u5 a5")
	})
}

func TestAuditThatFailsChangesNothing(t *testing.T) {
	for name, spoil := range map[string]func(*directory){
		"scan":         func(s *directory) { s.scanErr = errors.New("size limit") },
		"verification": func(s *directory) { s.verifyErr = errors.New("down") },
		"nobody":       func(s *directory) { s.slip(user(1, "")); clear(s.entries) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r, s := newAudited(t, 5)
				s.slip(dated(1, "new", 9))
				delete(s.entries, id(3))
				spoil(s)
				report, err := r.Audit(t.Context(), control.AuditRequest{})
				if err == nil || report.Error == "" || report.Repaired != 0 {
					t.Errorf("report %+v, %v", report, err)
				}
				r.expect()
				if status, err := r.Status(t.Context()); err != nil || status.Audit == nil || len(status.Notes) == 0 {
					t.Errorf("status %+v, %v", status, err)
				}
			})
		})
	}
}

// TestAuditBrakes shows that an audit takes no more away than live changes may.
// TestAuditWithoutADirectory proves that whoever asks is told soon.
func TestAuditWithoutADirectory(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r, s := newAudited(t, 3)
		s.mu.Lock()
		s.pretend = func(context.Context, func(Event, error) bool) error { return errors.New("connection refused") }
		s.mu.Unlock()
		s.cut()
		synctest.Wait()
		if _, err := r.Audit(t.Context(), control.AuditRequest{}); err == nil || !strings.HasPrefix(err.Error(), "the directory cannot be asked: down: ") {
			t.Errorf("audit: %v", err)
		}
	})
}

func TestAuditBrakes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r, s := newAudited(t, 20)
		r.stop()
		r.config.Guard = func() (int, int) { return 5, 5 }
		r.start()
		for n := 1; n <= 15; n++ {
			delete(s.entries, id(n))
		}
		r.audit(false, map[string]int{"extra": 15})
		pass(0)
		if calls := r.target.taken(); len(calls) > 5 {
			t.Errorf("%d taken away: %q", len(calls), calls)
		}
		if held, err := r.Held(t.Context()); err != nil || len(held) != 1 {
			t.Errorf("held %v, %v", held, err)
		}
	})
}

func TestAuditsByThemselves(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r, s := newAudited(t, 3)
		r.stop()
		r.config.Audit = func() audit.Schedule { return audit.Schedule{Every: time.Hour, Jitter: time.Minute} }
		r.start()
		pass(10 * time.Second) // the one of a session that goes on from a cookie
		s.slip(dated(1, "new", 9))
		pass(59 * time.Minute)
		r.expect()
		pass(2 * time.Minute)
		r.expect("change u1 a1 new")
		// A provider that refuses the cookie is a reason, too.
		s.slip(dated(2, "new2", 10))
		r.pretend(ErrCookie)
		s.cut()
		pass(10 * time.Second)
		r.honest()
		pass(2 * time.Minute)
		r.expect("change u2 a2 new2")
		if status, err := r.Status(t.Context()); err != nil || status.Audit.Cause != ErrCookie.Error() {
			t.Errorf("audit %+v, %v", status.Audit, err)
		}
	})
}

// TestAuditBehindResumption shows that a session which goes on from a cookie is not believed: the provider may have forgotten
// what was deleted before it was started anew. Connections that break all the time do not bring an audit each.
func TestAuditBehindResumption(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r, s := newAudited(t, 3)
		r.stop()
		s.slip(dated(1, "new", 9))
		r.start()
		pass(10 * time.Second)
		r.expect("change u1 a1 new")
		s.slip(dated(2, "new2", 10))
		s.cut()
		pass(5 * time.Minute)
		r.expect()
		pass(6 * time.Minute)
		r.expect("change u2 a2 new2")
	})
}

// TestPresentStrangersAreFetched is about entries that the provider calls unchanged although they were never shown.
func TestPresentStrangersAreFetched(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newStopped(t, 2)
		r.dir.entries[id(7)] = user(7, "a7")
		r.dir.presentPhase = true
		r.start()
		r.expect("add u7 a7")
		if err := r.store.View(func(tx *store.Tx) error { return nil }); err != nil || r.replica() != 3 {
			t.Errorf("%d entries, %v", r.replica(), err)
		}
	})
}
