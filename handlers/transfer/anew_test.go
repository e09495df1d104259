package transfer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/handlers/mailbox"
	"github.com/mailreg/mailreg/schema"
)

// fakeDoveadm has both hosts find so many messages, and no copy succeed.
func fakeDoveadm(t *testing.T, messages int) {
	t.Helper()
	script := "#!/bin/sh\ncase \"$*\" in\n" +
		fmt.Sprintf("*status*) printf 'mailbox\\tmessages\\tuidnext\\tuidvalidity\\thighestmodseq\\nINBOX\\t%d\\t1\\t1\\t1\\n';;\n", messages) +
		"*) exit 75;;\nesac\n"
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "doveadm"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

// sending is a mover whose passes send something before they end, when it is true.
type sending struct {
	Mover
	sends bool
}

func (s *sending) Copy(ctx context.Context, p Pass) error {
	if s.sends {
		p.Sent.Add(1)
	}
	return s.Mover.Copy(ctx, p)
}

// coming makes two services, between which a user is on the way whose copy has begun.
func coming(t *testing.T) (l *leg, there *Service, b *spool) {
	t.Helper()
	uuid := schema.UUID{1}
	here, _ := newService(t.TempDir())
	there, b = newService(t.TempDir())
	j := mailbox.Journey{UUID: uuid, From: address("a@x.test"), To: address("a@x.test"), Peer: "mail2.x.test"}
	if err := here.HandOver(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	if err := there.Await(t.Context(), mailbox.Journey{UUID: uuid, To: j.To, Peer: "mail1.x.test"}); err != nil {
		t.Fatal(err)
	}
	l = across(t, here, there, uuid)
	if _, err := there.update(In, uuid, func(m *Move) error {
		m.ID, m.State, m.Peer, m.Home = l.m.ID, Receiving, "mail1.x.test", "/in/anna"
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return l, there, b
}

// TestBegunAnew has a copy fail again and again: one that does not grow is thrown away, once, and one that grows is not.
func TestBegunAnew(t *testing.T) {
	l, there, b := coming(t)
	copies := &sending{l.mover, true}
	l.mover = copies
	for _, step := range []struct{ messages, attempt int }{
		{5, 0}, {7, 0}, {7, 1}, {0, 1}, {3, 1}, {3, 2},
	} {
		fakeDoveadm(t, step.messages)
		if _, err := l.pass(t.Context(), false); err == nil {
			t.Fatal("doveadm has ended by 75, and that is no error")
		} else {
			l.failed(t.Context(), err)
		}
		l.m, _ = l.get(Out, l.m.UUID)
		for range 2 {
			if err := there.clear(t.Context(), l.order()); err != nil {
				t.Fatal(err)
			}
		}
		if l.m.Attempt != step.attempt || b.withdrawn != step.attempt {
			t.Errorf("with %d messages: attempt %d, %d copies thrown away; want %d", step.messages, l.m.Attempt, b.withdrawn, step.attempt)
		}
	}
	copies.sends = false // the mail server here is away
	for range 3 {
		_, err := l.pass(t.Context(), false)
		l.failed(t.Context(), err)
	}
	if l.m, _ = l.get(Out, l.m.UUID); l.m.Attempt != 2 {
		t.Errorf("nothing was sent, and the copy is begun anew: attempt %d", l.m.Attempt)
	}
	for what, err := range map[string]error{
		"refused": &refusal{"mail2.x.test", "no", false}, "unreachable": &unreachable{errors.New("no route")}, "changed": backend.ErrAgain,
	} {
		before, _ := l.get(Out, l.m.UUID)
		l.failed(t.Context(), err)
		if after, _ := l.get(Out, l.m.UUID); after.Reached != before.Reached {
			t.Errorf("%s: counted against the copy", what)
		}
	}
}

// TestClearLate has a question to begin anew come late, or of another move: what is here by then stays.
func TestClearLate(t *testing.T) {
	l, there, b := coming(t)
	o := l.order()
	o.Attempt = 1
	if err := there.clear(t.Context(), o); err != nil || b.withdrawn != 1 {
		t.Fatalf("%d copies thrown away, %v", b.withdrawn, err)
	}
	other := o
	other.ID, other.Attempt = "other", 2
	opened := o
	opened.Attempt = 3
	for _, late := range []order{o, other} {
		if err := there.clear(t.Context(), late); err != nil || b.withdrawn != 1 {
			t.Errorf("%+v: %d copies thrown away, %v", late, b.withdrawn, err)
		}
	}
	if _, err := there.update(In, o.UUID, func(m *Move) error { m.State = Opening; return nil }); err != nil {
		t.Fatal(err)
	}
	if err := there.clear(t.Context(), opened); err != nil || b.withdrawn != 1 {
		t.Errorf("opened, and %d copies thrown away, %v", b.withdrawn, err)
	}
}
