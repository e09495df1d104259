package provider

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/mailreg/mailreg/listener"
	"github.com/mailreg/mailreg/listener/refusal"
	"github.com/mailreg/mailreg/listener/syncrepl"
	"github.com/mailreg/mailreg/tests/harness"
)

func TestOpenLDAP04CookiesInTheMiddleAreNoPosition(t *testing.T) {
	s := harness.NewSlapd(t)
	n := names{}
	cookie := offline(t, s, n)
	events, end, _ := sync(t, newSource(t, s), cookie)
	for _, e := range events {
		if strings.Contains(string(e.Cookie), "delcsn=") && bytes.Equal(e.Cookie, end.Cookie) {
			t.Errorf("the end has the cookie of the middle, %q", e.Cookie)
		}
	}
	if strings.Contains(string(end.Cookie), "delcsn=") || len(end.Cookie) == 0 {
		t.Errorf("the end has cookie %q", end.Cookie)
	}
}

func TestOpenLDAP05DeleteAndAddAgain(t *testing.T) {
	s := harness.NewSlapd(t)
	n := names{}
	n.add(s, "anna")
	_, _, cookie := sync(t, newSource(t, s), nil)
	s.Delete(harness.DN("anna"))
	n.put(s.AddPerson(harness.Person{UID: "anna", Mail: "anna@example.test"}), "anna2")
	events, end, _ := sync(t, newSource(t, s), cookie)
	compare(t, "events", []string{"gone anna", "content anna2 anna@example.test"}, n.show(events...))
	if end.Snapshot {
		t.Error("the session log should have told what is gone")
	}
}

func TestOpenLDAP07SubtreeRenameIsHiddenByTheFilter(t *testing.T) {
	s := harness.NewSlapd(t)
	n := names{}
	n.add(s, "anna")
	source := newSource(t, s, func(c *syncrepl.Config) { c.Filter = "(mailPrimaryAddress=*)" })
	session := follow(t, source, nil)
	_, end := session.refresh()
	s.Rename(harness.PeopleDN, "ou=persons", "")
	// Only that something has happened is told in a running session, and to who comes back that a stranger has gone.
	if e := session.event(); e.Kind != listener.Position {
		t.Errorf("after the rename: %q", n.show(e))
	}
	events, _, _ := sync(t, source, end.Cookie)
	compare(t, "events", []string{"gone "}, n.show(events...))
}

func TestOpenLDAP09CookieOfAWiderFilterBringsNothing(t *testing.T) {
	s := harness.NewSlapd(t)
	n := names{}
	n.add(s, "anna")
	narrow := newSource(t, s, func(c *syncrepl.Config) { c.Filter = "(uid=nobody)" })
	_, _, cookie := sync(t, narrow, nil)
	events, end, _ := sync(t, newSource(t, s), cookie)
	if len(events) != 0 || end.Snapshot || len(end.Cookie) != 0 {
		t.Errorf("%q, snapshot %t, cookie %q", n.show(events...), end.Snapshot, end.Cookie)
	}
}

func TestOpenLDAP10CookieOfAStrangerIsASnapshot(t *testing.T) {
	s := harness.NewSlapd(t)
	n := names{}
	n.add(s, "anna")
	events, end, _ := sync(t, newSource(t, s), []byte("rid=000,csn=20200101000000.000000Z#000000#077#000000"))
	compare(t, "events", []string{"content anna anna@example.test"}, n.show(events...))
	if !end.Snapshot || len(end.Cookie) == 0 {
		t.Errorf("snapshot %t, cookie %q", end.Snapshot, end.Cookie)
	}
}

// TestOpenLDAP11RefusalHealsWithTheNextWrite shows why everything is loaded anew after a 53: once the server has been written
// to, it takes the same cookie and says nothing of what lies in between.
func TestOpenLDAP11RefusalHealsWithTheNextWrite(t *testing.T) {
	s := harness.NewSlapd(t, func(c *harness.SlapdConfig) { c.Checkpoint = "none" })
	n := names{}
	session := follow(t, newSource(t, s), nil)
	session.refresh()
	n.add(s, "anna")
	cookie := session.event().Cookie
	s.Kill()
	s.Start()
	for range 2 {
		if _, err := follow(t, newSource(t, s), cookie).err(); !errors.Is(err, listener.ErrRewound) {
			t.Errorf("ended with %v", err)
		}
	}
	n.add(s, "bert")
	events, _, _ := sync(t, newSource(t, s), cookie)
	compare(t, "events", []string{"content bert bert@example.test"}, n.show(events...))
}

