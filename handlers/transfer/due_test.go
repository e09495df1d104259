package transfer

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/mailreg/mailreg/handlers/mailbox"
	"github.com/mailreg/mailreg/schema"
)

// TestLongCopyHoldsUpNobody has a host be out of reach for a moment while a copy to it runs, as one may for hours: the others
// go there again, one at a time until it answers.
func TestLongCopyHoldsUpNobody(t *testing.T) {
	s, _ := newService(t.TempDir())
	set(t, s, "hostname: mail1")
	const peer = "mail2.x.test"
	for n := range 3 {
		j := mailbox.Journey{UUID: schema.UUID{byte(n)}, To: address(string(rune('a'+n)) + "@x.test"), Peer: peer}
		if err := s.HandOver(t.Context(), j); err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			continue
		}
		if _, err := s.update(Out, j.UUID, func(m *Move) error { m.State = Committing; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	s.running[track{Out, schema.UUID{0}}] = true
	s.away[peer] = trouble{err: errors.New("no route"), tries: 1, next: time.Now().Add(-time.Second)}
	probe := []track{{Out, schema.UUID{1}}}
	if got := s.due(); !slices.Equal(got, probe) {
		t.Errorf("while a copy runs, and nobody is let in, %v is tried", got)
	}
	if got := s.due(); len(got) > 0 {
		t.Errorf("before the host has answered, %v is tried as well", got)
	}
	s.reached(peer)
	if got := s.due(); !slices.Equal(got, []track{{Out, schema.UUID{2}}}) {
		t.Errorf("after it has answered, %v is tried", got)
	}
}
