package listener

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mailreg/mailreg/listener/store"
	"github.com/mailreg/mailreg/schema"
)

// session is what a provider sends: events, and then it stays silent, or ends with an error.
func session(err error, events ...Event) func(context.Context, func(Event, error) bool) error {
	return func(ctx context.Context, yield func(Event, error) bool) error {
		for _, event := range events {
			if !yield(event, nil) {
				return errCut
			}
		}
		if err == nil {
			<-ctx.Done()
			return ctx.Err()
		}
		return err
	}
}

func content(entries ...*schema.Entry) []Event {
	var list []Event
	for _, e := range entries {
		list = append(list, Event{Kind: Content, Entry: e})
	}
	return list
}

func (r *rig) pretend(err error, events ...Event) {
	r.dir.change(func() { r.dir.pretend = session(err, events...) })
}

func (r *rig) honest() { r.dir.change(func() { r.dir.pretend = nil }) }

func (r *rig) state() (s store.State) {
	r.t.Helper()
	if err := r.store.View(func(tx *store.Tx) error { s = *tx.State(); return nil }); err != nil {
		r.t.Fatal(err)
	}
	return s
}

func (r *rig) replica() (n int) {
	r.t.Helper()
	if err := r.store.View(func(tx *store.Tx) error { n = tx.CountEntries(); return nil }); err != nil {
		r.t.Fatal(err)
	}
	return n
}

func (r *rig) expectReason(want string) {
	r.t.Helper()
	synctest.Wait()
	status, err := r.Status(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	if status.Ready || !strings.Contains(strings.Join(status.Reasons, "\n"), want) {
		r.t.Errorf("status %+v, want %q", status, want)
	}
}

// newStopped returns a rig that has loaded users 1 to n and stands still.
func newStopped(t *testing.T, n int) *rig {
	r := newRig(t, crowd(n)...)
	r.start()
	r.target.taken()
	r.stop()
	r.dir.sessions = nil
	return r
}

func TestSnapshotFindsDeletes(t *testing.T) {
	for _, present := range []bool{false, true} {
		bubble(t, func(t *testing.T) {
			r := newStopped(t, 4)
			r.dir.presentPhase = present
			if !present {
				r.config.Fingerprint = "other"
			}
			r.dir.delete(id(2))
			r.start()
			r.expect("remove u2 a2")
			if want := map[bool]string{true: cookieAt(4)}[present]; r.dir.sessions[0] != want {
				t.Errorf("sessions %q", r.dir.sessions)
			}
			if s := r.state(); string(s.Cookie()) != cookieAt(5) {
				t.Errorf("state %+v", s)
			}
		})
	}
}

func TestAnotherRefreshWithinTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newStopped(t, 3)
		r.dir.delete(id(3))
		end := Event{Kind: RefreshEnd, Snapshot: true}
		r.pretend(nil, slices.Concat(content(crowd(3)...), []Event{end}, content(user(1, "new")), []Event{{Kind: RefreshBegin}},
			content(user(1, "new"), user(2, "a2")), []Event{end}, content(user(4, "a4")))...)
		r.start()
		defer r.stop()
		r.expectAny("add u4 a4", "change u1 a1 new", "remove u3 a3")
		if n := r.replica(); n != 3 {
			t.Errorf("%d entries in the replica", n)
		}
	})
}