// TestOpenLDAP12ChangeBehindThePositionIsNotTold is the other half of the fact: who has an older cookie is told that nothing
// has changed, although a change was committed.
func TestOpenLDAP12ChangeBehindThePositionIsNotTold(t *testing.T) {
	s := harness.NewSlapd(t, func(c *harness.SlapdConfig) { c.Checkpoint = "none" })
	n := names{}
	n.add(s, "anna")
	s.Restart() // in good order: the position is stored
	_, _, cookie := sync(t, newSource(t, s), nil)
	n.add(s, "bert")
	s.Kill()
	s.Start()
	if s.UUID(harness.DN("bert")) == "" {
		t.Fatal("the change was not committed")
	}
	events, end, _ := sync(t, newSource(t, s), cookie)
	if len(events) != 0 || end.Snapshot {
		t.Errorf("%q, snapshot %t", n.show(events...), end.Snapshot)
	}
	n.add(s, "carl")
	events, _, _ = sync(t, newSource(t, s), cookie)
	got := n.show(events...)
	slices.Sort(got)
	compare(t, "after the next write", []string{"content bert bert@example.test", "content carl carl@example.test"}, got)
}

func TestOpenLDAP13SizeLimitDoesNotCutSets(t *testing.T) {
	s := harness.NewSlapd(t, noSessionLog, func(c *harness.SlapdConfig) { c.LDIF = people(50) })
	_, _, cookie := sync(t, newSource(t, s), nil)
	s.Delete(harness.DN("user000007"))
	s.Restart(func(c *harness.SlapdConfig) { c.Limits = "size=10" })
	events, end, _ := sync(t, newSource(t, s), cookie)
	present := 0
	for _, e := range events {
		present += len(e.UUIDs)
	}
	if present != 49 || !end.Snapshot {
		t.Errorf("%d present, snapshot %t", present, end.Snapshot)
	}
}

func TestOpenLDAP13SizeLimitIsExplained(t *testing.T) {
	s := harness.NewSlapd(t, func(c *harness.SlapdConfig) { c.LDIF, c.Limits = people(50), "size=10" })
	_, err := follow(t, newSource(t, s), nil).err()
	slow, ok := errors.AsType[listener.Delayer](err)
	if !ok || slow.Delay() != refusal.Limited || !strings.Contains(err.Error(), "has cut the search after 10 entries: lift it for "+harness.ListenerDN) {
		t.Errorf("ended with %v", err)
	}
}

// TestOpenLDAPRefusals has the server refuse in the ways that can be had of a real one.
func TestOpenLDAPRefusals(t *testing.T) {
	tests := map[string]struct {
		config func(*harness.SlapdConfig)
		source func(*syncrepl.Config)
		want   string
	}{
		"32 base missing": {source: func(c *syncrepl.Config) { c.Base = "ou=nothing," + harness.BaseDN }, want: "see ldap/base"},
		"32 base hidden":  {config: acl("to dn.subtree=" + harness.BaseDN + " by anonymous auth by * none"), want: "or hides it from " + harness.ListenerDN},
		"10 referral": {
			config: func(c *harness.SlapdConfig) { c.Global = []string{"referral ldap://elsewhere.example.test"} },
			source: func(c *syncrepl.Config) { c.Base = "dc=other,dc=test" },
			want:   "names ldap://elsewhere.example.test",
		},
		"12 no syncprov": {
			config: func(c *harness.SlapdConfig) { c.Monitor = true },
			source: func(c *syncrepl.Config) { c.Base = "cn=Monitor" },
			want:   "OpenLDAP: the overlay syncprov",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			config := tt.config
			if config == nil {
				config = func(*harness.SlapdConfig) {}
			}
			s := harness.NewSlapd(t, config)
			source := newSource(t, s, func(c *syncrepl.Config) {
				if tt.source != nil {
					tt.source(c)
				}
			})
			events, err := follow(t, source, nil).err()
			if len(events) != 0 || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%d events, then %v", len(events), err)
			}
		})
	}
}
