package listener

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/schema"
)

func (r *rig) expectReplica(want map[int]string) {
	r.t.Helper()
	entries, err := r.Entries(r.t.Context(), control.Selection{})
	if err != nil || len(entries) != len(want) {
		r.t.Errorf("%d entries in the replica, want %d; %v", len(entries), len(want), err)
	}
	for _, e := range entries {
		address := e.Attrs[strings.ToLower(schema.AttrPrimaryAddress)]
		if n := int(e.UUID[15]); len(address) != 1 || address[0] != want[n] {
			r.t.Errorf("u%d is %q in the replica, want %q", n, address, want[n])
		}
	}
}

// TestSessionOvertakesLookUps has the session tell of an entry while somebody else has been told what was before.
func TestSessionOvertakesLookUps(t *testing.T) {
	t.Run("reload", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			r, s := newAudited(t, 3)
			s.looked = func() {
				s.set(dated(2, "newest", 12))
				synctest.Wait()
			}
			request := control.ResyncRequest{Reload: true, Selection: control.Selection{UUID: id(2).String()}}
			if _, err := r.Resync(t.Context(), request); err != nil {
				t.Error(err)
			}
			pass(0)
			r.expectReplica(map[int]string{1: "a1", 2: "newest", 3: "a3"})
		})
	})
	t.Run("audit of one that goes", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			r, s := newAudited(t, 3)
			s.slip(dated(9, "a9", 9))
			s.looked = func() {
				s.delete(id(9))
				synctest.Wait()
			}
			if _, err := r.Audit(t.Context(), control.AuditRequest{}); err != nil {
				t.Error(err)
			}
			pass(0)
			r.expect()
			r.expectReplica(map[int]string{1: "a1", 2: "a2", 3: "a3"})
		})
	})
	t.Run("retry of one out of scope", func(t *testing.T) {
		bubble(t, func(t *testing.T) {
			r, s := newAudited(t, 3)
			s.hide(id(2), true)
			synctest.Wait()
			s.mu.Lock()
			s.outside[id(2)] = false // it is back, and nobody has told
			s.mu.Unlock()
			s.looked = func() {
				s.hide(id(2), true)
				synctest.Wait()
			}
			if _, err := r.Retry(t.Context(), ""); err != nil {
				t.Error(err)
			}
			pass(0)
			r.expectReplica(map[int]string{1: "a1", 3: "a3"})
		})
	})
}

func TestDryRunReloadsNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r, s := newAudited(t, 3)
		s.slip(dated(2, "new", 9))
		request := control.ResyncRequest{Reload: true, DryRun: true, Selection: control.Selection{UUID: id(2).String()}}
		result, err := r.Resync(t.Context(), request)
		if err != nil || len(result.Effects) != 1 || result.Effects[0].Op != "change" || !result.Effects[0].Takes {
			t.Errorf("%+v, %v", result, err)
		}
		pass(0)
		r.expect()
		r.expectReplica(map[int]string{1: "a1", 2: "a2", 3: "a3"})
	})
}
