package provider

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mailreg/mailreg/listener"
	"github.com/mailreg/mailreg/listener/syncrepl"
	"github.com/mailreg/mailreg/listener/wire"
	"github.com/mailreg/mailreg/tests/harness"
)

func noSessionLog(c *harness.SlapdConfig) { c.SessionLog = -1 }

func compare(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestOpenLDAP01InitialContentIsASnapshot(t *testing.T) {
	s := harness.NewSlapd(t)
	n := names{}
	n.add(s, "anna", "bert")
	events, end, cookie := sync(t, newSource(t, s), nil)
	got := n.show(events...)
	slices.Sort(got)
	compare(t, "events", []string{"content anna anna@example.test", "content bert bert@example.test"}, got)
	for _, e := range events {
		if len(e.Cookie) != 0 {
			t.Errorf("an entry of the initial refresh carries cookie %q", e.Cookie)
		}
		if e.Entry.First("entryUUID") != e.Entry.UUID.String() {
			t.Errorf("%s: sync UUID %s but entryUUID %s", e.Entry.DN, e.Entry.UUID, e.Entry.First("entryUUID"))
		}
	}
	if !end.Snapshot || len(cookie) == 0 {
		t.Errorf("snapshot %t, cookie %q", end.Snapshot, cookie)
	}
}

func TestEmptyDirectoryIsASnapshotWithACookie(t *testing.T) {
	events, end, cookie := sync(t, newSource(t, harness.NewSlapd(t)), nil)
	if len(events) != 0 || !end.Snapshot || len(cookie) == 0 {
		t.Errorf("%d events, snapshot %t, cookie %q", len(events), end.Snapshot, cookie)
	}
}

func TestOpenLDAP02UnchangedBringsAnEmptyCookie(t *testing.T) {
	s := harness.NewSlapd(t)
	names{}.add(s, "anna")
	_, _, cookie := sync(t, newSource(t, s), nil)
	events, end, _ := sync(t, newSource(t, s), cookie)
	if len(events) != 0 || end.Snapshot || len(end.Cookie) != 0 {
		t.Errorf("%d events, snapshot %t, cookie %q", len(events), end.Snapshot, end.Cookie)
	}
}

// offline makes every kind of change while nobody follows, and returns the cookie from before.
func offline(t *testing.T, s *harness.Slapd, n names) (cookie []byte) {
	t.Helper()
	n.add(s, "anna", "bert", "carl", "dora", "emil")
	_, _, cookie = sync(t, newSource(t, s), nil)
	s.SetMail(harness.DN("anna"), "anna.new@example.test")
	s.Delete(harness.DN("bert"))
	s.Rename(harness.DN("carl"), "uid=carla", "")
	s.Delete(harness.DN("dora"))
	n.put(s.AddPerson(harness.Person{UID: "dora", Mail: "dora@example.test"}), "dora2")
	n.add(s, "frida")
	return cookie
}

func TestOpenLDAP04SessionLogNamesWhatIsGone(t *testing.T) {
	s := harness.NewSlapd(t)
	n := names{}
	cookie := offline(t, s, n)
	events, end, next := sync(t, newSource(t, s), cookie)
	compare(t, "events", []string{
		"gone bert dora",
		"content anna anna.new@example.test",
		"content carl carl@example.test",
		"content dora2 dora@example.test",
		"content frida frida@example.test",
	}, n.show(events...))
	if end.Snapshot || len(end.Cookie) == 0 {
		t.Errorf("snapshot %t, cookie %q", end.Snapshot, end.Cookie)
	}
	if events, _, _ := sync(t, newSource(t, s), next); len(events) != 0 {
		t.Errorf("resumed from the new cookie, again %q", n.show(events...))
	}
}

func TestOpenLDAP03NoSessionLogIsAPresentPhase(t *testing.T) {
	tests := map[string]struct {
		log     func(*harness.SlapdConfig)
		restart bool
	}{
		"no session log":          {log: noSessionLog},
		"restart loses the log":   {log: func(*harness.SlapdConfig) {}, restart: true},
		"the log is too small":    {log: func(c *harness.SlapdConfig) { c.SessionLog = 1 }},
		"restart without any log": {log: noSessionLog, restart: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := harness.NewSlapd(t, tt.log)
			n := names{}
			cookie := offline(t, s, n)
			if tt.restart {
				s.Restart()
			}
			events, end, _ := sync(t, newSource(t, s), cookie)
			got := n.show(events...)
			slices.Sort(got)
			compare(t, "events", []string{
				"content anna anna.new@example.test",
				"content carl carl@example.test",
				"content dora2 dora@example.test",
				"content frida frida@example.test",
				"present anna carl dora2 emil frida",
			}, got)
			if !end.Snapshot || len(end.Cookie) == 0 {
				t.Errorf("snapshot %t, cookie %q", end.Snapshot, end.Cookie)
			}
		})
	}
}

