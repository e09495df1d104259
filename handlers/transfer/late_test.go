package transfer

import (
	"context"
	"errors"
	"testing"

	"github.com/mailreg/mailreg/handlers/mailbox"
	"github.com/mailreg/mailreg/schema"
)

// TestOpenLate has a question of a move that was given up be answered while a newer move already copies: the newer copy, which
// is not complete, is not opened by it.
func TestOpenLate(t *testing.T) {
	s, b := newService(t.TempDir())
	set(t, s, "hostname: mail2")
	uuid := schema.UUID{1}
	anew := func(id string, state State) {
		if _, err := s.update(In, uuid, func(m *Move) error { m.ID, m.State = id, state; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Await(t.Context(), mailbox.Journey{UUID: uuid, To: address("a@x.test"), Peer: "mail1.x.test"}); err != nil {
		t.Fatal(err)
	}
	anew("one", Receiving)
	s.cfg.Lookup = func(context.Context, schema.UUID) (*schema.Mailbox, error) {
		anew("two", Receiving)
		return &schema.Mailbox{UUID: uuid, Primary: address("a@x.test"), HomeServer: "mail2.x.test"}, nil
	}
	a, err := s.open(t.Context(), order{UUID: uuid, ID: "one", From: "mail1.x.test"}, address("a@x.test"))
	if m, _ := s.get(In, uuid); m.State != Receiving || a.State == Opened || err == nil || len(b.arrived) > 0 {
		t.Errorf("a late question opens: %s, answer %q, %v, arrived %v", m.State, a.State, err, b.arrived)
	}
	anew("one", Opening)
	s.cfg.Lookup = nil
	if a, err := s.prepare(t.Context(), order{UUID: uuid, ID: "two", From: "mail3.x.test"}, address("a@x.test")); err == nil {
		t.Errorf("another move hears that it is %q", a.State)
	}
}

// full is a mover that can show nothing while err is set.
type full struct {
	Mover
	err error
}

func (f *full) Show(out, in []Move) (bool, error) {
	if f.err != nil {
		return false, f.err
	}
	return f.Mover.Show(out, in)
}

// TestDropAgain ends a move on a full disk: it is there until that has worked, so that it does not come back after a restart
// and keep its user out.
func TestDropAgain(t *testing.T) {
	root := t.TempDir()
	s, _ := newService(root)
	disk := &full{Mover: s.mover}
	s.mover = disk
	uuid := schema.UUID{1}
	if err := s.Await(t.Context(), mailbox.Journey{UUID: uuid, To: address("a@x.test"), Peer: "mail1.x.test"}); err != nil {
		t.Fatal(err)
	}
	disk.err = errors.New("no space left")
	if err := s.Cancel(t.Context(), uuid); err == nil {
		t.Fatal("ended on a full disk")
	}
	disk.err = nil
	if err := s.Cancel(t.Context(), uuid); err != nil {
		t.Fatal(err)
	}
	again, _ := newService(root)
	if _, comes, err := again.Engaged(uuid); err != nil || comes {
		t.Errorf("after a restart: comes %v, %v", comes, err)
	}
}

// TestOnward sends a user on who has just arrived: the host that the user came from may still add what came late there, until
// it says that it is done. A user who is awaited anew is not taken for the one who had arrived.
func TestOnward(t *testing.T) {
	s, _ := newService(t.TempDir())
	set(t, s, "hostname: mail2")
	uuid := schema.UUID{1}
	journey := mailbox.Journey{UUID: uuid, From: address("a@x.test"), To: address("a@x.test"), Peer: "mail1.x.test"}
	if err := s.Await(t.Context(), journey); err != nil {
		t.Fatal(err)
	}
	if _, err := s.update(In, uuid, func(m *Move) error { m.ID, m.State, m.Passes = "one", Opened, 3; return nil }); err != nil {
		t.Fatal(err)
	}
	onward := journey
	onward.Peer = "mail3.x.test"
	if err := s.HandOver(t.Context(), onward); err != nil {
		t.Fatal(err)
	}
	if m, found := s.get(In, uuid); !found || m.State != Opened || m.ID != "one" {
		t.Errorf("what has arrived is forgotten: %v %+v", found, m)
	}
	if m, found := s.get(Out, uuid); !found || m.Peer != "mail3.x.test" {
		t.Errorf("the user does not leave: %v %+v", found, m)
	}
	if leaves, comes, err := s.Engaged(uuid); !leaves || comes || err != nil {
		t.Errorf("leaves %v, comes %v, %v", leaves, comes, err)
	}
	if _, err := s.done(t.Context(), order{UUID: uuid, ID: "one", From: "mail1.x.test"}, address("a@x.test")); err != nil {
		t.Fatal(err)
	}
	if _, found := s.get(In, uuid); found {
		t.Error("it is not forgotten when the other host is done")
	}

	again, _ := newService(t.TempDir())
	if err := again.Await(t.Context(), journey); err != nil {
		t.Fatal(err)
	}
	if _, err := again.update(In, uuid, func(m *Move) error { m.ID, m.State, m.Passes = "one", Opened, 3; return nil }); err != nil {
		t.Fatal(err)
	}
	if err := again.Await(t.Context(), onward); err != nil {
		t.Fatal(err)
	}
	if m, _ := again.get(In, uuid); m.State != Awaiting || m.ID != "" || m.Passes != 0 || m.Peer != "mail3.x.test" {
		t.Errorf("awaited anew: %+v", m)
	}
}
