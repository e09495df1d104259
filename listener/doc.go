// Package listener follows a directory, keeps a durable replica of it, and drives each handler until what it has
// acknowledged equals what the directory says.
//
// The promise (design §7): for every handler and every entry, the handler is called with the newest known state at least
// once after each change, or the pair is visible as parked or held.
package listener
