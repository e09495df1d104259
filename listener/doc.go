// Package listener follows a directory, keeps a durable replica of it, and drives each handler until what it has
// acknowledged equals what the directory says.
//
// The promise: for every handler and every entry, the handler is called with the newest known state at least
// once after each change, or the pair is visible as parked or held.
//
// # How
//
// A session (session.go) reads a Source into transactions (ingest.go). Each writes the entries, a mark for every handler
// concerned, and the cookie. In a refresh (refresh.go) the marks are not due and the cookie stays, until its end has been
// stored together with what the Probe said about everything that seems gone (verify.go).
//
// A mark says only that something is to be done. What that is follows, whenever it is looked at, from what the handler has
// acknowledged and what the replica holds now; so changes coalesce, and a crash loses nothing. One goroutine per handler
// (worker.go, dispatch.go) decides about marks (decide.go), calls the handler, and acknowledges in transactions as large
// as what has finished meanwhile. Only it changes who owns which claim. Decisions are functions of the store and of an
// index in memory that is thrown away after any error.
//
// # The life of a mark
//
//	state    comes from                              leaves by
//	ready    a change of the entry                   a call, or one of the states below
//	waits    another entry that is to go first       that entry's change
//	busy     a call; in memory only                  its answer, once that is stored: the mark is gone
//	retry    an error                                time; after the last attempt it is parked
//	paused   a target that is down                   time, for ever
//	parked   wrong data, a conflict, many errors     a person, or a change of the entry in the way
//	held     the brake                               approve or reject
//
// From any of them a change of the entry leads back to ready, and it is decided anew.
//
// # Beside the session
//
// Entries are also looked up when an audit (audit.go, auditing.go), a reload or a retry asks (lookup.go). What was found goes
// the way of live changes, brake included; what the session tells of an entry meanwhile counts more. Every hour a part of what
// was acknowledged is compared with the mail server (slice.go); what differs is applied again, but not what a person has rejected
// or dropped.
//
// # What a call may have done
//
// Between a call and its acknowledgement the process may die, and an answer may be an error although the effect is there.
// So a mark that may have been called is in doubt: its handler is called again even when the entry is back to what was
// acknowledged, what its earlier states claimed counts as held until then, and an entry that is gone before anything was
// acknowledged is still presented with the state that was tried as Old. A mark that waits for another entry is stored as
// waiting, which tells after a crash that it was never called.
//
// # Claims
//
// Package claims judges, without I/O, whether an entry may have what it claims: what nobody owns, or it owns itself. An owner
// that is about to let go goes first; one that keeps the claim makes the other parked; of two that claim what nobody owns
// the first comes first, of those that came in one transaction the elder. Waiting in a circle is broken by setting one
// aside. Whoever waits is looked at again in the transaction in which the other one changes.
//
// # The brake
//
// brake.go counts what takes mail away, over a refresh together with the ten minutes before it, and live over any ten
// minutes. What was approved does not count. Entries that go in a refresh while others come with their names and claims
// (reidentify.go) are held in pairs when they are many: approved, what the handler has acknowledged changes its id. Live, who
// comes with the name and a claim of one that went in the last ten minutes counts as a take (depart.go).
//
// # Calls
//
// A call that takes too long is cancelled (calls.go); one that does not end all the same keeps its entry and claims, not its
// slot. Reconcile (reconcile.go) runs alone and before single entries. A target that is down (package breaker) stops what has
// met it, and one call at a time tries it. Pauses go by the monotonic clock. In staging nothing is called: decisions are made
// when somebody asks for them.
package listener
