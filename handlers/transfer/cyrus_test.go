package transfer

import (
	"testing"

	"github.com/mailreg/mailreg/schema"
)

// TestCyrusShow holds each state to whom Cyrus keeps out, and for whom there has to be a mailbox.
func TestCyrusShow(t *testing.T) {
	anna := address("anna@x.test")
	for _, test := range []struct {
		d            Direction
		state        State
		awaited      bool
		out, reserve bool
	}{
		{Out, Copying, false, false, false},
		{Out, Frozen, false, true, false},
		{Out, Committing, false, true, false},
		{Out, Committed, false, true, false},
		{In, Awaiting, true, true, true},
		{In, Receiving, true, true, true},
		{In, Receiving, false, false, false},
		{In, Opening, true, true, true},
		{In, Opened, true, false, false},
	} {
		m := Move{UUID: schema.UUID{1}, Address: anna, State: test.state, Awaited: test.awaited}
		var out, in []Move
		if test.d == Out {
			out = append(out, m)
		} else {
			in = append(in, m)
		}
		c := NewCyrus(nil)
		changed, err := c.Show(out, in)
		if err != nil || !changed {
			t.Errorf("%s %s: the first look changes %t, %v", test.d, test.state, changed, err)
		}
		if c.out[anna] != test.out || c.reserve[anna] != test.reserve {
			t.Errorf("%s %s: kept out %t, reserved %t", test.d, test.state, c.out[anna], c.reserve[anna])
		}
		if changed, _ := c.Show(out, in); changed {
			t.Errorf("%s %s: the second look changes something", test.d, test.state)
		}
	}
}

// TestCyrusRemembers knows of a copy that has begun until it is withdrawn, also when the move is no longer shown.
func TestCyrusRemembers(t *testing.T) {
	c := NewCyrus(nil)
	m := Move{UUID: schema.UUID{1}, Address: address("anna@x.test"), State: Receiving, Awaited: true, Home: "user/anna@x.test"}
	for _, in := range [][]Move{{m}, nil} {
		if _, err := c.Show(nil, in); err != nil {
			t.Fatal(err)
		}
		if was := c.coming[m.UUID]; !was.begun || was.state != Receiving || was.awaited != (in != nil) {
			t.Errorf("with %d moves: %+v", len(in), was)
		}
	}
}
