package explain

import (
	"slices"
	"strings"

	"github.com/mailreg/mailreg/listener/control"
)

// MovesOf picks the moves that concern what a person has asked for: those of the entries and of the stores that were found, and
// when nothing was, those that bear the name itself.
func MovesOf(moves []control.Move, s control.Selection, f Facts) []control.Move {
	var found []control.Move
	for _, m := range moves {
		switch {
		case s.UUID != "" && strings.EqualFold(s.UUID, m.UUID.String()), s.DN != "" && strings.EqualFold(s.DN, m.DN),
			s.Address != "" && strings.EqualFold(s.Address, m.Address),
			slices.ContainsFunc(f.Known, func(k control.Explanation) bool { return k.Entry.UUID == m.UUID }),
			slices.ContainsFunc(f.Stores, func(s Store) bool { return s.UUID == m.UUID }):
			found = append(found, m)
		}
	}
	return found
}

// leaves reports whether a move takes the mail of a store to another host.
func (s Store) leaves(m control.Move) bool { return m.Direction == "out" && m.UUID == s.UUID }