func TestNothingIsDeletedUnverified(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newStopped(t, 4)
		// A provider that forgets half of its present list, and one that says that an entry is gone.
		r.pretend(nil,
			Event{Kind: Present, UUIDs: ids(1, 1)},
			Event{Kind: RefreshEnd, Snapshot: true, Cookie: []byte(cookieAt(4))},
			Event{Kind: Gone, UUIDs: ids(4, 4), Cookie: []byte(cookieAt(5))})
		r.start()
		r.expectReason("the refresh has left out 3 entries that the server still has, such as \"uid=u4,ou=people\"")
		if !slices.Equal(r.dir.verified, ids(2, 4)) {
			t.Errorf("verified %v", r.dir.verified)
		}
		// It may have kept changes back as well: everything is loaded, and as far as it goes, believed.
		pass(time.Minute)
		r.expect()
		r.expectMarks()
		if n := r.replica(); n != 4 {
			t.Errorf("%d entries", n)
		}
		if !slices.Equal(r.dir.sessions, []string{cookieAt(4), ""}) || !slices.Equal(r.dir.verified[3:], append(ids(2, 4), id(4))) {
			t.Errorf("sessions %q, verified %v", r.dir.sessions, r.dir.verified)
		}
		if status, _ := r.Status(t.Context()); !status.Ready || len(status.Notes) != 1 || !strings.Contains(status.Notes[0], "left out 3 entries") {
			t.Errorf("status %+v", status)
		}
	})
}

func TestLostAddressIsVerified(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newStopped(t, 2)
		r.pretend(nil,
			Event{Kind: Content, Entry: user(1, "")},
			Event{Kind: RefreshEnd, Cookie: []byte(cookieAt(4))},
			Event{Kind: Content, Entry: user(2, ""), Cookie: []byte(cookieAt(5))})
		r.start()
		r.expect()
		r.expectMarks()
	})
}

func TestProbeThatFailsEndsTheSession(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newStopped(t, 3)
		r.dir.verifyErr = errors.New("no answer")
		r.dir.delete(id(1))
		r.start()
		r.expect()
		r.expectReason("verifying that uid=u1,ou=people has gone: no answer")
		if s := r.state(); string(s.Cookie()) != cookieAt(3) {
			t.Errorf("state %+v", s)
		}
		r.dir.change(func() { r.dir.verifyErr = nil })
		pass(2 * time.Minute)
		r.expect("remove u1 a1")
	})
}

func TestEmptyRefreshIsRefused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newStopped(t, 3)
		r.dir.delete(ids(1, 3)...) // even if it is true
		r.pretend(nil, Event{Kind: RefreshEnd, Snapshot: true, Cookie: []byte("new")})
		r.start()
		r.expect()
		r.expectReason("the refresh was empty although the replica is not")
		if s := r.state(); string(s.Cookie()) != cookieAt(3) || s.Generation != 1 {
			t.Errorf("state %+v", s)
		}
		r.dir.set(user(1, "a1"))
		r.honest()
		pass(2 * time.Minute)
		r.expectAny("remove u2 a2", "remove u3 a3")
	})
}

func TestFailedRefreshHasNoEffect(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newStopped(t, 3)
		r.pretend(errCut, append(content(user(1, "b"), user(9, "new")), Event{Kind: Gone, UUIDs: ids(2, 2)}, Event{Kind: Position, Cookie: []byte("x")})...)
		r.start()
		pass(10 * time.Second)
		r.expect()
		r.expectMarks("u1 ready: ", "u9 ready: ")
		if s := r.state(); string(s.Cookie()) != cookieAt(3) || s.Generation != 1 {
			t.Errorf("state %+v", s)
		}
		r.start() // also after a restart
		r.expect()
		r.dir.set(user(1, "b"), user(9, "new"))
		r.honest()
		pass(2 * time.Minute)
		r.expectAny("add u9 new", "change u1 a1 b")
	})
}

func TestChangeInWorkWaitsForTheRefreshThatTouchesIt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newStopped(t, 1)
		r.start()
		r.target.fail = func(schema.Change) error { return errCut }
		r.dir.set(user(1, "b"))
		r.expectMarks("u1 retry: connection lost")
		r.pretend(errCut, content(user(1, "c"))...)
		r.dir.cut()
		pass(3 * time.Second)
		r.expectMarks("u1 ready: ")
		r.target.fail = nil
		pass(time.Hour)
		r.expect()
		r.dir.set(user(1, "c"))
		r.honest()
		pass(2 * time.Minute)
		r.expect("change u1 a1 c")
	})
}

