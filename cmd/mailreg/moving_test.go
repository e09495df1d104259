package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/mailreg/mailreg/listener/control"
)

// TestMoving tells of whose mail goes and comes in every command that shows mailboxes, also when the daemon is away.
func TestMoving(t *testing.T) {
	s := newSite(t)
	anna, carl := storeOwner(t, "a", "anna@example.test"), storeOwner(t, "c", "carl@example.test")
	s.mail(anna, "m1")
	at := time.Date(2026, 11, 24, 5, 0, 0, 0, time.UTC)
	stop := s.serveAll(directory{
		entries: []control.Entry{entryOf(anna, "mail2.example.test"), entryOf(carl, "mail1.example.test")},
		moves: []control.Move{
			{UUID: anna.UUID, Address: anna.Address.String(), Direction: "out", Peer: "mail2.example.test", State: "copying", Entered: at, Passes: 2, Bytes: 31_000, Waiting: "held"},
			{UUID: carl.UUID, DN: "uid=carl", Address: carl.Address.String(), Direction: "in", Peer: "mail3.example.test", State: "awaiting", Entered: at},
		},
	})
	const to = "to mail2.example.test: copying since 2026-11-24T05:00:00Z, passes 2, 31 kB sent; held"
	const from = "from mail3.example.test: awaiting since 2026-11-24T05:00:00Z"
	contains := func(wanted []string, args ...string) {
		t.Helper()
		out, errors, code := s.run(args...)
		for _, text := range wanted {
			if code != 0 || !strings.Contains(out, text) {
				t.Errorf("mailreg %s: exit %d, without %q:\n%s%s", strings.Join(args, " "), code, text, out, errors)
			}
		}
	}
	s.wants(0, `ADDRESS            UUID                                  STATE    DN                           MOVING
anna@example.test  aaaaaaaa-0000-4000-8000-aaaaaaaaaaaa  leaving  uid=anna,dc=example,dc=test  `+to+`
carl@example.test  cccccccc-0000-4000-8000-cccccccccccc  coming   uid=carl                     `+from+`
`, "", "mailbox", "list")
	contains([]string{"UNUSED"}, "mailbox", "list", "--usage")
	if out, _, _ := s.run("mailbox", "list", "--orphans"); strings.Contains(out, "anna") {
		t.Errorf("who is served until the mail has left is an orphan:\n%s", out)
	}
	contains([]string{"\nState: leaving\n", "\nMoving: " + to + "\n"}, "mailbox", "show", "anna@example.test")
	contains([]string{"\nState: coming\n", "\nMoving: " + from + "\n"}, "mailbox", "show", "Carl@example.test")
	contains([]string{"\nMoving: " + to + "\nStore: leaving, "}, "explain", "anna@example.test")
	contains([]string{"\nMoving: " + from + "\n"}, "explain", carl.UUID.String())
	for _, args := range [][]string{{"mailbox", "show", "anna@example.test"}, {"explain", "anna@example.test"}} {
		var got struct{ Moves []control.Move }
		out, _, _ := s.run(append(args, "--json")...)
		s.must(json.Unmarshal([]byte(out), &got))
		if len(got.Moves) != 1 || got.Moves[0].Bytes != 31_000 {
			t.Errorf("%q: %s", args, out)
		}
	}
	stop()
	s.write("var/lib/mailreg/transfer/out/"+anna.UUID.String()+".json",
		`{"uuid":"`+anna.UUID.String()+`","address":{"Local":"anna","Domain":"example.test"},"peer":"mail2.example.test","state":"frozen","entered":"2026-11-24T05:00:00Z","passes":3}`)
	const frozen = "to mail2.example.test: frozen since 2026-11-24T05:00:00Z, passes 3"
	contains([]string{frozen}, "mailbox", "list")
	contains([]string{frozen}, "mailbox", "show", "anna@example.test")
	contains([]string{frozen, "Not known: how far moves are by now"}, "explain", "anna@example.test")
	s.write("var/lib/mailreg/transfer/out/x.json", `{`)
	for _, args := range [][]string{{"mailbox", "list"}, {"mailbox", "show", "anna@example.test"}} {
		if out, errors, code := s.run(args...); code != 0 || !strings.Contains(errors, "W: not known: which moves there are: ") || !strings.Contains(out, frozen) {
			t.Errorf("with a broken file: exit %d, %s\n%s", code, errors, out)
		}
	}
}