func TestOpenLDAP03PresentEntriesComeInSets(t *testing.T) {
	s := harness.NewSlapd(t, noSessionLog, func(c *harness.SlapdConfig) { c.LDIF = people(1000) })
	_, _, cookie := sync(t, newSource(t, s), nil)
	s.Delete(harness.DN("user000007"))
	events, end, _ := sync(t, newSource(t, s), cookie)
	present := map[string]bool{}
	for _, e := range events {
		if e.Kind != listener.Present {
			t.Errorf("a %d event", e.Kind)
		}
		for _, uuid := range e.UUIDs {
			present[uuid.String()] = true
		}
	}
	if len(events) < 4 || len(present) != 999 || !end.Snapshot {
		t.Errorf("%d sets with %d entries, snapshot %t", len(events), len(present), end.Snapshot)
	}
}

func TestOpenLDAP09CookieOfAWiderBaseBringsNothing(t *testing.T) {
	// The reason why a cookie is bound to its base: the server answers that nothing has changed, and what the wider search
	// would find beside it never comes.
	s := harness.NewSlapd(t)
	names{}.add(s, "anna")
	narrow := newSource(t, s, func(c *syncrepl.Config) { c.Base = harness.StaffDN })
	_, _, cookie := sync(t, narrow, nil)
	events, end, _ := sync(t, newSource(t, s), cookie)
	if len(events) != 0 || end.Snapshot || len(end.Cookie) != 0 {
		t.Errorf("%d events, snapshot %t, cookie %q", len(events), end.Snapshot, end.Cookie)
	}
}

func TestOpenLDAP11CookieFromTheFutureIsRefused(t *testing.T) {
	s := harness.NewSlapd(t)
	names{}.add(s, "anna")
	cookie := []byte("rid=000,csn=20990101000000.000000Z#000000#000#000000")
	events, err := follow(t, newSource(t, s), cookie).err()
	var result *wire.Result
	if !errors.Is(err, listener.ErrCookie) || !errors.As(err, &result) || result.Code != 53 || len(events) != 0 {
		t.Errorf("%d events, then %v", len(events), err)
	}
	if !strings.Contains(err.Error(), "consumer state is newer than provider") {
		t.Errorf("%v does not give the server's reason", err)
	}
}

func TestOpenLDAP10CookieFromThePastIsASnapshot(t *testing.T) {
	s := harness.NewSlapd(t)
	n := names{}
	n.add(s, "anna")
	events, end, _ := sync(t, newSource(t, s), []byte("rid=000,csn=20200101000000.000000Z#000000#000#000000"))
	compare(t, "events", []string{"content anna anna@example.test"}, n.show(events...))
	if !end.Snapshot || len(end.Cookie) == 0 {
		t.Errorf("snapshot %t, cookie %q", end.Snapshot, end.Cookie)
	}
}

func TestOpenLDAP10GarbageCookieIsNoticed(t *testing.T) {
	// The server takes no offence: it sends everything and ends with an empty cookie, as if nothing had been deleted.
	s := harness.NewSlapd(t)
	n := names{}
	n.add(s, "anna")
	events, err := follow(t, newSource(t, s), []byte("garbage")).err()
	compare(t, "events", []string{"content anna anna@example.test"}, n.show(events...))
	if !errors.Is(err, listener.ErrCookie) {
		t.Errorf("the session ended with %v", err)
	}
}

func TestOpenLDAP13SizeLimitIsNoEndOfARefresh(t *testing.T) {
	s := harness.NewSlapd(t, func(c *harness.SlapdConfig) {
		c.LDIF, c.Limits = people(50), "size=10"
	})
	events, err := follow(t, newSource(t, s), nil).err()
	var result *wire.Result
	if !errors.As(err, &result) || result.Code != 4 || len(events) == 0 {
		t.Errorf("%d events, then %v", len(events), err)
	}
	for _, e := range events {
		if e.Kind == listener.RefreshEnd {
			t.Error("a cut refresh has ended as if it were whole")
		}
	}
}

func TestOpenLDAP06SwapShowsOnlyItsEnd(t *testing.T) {
	s := harness.NewSlapd(t)
	n := names{}
	n.add(s, "anna", "bert")
	_, _, cookie := sync(t, newSource(t, s), nil)
	s.Rename(harness.DN("anna"), "uid=third", "")
	s.Rename(harness.DN("bert"), "uid=anna", "")
	s.Rename(harness.DN("third"), "uid=bert", "")
	events, _, _ := sync(t, newSource(t, s), cookie)
	got := map[string]string{}
	for _, e := range events {
		got[n[e.Entry.UUID]] = e.Entry.DN
	}
	compare(t, "DNs", map[string]string{"anna": harness.DN("bert"), "bert": harness.DN("anna")}, got)
}
