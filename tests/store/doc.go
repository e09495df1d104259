// Package store breaks the listener's store at each of its calls of the system: it is killed there, or the disk gives an
// error. Whatever was acknowledged is in the store afterwards, and nothing else is left on the disk.
package store