func TestEmptyCookieKeepsTheOldOne(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newStopped(t, 1)
		r.pretend(nil, Event{Kind: RefreshEnd}, Event{Kind: Content, Entry: user(2, "b")}, Event{Kind: Position})
		r.start()
		r.expect("add u2 b")
		if s := r.state(); string(s.Cookie()) != cookieAt(1) {
			t.Errorf("state %+v", s)
		}
	})
}

func TestEmptyCookieOfAnotherFingerprintDropsTheOldOne(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newStopped(t, 1)
		r.config.Fingerprint = "other"
		r.pretend(nil, append(content(user(1, "a1")), Event{Kind: RefreshEnd, Snapshot: true})...)
		r.start()
		if s := r.state(); len(s.Cookie()) != 0 || s.Fingerprint != store.Fingerprint("other", "") {
			t.Errorf("state %+v", s)
		}
	})
}

func TestUnusableCookieIsKeptUntilTheReloadWrites(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newStopped(t, 2)
		r.pretend(ErrCookie)
		r.start()
		r.pretend(errCut)
		pass(5 * time.Minute)
		if s := r.state(); string(s.Cookie()) != cookieAt(2) {
			t.Errorf("state %+v", s)
		}
		r.pretend(errCut, content(user(1, "other"))...)
		pass(5 * time.Minute)
		if s := r.state(); len(s.Cookie()) != 0 {
			t.Errorf("state %+v", s)
		}
		if len(r.dir.sessions) < 3 || r.dir.sessions[0] != cookieAt(2) || r.dir.sessions[1] != "" || r.dir.sessions[2] != "" {
			t.Errorf("sessions %q", r.dir.sessions)
		}
		r.dir.delete(id(2))
		r.honest()
		pass(2 * time.Minute)
		r.expect("remove u2 a2")
		r.dir.sessions = nil
		r.dir.cut()
		pass(2 * time.Minute)
		if !slices.Equal(r.dir.sessions, []string{cookieAt(3)}) {
			t.Errorf("sessions %q", r.dir.sessions)
		}
	})
}

// moving is a directory under changing addresses.
type moving struct {
	*directory
	url string
	err error
}

func (m *moving) Connect(context.Context) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.url, m.err
}

func TestCookieBelongsToTheAddress(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, crowd(1)...)
		m := &moving{directory: r.dir, url: "ldap://one"}
		r.config.Source = m
		r.start()
		r.stop()
		m.url = "ldap://two"
		r.start()
		if status, _ := r.Status(t.Context()); status.Source.URL != "ldap://two" || !status.Ready {
			t.Errorf("status %+v", status)
		}
		r.stop()
		m.err = errors.New("nobody there")
		r.start()
		r.expectReason("nobody there")
		m.change(func() { m.err = nil })
		pass(2 * time.Minute)
		synctest.Wait()
		if want := []string{"", "", cookieAt(1)}; !slices.Equal(r.dir.sessions, want) {
			t.Errorf("sessions %q", r.dir.sessions)
		}
	})
}

// TestCookieIsDroppedWithWhatItStandsFor fails over to a server that lags behind and is gone before its refresh has ended:
// what it has overwritten must come again from the first server.
func TestCookieIsDroppedWithWhatItStandsFor(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, user(1, "new"))
		m := &moving{directory: r.dir, url: "ldap://one"}
		r.config.Source = m
		r.start()
		r.expect("add u1 new")
		r.pretend(errCut, content(user(1, "old"))...)
		m.change(func() { m.url = "ldap://two" })
		r.dir.cut()
		pass(5 * time.Second)
		r.expectMarks("u1 ready: ")
		r.honest()
		m.change(func() { m.url = "ldap://one" })
		pass(2 * time.Minute)
		r.expect()
		r.expectMarks()
	})
}

