package listener

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/mailreg/mailreg/schema"
)

func TestOlderAndBehind(t *testing.T) {
	at := func(csn string) *schema.Entry { return schema.NewEntry(id(1), "uid=a", attr("entryCSN", csn)) }
	one, two, other := "20260101000000.000000Z#000000#001#000000", "20260101000000.000000Z#000001#001#000000",
		"20270101000000.000000Z#000000#002#000000"
	for _, tt := range []struct {
		a, b *schema.Entry
		want bool
	}{
		{at(one), at(two), true},
		{at(two), at(one), false},
		{at(one), at(one), false},
		{at(one), at(other), false}, // clocks of two servers
		{at("nonsense"), at(one), false},
		{at(one), user(1, ""), false},
		{nil, at(one), false},
		{at(one), nil, false},
	} {
		if got := older(tt.a, tt.b); got != tt.want {
			t.Errorf("older(%+v, %+v) = %t", tt.a, tt.b, got)
		}
	}
	for _, tt := range []struct {
		position []string
		entry    *schema.Entry
		want     bool
	}{
		{[]string{one, other}, at(two), true},
		{[]string{two, other}, at(two), false},
		{[]string{other}, at(two), false}, // it does not tell of that server
		{nil, at(two), false},
		{[]string{one}, user(1, ""), false},
		{[]string{one}, nil, false},
	} {
		if got := behind(tt.position, tt.entry); got != tt.want {
			t.Errorf("behind(%q, %+v) = %t", tt.position, tt.entry, got)
		}
	}
}

// note demands a note in the status.
func (r *rig) note(want string) {
	r.t.Helper()
	status, err := r.Status(r.t.Context())
	if err != nil || !strings.Contains(strings.Join(status.Notes, "\n"), want) {
		r.t.Errorf("notes %q, %v; want one with %q", status.Notes, err, want)
	}
}

// TestLaggingServerDeletesNothingThatItDoesNotKnow proves that a user who was added just before a server failed keeps the
// store while the next server has not heard of it, in the refresh and for the probe.
func TestLaggingServerDeletesNothingThatItDoesNotKnow(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r, s := newReplicated(t, stamped(user(1, "new"), 2))
		s.servers["a"].set(stamped(user(2, "late"), 3))
		r.goTo(s, "a", "add u2 late")
		r.stop()
		s.now = "b"
		r.start()
		r.expect()
		r.expectMarks()
		r.note(`lags behind what was seen before, of "uid=u2,ou=people" for one`)
		if n := r.replica(); n != 2 {
			t.Errorf("%d entries", n)
		}
		s.servers["b"].set(stamped(user(2, "late"), 3))
		s.servers["b"].delete(id(2))
		r.expect("remove u2 late")
	})
}

// TestRestoredServerIsBelieved proves that after a cookie from a server's future its word counts although it is older: an
// entry goes back in time, and one that was added since the backup goes.
func TestRestoredServerIsBelieved(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r, s := newReplicated(t)
		s.servers["a"].set(stamped(user(2, "late"), 3))
		r.goTo(s, "a", "add u2 late")
		restored := newDirectory(stamped(user(1, "old"), 1))
		restored.pretend = session(ErrRewound)
		s.servers["a"] = restored
		r.start()
		r.expectReason("it comes from its future")
		r.note("everything is loaded anew")
		restored.change(func() { restored.pretend = nil })
		pass(time.Minute)
		r.expectAny("change u1 new old", "remove u2 late")
		r.note("everything is loaded anew")
		if len(restored.sessions) != 2 || restored.sessions[1] != "" {
			t.Errorf("sessions %q", restored.sessions)
		}
		restored.cut()
		pass(time.Minute)
		if status, _ := r.Status(t.Context()); len(status.Notes) != 0 || !status.Ready {
			t.Errorf("status %+v", status)
		}
	})
}

// TestServerThatFellBackAndWentOnIsBelieved proves the same when nobody noticed: it has come past what was known.
func TestServerThatFellBackAndWentOnIsBelieved(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r, s := newReplicated(t)
		s.servers["b"] = newDirectory(stamped(user(1, "old"), 1), stamped(user(3, "x"), 2), stamped(user(4, "y"), 3))
		s.now = "b"
		r.start()
		r.expectAny("add u3 x", "add u4 y", "change u1 new old")
	})
}

func TestUnreadableEntryWaits(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newStopped(t, 2)
		large := Event{Kind: Unreadable, UUIDs: ids(1, 1), DN: "uid=u1,ou=people", Reason: "it is too large"}
		r.pretend(nil, large, Event{Kind: Present, UUIDs: ids(2, 2)}, Event{Kind: RefreshEnd, Snapshot: true, Cookie: []byte(cookieAt(2))})
		r.start()
		r.expect()
		r.expectMarks("u1 parked: out of scope: uid=u1,ou=people has left the base or may not be read")
		r.note(`"uid=u1,ou=people" cannot be taken in: it is too large`)
		r.stop()
		r.pretend(nil, Event{Kind: Content, Entry: user(1, "b")}, Event{Kind: RefreshEnd, Cookie: []byte(cookieAt(2))}, Event{
			Kind: Unreadable, UUIDs: ids(2, 2), DN: "uid=u2,ou=people", Reason: "it is too large", Cookie: []byte(cookieAt(3)),
		})
		r.dir.set(user(1, "b"))
		r.start()
		r.expect("change u1 a1 b")
		r.expectMarks("u2 parked: out of scope: uid=u2,ou=people has left the base or may not be read")
	})
}

// TestSessionsThatEndInGoodOrder proves that a server which does not persist is followed by repeated refreshes, and that
// nothing is wrong in between.
func TestSessionsThatEndInGoodOrder(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, crowd(1)...)
		r.pretend(&Again{After: 10 * time.Second, Why: errors.New("ended")},
			append(content(user(1, "a1")), Event{Kind: RefreshEnd, Snapshot: true, Cookie: []byte(cookieAt(1))})...)
		r.start()
		r.expect("add u1 a1")
		for i := range 5 {
			if status, _ := r.Status(t.Context()); !status.Ready || status.Source.LastError != "" || status.Source.Phase != phasePersist {
				t.Errorf("status %+v", status)
			}
			if len(r.dir.sessions) != i+1 {
				t.Errorf("%d sessions, want %d", len(r.dir.sessions), i+1)
			}
			pass(10 * time.Second)
		}
		r.pretend(errCut)
		pass(10 * time.Second)
		r.expectReason(errCut.Error())
	})
}

// slow is an error that knows how long to wait.
type slow struct{ error }

func (slow) Delay() time.Duration { return time.Hour }

func TestSessionsWaitAsLongAsTheirErrorSays(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newStopped(t, 1)
		r.pretend(slow{errors.New("locked out")})
		r.start()
		pass(59 * time.Minute)
		if len(r.dir.sessions) != 1 {
			t.Errorf("%d sessions", len(r.dir.sessions))
		}
		r.honest()
		pass(2 * time.Minute)
		if status, _ := r.Status(t.Context()); !status.Ready {
			t.Errorf("status %+v", status)
		}
	})
}
