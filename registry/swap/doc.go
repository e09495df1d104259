// Package swap replaces many files all or nothing, through a kill and a loss of power.
//
// Stage writes a temporary file beside every target and finds out whether it can be put in place. Commit makes the
// journal durable: the point of no return. Swap renames everything into place, Done forgets the journal. Whoever is killed
// before Commit leaves temporary files, which the next Recover takes away; whoever is killed after it leaves the journal,
// which Recover returns to be swapped again.
package swap
