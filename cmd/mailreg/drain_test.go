package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/mailreg/mailreg/listener/control"
)

// emptying is a daemon with which moves go as fast as they can: a copy is complete at the first look, and at the second one all
// who were copied have changed over, at once.
type emptying struct {
	directory

	mu    sync.Mutex
	moves []control.Move
	most  int
}

func (e *emptying) Move(_ context.Context, r control.MoveRequest) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.moves = append(e.moves, control.Move{
		Address: r.Address, DN: "uid=" + r.Address, Direction: "out", Peer: r.To, State: "copying", Ahead: true,
	})
	e.most = max(e.most, len(e.moves))
	return nil
}

func (e *emptying) Moves(context.Context) ([]control.Move, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.moves) > 0 && e.moves[0].Copied {
		e.moves = nil
	}
	for i := range e.moves {
		e.moves[i].Copied = true
	}
	return append([]control.Move(nil), e.moves...), nil
}

// TestDrainAll forgets nobody, also when all who were on their way have changed over at the moment in which the last ones begin.
func TestDrainAll(t *testing.T) {
	s := newSite(t)
	e := &emptying{}
	d := &draining{o: drainOptions{atOnce: 2}, host: "mail2.example.test", attribute: "mailHost", told: map[string]bool{}}
	for n := range 4 {
		d.waiting = append(d.waiting, entryOf(storeOwner(t, fmt.Sprint(n), fmt.Sprintf("user%d@example.test", n)), "mail1.example.test"))
	}
	s.serveAll(e)
	var out bytes.Buffer
	d.app = &app{root: s.root, stdout: &out, stderr: &out}
	for look := 0; ; look++ {
		over, err := d.look(t.Context())
		s.must(err)
		if over {
			break
		}
		if look > 20 {
			t.Fatal("does not end")
		}
	}
	if n := strings.Count(out.String(), "replace: mailHost\nmailHost: mail2.example.test\n"); n != 4 || e.most != 2 {
		t.Errorf("%d of 4 were told, %d at once:\n%s", n, e.most, out.String())
	}
}
