package listener

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mailreg/mailreg/listener/store"
)

func TestStagingTouchesNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, user(1, "a"), user(2, "b"), user(3, "c"))
		r.start()
		r.target.taken()
		r.config.Staging = true
		r.start()
		r.dir.set(user(1, "b"), user(2, "d"), user(4, "e"))
		r.dir.delete(id(3))
		pass(time.Hour)
		r.expect()
		err := r.store.View(func(tx *store.Tx) error {
			h := tx.Handler("target")
			if owner, _ := h.Owner("a"); owner != id(1) || !h.HasAcked(id(3)) || h.HasAcked(id(4)) {
				t.Error("something was acknowledged")
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		planned, err := r.Planned(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range planned {
			takes := ""
			if p.Takes {
				takes = " takes"
			}
			got = append(got, strings.TrimSpace(p.DN[:len("uid=u1")]+" "+p.Op+takes+" "+p.Reason))
		}
		want := []string{
			"uid=u1 change takes waits for uid=u2,ou=people, which has b", "uid=u2 change takes", "uid=u4 add", "uid=u3 remove takes",
		}
		if !slices.Equal(got, want) {
			t.Errorf("planned\n%q\nwant\n%q", got, want)
		}
		if _, err := r.Wait(t.Context()); err != nil {
			t.Error(err)
		}
		s, _ := r.Status(t.Context())
		if !s.Ready || s.Handlers[0].Pending != 4 || !strings.HasPrefix(strings.Join(s.Notes, ""), "staging: nothing is done") {
			t.Errorf("%+v", s)
		}
		r.config.Staging = false
		r.start()
		r.expectAny("add u4 e", "change u1 a b", "change u2 b d", "remove u3 c")
		if planned, _ := r.Planned(t.Context()); len(planned) != 0 {
			t.Errorf("%+v", planned)
		}
	})
}
