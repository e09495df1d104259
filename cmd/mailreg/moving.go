package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/mailreg/mailreg/handlers/transfer/ledger"
	"github.com/mailreg/mailreg/listener/control"
)

// moving returns the users on their way from and to this host. Without the daemon it is what the disk says; an error then
// tells so, with whatever is known.
func (a *app) moving(ctx context.Context) ([]control.Move, error) {
	moves, failed := a.daemon().Moves(ctx)
	if failed == nil {
		return moves, nil
	}
	written, err := ledger.Read(a.root)
	for _, m := range written {
		moves = append(moves, control.Move{
			UUID: m.UUID, DN: m.DN, Address: m.Address.String(), Direction: m.Direction, Peer: m.Peer, State: m.State, Since: m.Since,
			Entered: m.Entered, Ahead: m.Ahead, Held: m.Hold, NotBefore: control.Moment{Time: m.NotBefore}, Passes: m.Passes,
			Bytes: m.Bytes, Freeze: m.Freeze.Seconds(),
		})
	}
	switch {
	case err != nil:
		return moves, fmt.Errorf("which moves there are: %w", err)
	case len(moves) > 0:
		return moves, fmt.Errorf("how far moves are by now, beyond what the disk says: %w", failed)
	}
	return nil, nil // nothing on the disk, nobody on the way
}

// movingOrWarn is moving for commands that print stores as well, and do so in any case.
func (a *app) movingOrWarn(ctx context.Context) []control.Move {
	moves, err := a.moving(ctx)
	if err != nil {
		a.warnf("not known: %s", oneLine(err.Error()))
	}
	return moves
}

// addMoves notes at each store how far the move of its owner is, and adds those whose mail has not come yet, who have none.
// Whoever leaves is still served here, though the directory says otherwise.
func addMoves(stores []storeJSON, moves []control.Move) []storeJSON {
	of := map[string]int{}
	for i, s := range stores {
		of[s.UUID] = i
	}
	for _, m := range moves {
		i, found := of[m.UUID.String()]
		switch {
		case found:
			stores[i].Moves = append(stores[i].Moves, m)
			if stores[i].State == "orphan" && m.Direction == "out" {
				stores[i].State = "leaving"
			}
		case m.Direction == "in" && m.State != "opened":
			stores = append(stores, storeJSON{
				UUID: m.UUID.String(), DN: m.DN, Address: m.Address, State: "coming", Moves: []control.Move{m},
			})
		}
	}
	return stores
}

// movesOf returns the moves of a user: by UUID where one is known, else by address.
func movesOf(moves []control.Move, uuid, address string) []control.Move {
	var found []control.Move
	for _, m := range moves {
		if uuid == m.UUID.String() || uuid == "" && strings.EqualFold(m.Address, address) {
			found = append(found, m)
		}
	}
	return found
}
