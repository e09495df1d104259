package main

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/schema"
)

func (d directory) Explain(_ context.Context, s control.Selection) ([]control.Explanation, error) {
	var found []control.Explanation
	for _, e := range d.entries {
		primary := e.Schema().First(schema.AttrPrimaryAddress)
		if s.UUID != e.UUID.String() && s.Address != primary && s.DN != e.DN {
			continue
		}
		at := control.Moment{Time: time.Date(2026, 11, 24, 5, 0, 0, 0, time.UTC)}
		found = append(found, control.Explanation{Entry: e, Present: true, Handlers: []control.HandlerReport{
			{Name: "mailbox", State: "parked", ID: "p7", Since: at, Attempts: 3, Reason: "no luck", Done: at, Claims: []string{"mailbox:" + primary}},
			{Name: "domain", State: "unconcerned"},
		}})
	}
	return found, nil
}

func TestExplain(t *testing.T) {
	s := newSite(t)
	anna, ben := storeOwner(t, "a", "anna@example.test"), storeOwner(t, "b", "ben@example.test")
	old := backend.Owner{UUID: storeOwner(t, "c", "x@example.test").UUID, Address: anna.Address}
	s.mail(old, "m0")
	s.trash(old)
	s.mail(anna, "m1")
	s.serve(entryOf(anna, "mail1.example.test"), entryOf(ben, "mail2.example.test"))

	out, errors, code := s.run("explain", "Anna@Example.test")
	want := `Entry: uid=anna,dc=example,dc=test
  UUID: aaaaaaaa-0000-4000-8000-aaaaaaaaaaaa
  mailprimaryaddress: anna@example.test
  objectclass: univentionMail
  univentionmailhomeserver: mail1.example.test
Wanted: a mailbox of anna@example.test on this host: univentionMailHomeServer is this host; but example.test is not in mail/hosteddomains: Postfix takes no mail for it
Login: open
Handler mailbox: parked as p7 (mailreg listener retry p7, or drop p7) since 2026-11-24T05:00:00Z, tried 3 times: no luck; last done 2026-11-24T05:00:00Z; owns mailbox:anna@example.test
Handler domain: unconcerned
Store: live, /var/spool/dovecot/private/by-id/aaaaaaaa-0000-4000-8000-aaaaaaaaaaaa, anna@example.test, messages 1, bytes 13, last login 2026-11-24T06:00:00Z
Store: deleted since 2026-11-24T05:37:15Z, `
	if code != 0 || errors != "" || !strings.HasPrefix(out, want) || !strings.Contains(out, "\n  mail/dovecot/mailbox/rename: yes (default)\n") {
		t.Errorf("exit %d, %s\n%s", code, errors, out)
	}
	out, _, _ = s.run("explain", "--json", ben.UUID.String())
	var got struct {
		Entries []struct {
			Here bool
			Rule string
		}
		Stores, Unknown []any
	}
	s.must(json.Unmarshal([]byte(out), &got))
	if len(got.Entries) != 1 || got.Entries[0].Here || got.Entries[0].Rule != "univentionMailHomeServer is mail2.example.test, this host is mail1.example.test: no mailbox here" || got.Stores == nil || len(got.Stores)+len(got.Unknown) != 0 {
		t.Errorf("%s", out)
	}
	out, _, code = s.run("explain", "uid=ben,dc=example,dc=test")
	if code != 0 || !strings.Contains(out, "\nStore: none on this host\n") {
		t.Errorf("by DN: exit %d\n%s", code, out)
	}
	// A store that mailbox list calls orphan is one here.
	dora := storeOwner(t, "d", "dora@example.test")
	s.mail(dora, "m2")
	if out, _, _ = s.run("explain", "dora@example.test"); !strings.HasPrefix(out, "Store: orphan, ") {
		t.Errorf("of nobody:\n%s", out)
	}
	s.wants(1, "", "neither the directory nor this host knows carl@example.test", "explain", "carl@example.test")
	s.wants(1, "", `"carl" is no address, UUID or DN`, "explain", "carl")
}

func TestExplainWithoutDaemon(t *testing.T) {
	s := newSite(t)
	anna := storeOwner(t, "a", "anna@example.test")
	s.mail(anna, "m1")
	for _, ref := range []string{"anna@example.test", anna.UUID.String()} {
		out, _, code := s.run("explain", ref)
		if code != 0 || !strings.HasPrefix(out, "Not known: the daemon does not answer on ") || !strings.Contains(out, "\nStore: live, ") {
			t.Errorf("%s: exit %d\n%s", ref, code, out)
		}
	}
	s.wants(1, "", "and no store on this host belongs to uid=anna", "explain", "uid=anna")
}
