package provider

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/mailreg/mailreg/listener"
	"github.com/mailreg/mailreg/listener/probe"
	"github.com/mailreg/mailreg/listener/syncrepl"
	"github.com/mailreg/mailreg/tests/harness"
)

func TestOnlineChangesComeOneByOne(t *testing.T) {
	s := harness.NewSlapd(t)
	n := names{}
	n.add(s, "anna", "bert")
	session := follow(t, newSource(t, s), nil)
	_, end := session.refresh()
	last := end.Cookie
	// want reads as many events as it has lines; each must move the cookie.
	want := func(lines ...string) {
		t.Helper()
		var events []listener.Event
		for range lines {
			e := session.event()
			if len(e.Cookie) == 0 || bytes.Equal(e.Cookie, last) {
				t.Errorf("event %q with cookie %q after %q", n.show(e), e.Cookie, last)
			}
			last = e.Cookie
			events = append(events, e)
		}
		compare(t, "events", lines, n.show(events...))
	}

	n.add(s, "carl")
	want("content carl carl@example.test")
	s.SetMail(harness.DN("anna"), "anna.new@example.test")
	want("content anna anna.new@example.test")

	s.Rename(harness.DN("anna"), "uid=anne", harness.StaffDN)
	e := session.event()
	if e.Entry == nil || e.Entry.DN != "uid=anne,"+harness.StaffDN {
		t.Errorf("after a rename: %+v", e)
	}
	last = e.Cookie

	s.Delete(harness.DN("carl"))
	want("gone carl")

	// Same DN and address, another entry.
	s.Delete(harness.DN("bert"))
	want("gone bert")
	n.put(s.AddPerson(harness.Person{UID: "bert", Mail: "bert@example.test"}), "bert2")
	want("content bert2 bert@example.test")
}

func TestOpenLDAP08EntryLeavesTheFilterAndReturns(t *testing.T) {
	s := harness.NewSlapd(t)
	n := names{}
	n.add(s, "anna")
	source := newSource(t, s, func(c *syncrepl.Config) { c.Filter = "(mailPrimaryAddress=*)" })
	session := follow(t, source, nil)
	session.refresh()
	s.SetMail(harness.DN("anna"), "")
	compare(t, "on leaving", []string{"gone anna"}, n.show(session.event()))
	s.SetMail(harness.DN("anna"), "anna@example.test")
	compare(t, "on returning", []string{"content anna anna@example.test"}, n.show(session.event()))
}

func TestOpenLDAP08EntryLeavesTheBaseAndReturns(t *testing.T) {
	s := harness.NewSlapd(t)
	n := names{}
	n.add(s, "anna")
	session := follow(t, newSource(t, s, func(c *syncrepl.Config) { c.Base = harness.PeopleDN }), nil)
	session.refresh()
	s.Rename(harness.DN("anna"), "uid=anna", harness.StaffDN)
	compare(t, "on leaving", []string{"gone anna"}, n.show(session.event()))
	s.Rename("uid=anna,"+harness.StaffDN, "uid=anna", harness.PeopleDN)
	compare(t, "on returning", []string{"content anna anna@example.test"}, n.show(session.event()))
}

func TestOpenLDAP07SubtreeRenameNamesOnlyTheParent(t *testing.T) {
	// Children's DNs change without a word, so DNs are data that a listener cannot rely on.
	s := harness.NewSlapd(t)
	n := names{}
	n.add(s, "anna")
	source := newSource(t, s, func(c *syncrepl.Config) { c.Filter = "(objectClass=*)" })
	session := follow(t, source, nil)
	session.refresh()
	s.Rename(harness.PeopleDN, "ou=persons", "")
	if e := session.event(); e.Kind != listener.Content || !strings.HasPrefix(e.Entry.DN, "ou=persons,") {
		t.Errorf("after the rename: %+v", e)
	}
	s.Set("uid=anna,ou=persons,"+harness.BaseDN, "description", "changed")
	if e := session.event(); e.Entry == nil || e.Entry.DN != "uid=anna,ou=persons,"+harness.BaseDN {
		t.Errorf("after a change of the child: %+v", e)
	}
}

func TestOpenLDAP15WriteOutsideTheFilterMovesThePosition(t *testing.T) {
	s := harness.NewSlapd(t)
	n := names{}
	n.add(s, "anna")
	session := follow(t, newSource(t, s), nil)
	_, end := session.refresh()
	s.Set(harness.StaffDN, "description", "no mail user")
	e := session.event()
	if e.Kind != listener.Position || len(e.Cookie) == 0 || bytes.Equal(e.Cookie, end.Cookie) {
		t.Errorf("event %q with cookie %q after %q", n.show(e), e.Cookie, end.Cookie)
	}
	csns, err := newProbe(t, s, harness.BaseDN).Position(t.Context())
	if err != nil || len(csns) != 1 || !strings.Contains(string(e.Cookie), csns[0]) {
		t.Errorf("the cookie %q does not hold the server's position %q (%v)", e.Cookie, csns, err)
	}
}