func TestOutOfScope(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, crowd(3)...)
		r.start()
		r.target.taken()
		parked := "parked: out of scope: uid=u1,ou=people has left the base or may not be read"
		r.dir.hide(id(1), true)
		r.expect()
		r.expectMarks("u1 " + parked)
		if _, err := r.Retry(t.Context(), ""); err != nil {
			t.Error(err)
		}
		r.expect()
		r.expectMarks("u1 " + parked)
		r.dir.hide(id(1), false)
		r.expect()
		r.expectMarks()

		r.dir.hide(id(1), true)
		r.dir.hide(id(2), true)
		r.dir.hide(id(3), true)
		synctest.Wait()
		r.dir.mu.Lock()
		delete(r.dir.entries, id(1)) // out of sight: no event
		delete(r.dir.entries, id(2))
		r.dir.mu.Unlock()
		list, _ := r.Parked(t.Context())
		if _, err := r.Retry(t.Context(), list[0].ID); err != nil {
			t.Error(err)
		}
		r.expect("remove u1 a1")
		r.dir.cut()
		pass(2 * time.Minute)
		r.expect("remove u2 a2")
		r.expectMarks("u3 " + strings.Replace(parked, "u1", "u3", 1))
		if err := r.Drop(t.Context(), list[2].ID); err != nil {
			t.Error(err)
		}
		r.expect()
		r.expectMarks()
		err := r.store.View(func(tx *store.Tx) error {
			if n := len(slices.Collect(tx.Outsiders())); n != 0 {
				t.Errorf("%d outsiders", n)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

func TestRetryWithoutTheDirectory(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, user(1, "a1"), user(2, "bad"))
		r.start()
		r.dir.hide(id(1), true)
		r.expectAny("add u1 a1", "add u2 bad")
		r.dir.change(func() { r.dir.verifyErr = errCut })
		if n, err := r.Retry(t.Context(), ""); n != 2 || err != nil {
			t.Error(n, err)
		}
		r.expect("add u2 bad")
		list, _ := r.Parked(t.Context())
		if len(list) != 2 {
			t.Fatalf("parked %+v", list)
		}
		for _, p := range list {
			_, err := r.Retry(t.Context(), p.ID)
			if out := p.UUID == id(1); out != (err != nil) {
				t.Errorf("%s: %v", p.DN, err)
			}
		}
	})
}

func TestEntryThatLeavesTheFilterIsRemoved(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, crowd(2)...)
		r.start()
		r.target.taken()
		plain := schema.NewEntry(id(1), "uid=u1,ou=people", attr("objectClass", "person"), attr(schema.AttrPrimaryAddress, "a1"))
		r.dir.set(plain)
		r.expect("remove u1 a1")
		if n := r.replica(); n != 1 {
			t.Errorf("%d entries", n)
		}
		r.dir.set(user(1, "a1"))
		r.expect("add u1 a1")
	})
}

func TestHandlerThatWasAwayCatchesUp(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newStopped(t, 3)
		other := newTarget()
		r.config.Handlers = []Handler{named{other, "other"}}
		r.start()
		r.dir.set(user(1, "b"))
		r.dir.delete(id(2))
		synctest.Wait()
		if n := len(other.taken()); n != 5 {
			t.Errorf("%d calls", n)
		}
		r.stop()
		r.config.Handlers = []Handler{r.target, named{other, "other"}}
		r.start()
		r.expectAny("change u1 a1 b", "remove u2 a2")
		if calls := other.taken(); calls != nil {
			t.Errorf("calls %q", calls)
		}
	})
}

type named struct {
	*target
	name string
}

func (n named) Name() string { return n.name }

// TestUnreadableIsForgottenByNewerWords: what a refresh says last of an entry counts.
func TestUnreadableIsForgottenByNewerWords(t *testing.T) {
	big := Event{Kind: Unreadable, UUIDs: []schema.UUID{id(1)}, DN: "uid=u1", Reason: "too large"}
	for _, later := range []Event{{Kind: Content, Entry: user(1, "a")}, {Kind: Gone, UUIDs: []schema.UUID{id(1)}}} {
		r := newRefresh()
		r.add(big)
		r.add(later)
		if len(r.unreadable) != 0 {
			t.Errorf("still unreadable after %+v", later)
		}
	}
}
