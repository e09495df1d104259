// Package claims judges who may have what several entries claim, and remembers who waits for whom. It neither reads nor
// writes anything.
//
// A resource, such as "mailbox:a@example.test", is owned by the entry that a handler has acknowledged with it. Of two
// entries that want it:
//
//   - the owner keeps it, as long as its newest state claims it as well; the other is in conflict;
//   - an owner that is about to let go goes first, and the other waits;
//   - of two that want what nobody owns, the one that could have had it first comes first; among equals the elder.
//
// "May have" stands for calls without an answer: they may have taken what they claimed, and count as if they had.
//
// Waiting goes from each entry to one other, so that it forms chains and circles; a circle is broken by setting one of
// its owners aside. Two users who swap their addresses are the smallest:
//
//	u1: a -> b      waits for u2, which owns b and is to let go of it
//	u2: b -> a      waits for u1, which owns a and is to let go of it
package claims