func TestOpenLDAP14ReferralsAreEntries(t *testing.T) {
	s := harness.NewSlapd(t)
	names{}.add(s, "anna")
	s.LDIF("dn: ou=elsewhere," + harness.BaseDN + "\nobjectClass: referral\nobjectClass: extensibleObject\nou: elsewhere\n" +
		"ref: ldap://elsewhere.example.test/" + harness.BaseDN + "\n")
	source := newSource(t, s, func(c *syncrepl.Config) { c.Filter = "(objectClass=*)" })
	events, end, _ := sync(t, source, nil)
	found := false
	for _, e := range events {
		found = found || e.Entry.DN == "ou=elsewhere,"+harness.BaseDN
	}
	if !found || !end.Snapshot {
		t.Errorf("%d entries, the referral among them: %t", len(events), found)
	}
}

func TestGoLDAP06ServerDeathEndsTheSession(t *testing.T) {
	ends := map[string]func(*harness.Slapd){
		"SIGKILL": (*harness.Slapd).Kill,
		"SIGTERM": (*harness.Slapd).Stop,
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			s := harness.NewSlapd(t)
			names{}.add(s, "anna")
			session := follow(t, newSource(t, s), nil)
			session.refresh()
			end(s)
			dead := time.Now()
			events, err := session.err()
			took := time.Since(dead)
			if len(events) != 0 || !strings.Contains(err.Error(), s.URL()) {
				t.Errorf("%d events, then %v", len(events), err)
			}
			if name == "SIGKILL" && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("ended with %v", err)
			}
			if took > time.Second {
				t.Errorf("the end was noticed after %s", took)
			}
			if _, err := follow(t, newSource(t, s), nil).err(); err == nil {
				t.Error("a dead server was followed")
			}
		})
	}
}

func TestGoLDAP06CancelEndsTheSessionWithItsCause(t *testing.T) {
	s := harness.NewSlapd(t, func(c *harness.SlapdConfig) { c.Monitor = true })
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	reason := errors.New("enough")
	n := 0
	for event, err := range newSource(t, s).Events(ctx, nil) {
		if n++; event.Kind == listener.RefreshEnd && err == nil {
			cancel(reason)
			continue
		}
		if !errors.Is(err, reason) {
			t.Errorf("event %v, error %v", event, err)
		}
	}
	if n != 2 {
		t.Errorf("%d elements", n)
	}
}

func TestOpenLDAP12KilledServerForgetsItsPosition(t *testing.T) {
	// The position is in memory until a checkpoint. Killed before it, the server holds the change but not its position, and
	// whoever has seen it comes from the future.
	for name, tt := range map[string]struct {
		checkpoint string
		err        error
	}{
		"without checkpoint": {"none", listener.ErrCookie},
		"with checkpoint":    {"1 1", nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := harness.NewSlapd(t, func(c *harness.SlapdConfig) { c.Checkpoint = tt.checkpoint })
			n := names{}
			session := follow(t, newSource(t, s), nil)
			session.refresh()
			n.add(s, "anna")
			cookie := session.event().Cookie
			s.Kill()
			s.Start()
			if tt.err == nil {
				events, end, _ := sync(t, newSource(t, s), cookie)
				compare(t, "events", []string{}, n.show(events...))
				if end.Snapshot {
					t.Error("nothing has changed, but the refresh is a snapshot")
				}
				return
			}
			if _, err := follow(t, newSource(t, s), cookie).err(); !errors.Is(err, tt.err) {
				t.Errorf("ended with %v", err)
			}
			// A session without cookie sees the change all the same.
			events, _, _ := sync(t, newSource(t, s), nil)
			compare(t, "events", []string{"content anna anna@example.test"}, n.show(events...))
		})
	}
}

func TestGoLDAP12MessagesAreBounded(t *testing.T) {
	s := harness.NewSlapd(t)
	var aliases []string
	for i := range 20000 {
		aliases = append(aliases, fmt.Sprintf("alias%05d@example.test", i))
	}
	s.AddPerson(harness.Person{UID: "anna", Aliases: aliases})
	events, _, _ := sync(t, newSource(t, s), nil)
	if len(events) != 1 || len(events[0].Entry.Values("mailAlternativeAddress")) != len(aliases) {
		t.Errorf("%d events", len(events))
	}
	// Beyond the bound the entry is passed over, told, and does not keep the others from coming.
	s.AddPerson(harness.Person{UID: "bert"})
	small := newSource(t, s, func(c *syncrepl.Config) { c.Server.MaxMessage = 100 << 10 })
	events, end, _ := sync(t, small, nil)
	if len(events) != 2 || events[0].Kind != listener.Unreadable || events[0].DN != harness.DN("anna") || !end.Snapshot ||
		!strings.Contains(events[0].Reason, "more than 102400") || events[1].Entry == nil {
		t.Errorf("beyond the bound: %+v", events)
	}
	bounded := server(s)
	bounded.MaxMessage = 100 << 10
	p, err := probe.New(probe.Config{Server: bounded, Base: harness.BaseDN})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for range 2 {
		if verdict, _, err := p.Verify(t.Context(), events[0].UUIDs[0], harness.DN("anna")); err != nil || verdict != listener.OutOfScope {
			t.Errorf("verdict %s, %v", verdict, err)
		}
	}
}
