package maildir

import (
	"testing"

	"github.com/mailreg/mailreg/handlers/backend"
)

func TestCrashes(t *testing.T) {
	a, b := owner("a", "a@example.test"), owner("a", "b@example.test")
	other := owner("b", "b@example.test")
	ensure := func(o backend.Owner, follow bool) func(*world) error {
		return func(w *world) error { return w.Ensure(w.t.Context(), o, follow) }
	}
	withMail := func(w *world) { w.ensure(a, true); w.deliver(a, "m1") }
	trashed := func(w *world) {
		withMail(w)
		w.must(w.Trash(w.t.Context(), backend.Away{UUID: a.UUID, From: a.Address, Cause: backend.Deleted}))
	}
	away := func(take func(*world, backend.Away) error, cause backend.Cause) func(*world) error {
		return func(w *world) error {
			if err := take(w, backend.Away{UUID: a.UUID, From: a.Address, Unless: b.Address, Cause: cause}); err != nil {
				return err
			}
			return w.Ensure(w.t.Context(), b, false)
		}
	}
	trash := func(w *world, x backend.Away) error { return w.Trash(w.t.Context(), x) }
	quarantine := func(w *world, x backend.Away) error { return w.Quarantine(w.t.Context(), x) }
	for _, tt := range []struct {
		name  string
		setUp func(*world)
		op    func(*world) error
		// want by layout; without both the case is of one layout only
		byUUID, byAddress []string
	}{
		{
			name: "create", setUp: func(*world) {}, op: ensure(a, true),
			byUUID:    []string{"live aaaaaaaa a@example.test", "link a@example.test aaaaaaaa"},
			byAddress: []string{"live aaaaaaaa a@example.test"},
		},
		{
			name: "rename=yes", setUp: withMail, op: ensure(b, true),
			byUUID:    []string{"live aaaaaaaa b@example.test m1", "link b@example.test aaaaaaaa"},
			byAddress: []string{"live aaaaaaaa b@example.test m1"},
		},
		{
			name: "rename=no delete=no", setUp: withMail, op: away(quarantine, backend.Renamed),
			byUUID:    []string{"live aaaaaaaa b@example.test", "link b@example.test aaaaaaaa", "quarantined-renamed aaaaaaaa a@example.test m1"},
			byAddress: []string{"live aaaaaaaa a@example.test m1", "live aaaaaaaa b@example.test"},
		},
		{
			name: "rename=no delete=yes", setUp: withMail, op: away(trash, backend.Renamed),
			byUUID:    []string{"live aaaaaaaa b@example.test", "link b@example.test aaaaaaaa", "deleted-renamed aaaaaaaa a@example.test m1"},
			byAddress: []string{"live aaaaaaaa b@example.test", "deleted-renamed aaaaaaaa a@example.test m1"},
		},
		{
			name: "delete", setUp: withMail, op: func(w *world) error {
				return trash(w, backend.Away{UUID: a.UUID, From: a.Address, Cause: backend.Deleted})
			},
			byUUID:    []string{"deleted-deleted aaaaaaaa a@example.test m1"},
			byAddress: []string{"deleted-deleted aaaaaaaa a@example.test m1"},
		},
		{
			name: "return", setUp: trashed, op: ensure(a, true),
			byUUID:    []string{"live aaaaaaaa a@example.test m1", "link a@example.test aaaaaaaa"},
			byAddress: []string{"live aaaaaaaa a@example.test m1"},
		},
		{
			name: "return under another address", setUp: trashed, op: ensure(b, false),
			byUUID:    []string{"live aaaaaaaa b@example.test m1", "link b@example.test aaaaaaaa"},
			byAddress: []string{"live aaaaaaaa b@example.test m1"},
		},
		{
			name: "return to mail delivered meanwhile", setUp: func(w *world) { trashed(w); w.deliver(a, "m2") }, op: ensure(a, true),
			byUUID: []string{"live aaaaaaaa a@example.test m1,m2", "link a@example.test aaaaaaaa"},
		},
		{
			name: "swap", setUp: func(w *world) { withMail(w); w.ensure(other, true); w.deliver(other, "m2") },
			op: func(w *world) error {
				if err := w.SetAside(w.t.Context(), backend.Away{UUID: a.UUID, From: a.Address, Unless: b.Address}); err != nil {
					return err
				}
				if err := w.Ensure(w.t.Context(), owner("b", "a@example.test"), true); err != nil {
					return err
				}
				return w.Ensure(w.t.Context(), b, true)
			},
			byUUID:    []string{"live aaaaaaaa b@example.test m1", "live bbbbbbbb a@example.test m2", "link a@example.test bbbbbbbb", "link b@example.test aaaaaaaa"},
			byAddress: []string{"live aaaaaaaa b@example.test m1", "live bbbbbbbb a@example.test m2"},
		},
		{
			name: "address of a store left behind", setUp: withMail, op: ensure(owner("b", "a@example.test"), true),
			byAddress: []string{"live bbbbbbbb a@example.test", "quarantined-foreign aaaaaaaa a@example.test m1"},
		},
	} {
		for layout, want := range map[backend.Layout][]string{backend.ByUUID: tt.byUUID, backend.ByAddress: tt.byAddress} {
			if want == nil {
				continue
			}
			t.Run(string(layout)+"/"+tt.name, func(t *testing.T) { eachCrash(t, layout, tt.setUp, tt.op, want...) })
		}
	}
}

// TestSetAsideAfterALostCall takes an owner's store to a new address, up to each step, and then sets it aside on its way
// back: the place that it had reached is free for another, and the mail comes back.
func TestSetAsideAfterALostCall(t *testing.T) {
	a, b := owner("a", "a@example.test"), owner("a", "b@example.test")
	other := owner("b", "b@example.test")
	for n, done := 0, false; !done; n++ {
		w := newWorld(t, backend.ByAddress)
		w.ensure(a, true)
		w.deliver(a, "m1")
		w.reopen(crashAt(n))
		done = w.Ensure(t.Context(), b, true) == nil
		w.reopen(nil)
		for range 2 {
			w.must(w.SetAside(t.Context(), backend.Away{UUID: a.UUID, From: a.Address, Unless: a.Address}))
		}
		w.ensure(other, true)
		if kept, err := w.Kept(t.Context()); len(kept) > 0 || err != nil {
			t.Errorf("the store stood in the way: %v, %v", kept, err)
		}
		w.ensure(a, true)
		w.want("live aaaaaaaa a@example.test m1", "live bbbbbbbb b@example.test")
		if t.Failed() {
			t.Fatalf("after a crash before change %d", n)
		}
	}
}

// TestLeaveWhatWasSetAside proves that no store stays between two addresses, where nobody would see it.
func TestLeaveWhatWasSetAside(t *testing.T) {
	a := owner("a", "a@example.test")
	setUp := func(w *world) {
		w.ensure(a, true)
		w.deliver(a, "m1")
		w.must(w.SetAside(t.Context(), backend.Away{UUID: a.UUID, From: a.Address}))
	}
	leave := func(w *world) error {
		return w.Leave(t.Context(), backend.Away{UUID: a.UUID, From: a.Address, Cause: backend.Foreign})
	}
	eachCrash(t, backend.ByAddress, setUp, leave, "quarantined-foreign aaaaaaaa a@example.test m1")
}
