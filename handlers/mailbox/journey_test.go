package mailbox

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/schema"
)

// moves stands in for the moves between hosts.
type moves struct {
	leaves, comes, away bool
	handed              []Journey
}

func (m *moves) Engaged(schema.UUID) (leaves, comes bool, err error) { return m.leaves, m.comes, nil }
func (m *moves) Await(context.Context, Journey) error                { return nil }
func (m *moves) TakeBack(context.Context, Journey) (bool, error)     { return m.away, nil }
func (m *moves) Cancel(context.Context, schema.UUID) error           { return nil }
func (m *moves) HandOver(_ context.Context, j Journey) error {
	m.handed = append(m.handed, j)
	return nil
}

// TestLeavesUnderAnotherAddress gives the former address of a user who leaves to another while the mail is still here.
func TestLeavesUnderAnotherAddress(t *testing.T) {
	h := newHost(t, "mail/dovecot/location/key: address", "mail/dovecot/mailbox/rename: no")
	anna, bert := uuidOf("a"), uuidOf("b")
	ensure := func(uuid schema.UUID, address string) {
		t.Helper()
		a, err := schema.ParseAddress(address)
		if err != nil {
			t.Fatal(err)
		}
		if err := h.spool.Ensure(t.Context(), backend.Owner{UUID: uuid, Address: a}, false); err != nil {
			t.Fatal(err)
		}
	}
	ensure(anna, "a@x.test")
	h.deliver("a@x.test", "hers")
	j := &moves{}
	r := run{backend: h.spool, transfer: j, owner: backend.Owner{UUID: anna}}
	leave := Action{
		Op: HandOver, From: schema.Address{Local: "a", Domain: "x.test"}, To: schema.Address{Local: "b", Domain: "x.test"}, Peer: "mail2.x.test",
	}
	for range 2 {
		if err := r.do(t.Context(), leave); err != nil {
			t.Fatal(err)
		}
	}
	ensure(bert, "a@x.test")
	messages, err := filepath.Glob(filepath.Join(h.root, "var/spool/dovecot/private/x.test/b/Maildir/*/hers"))
	if err != nil || len(messages) != 1 || len(j.handed) != 2 {
		t.Errorf("who leaves has %q in the new place, %v", messages, err)
	}
}

// TestTakenBackTwice applies a change twice by which a user is at home here again: nothing is awaited that has never left.
func TestTakenBackTwice(t *testing.T) {
	h := newHost(t)
	m := &schema.Mailbox{Primary: schema.Address{Local: "a", Domain: "x.test"}, HomeServer: "mail1.x.test"}
	h.cfg.Transfer = &moves{leaves: true}
	s := Settings{Homes: Homes{Host: "mail1.x.test"}, Transfer: true, Layout: backend.ByUUID}
	plan, err := h.reconsider(t.Context(), uuidOf("a"), []Action{{Op: Await, To: m.Primary, Peer: "mail2.x.test"}}, m, s)
	if err != nil || len(plan) != 2 || plan[0].Op != Move {
		t.Errorf("%v, %v", plan, err)
	}
}
