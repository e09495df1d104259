package schema

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// ErrInvalid says that the data of an entry is wrong. A handler that returns it (wrapped) has changed nothing; the entry
// is parked, visible to a person, until it changes again.
var ErrInvalid = errors.New("invalid data")

// Invalidf returns an error that is ErrInvalid and reads as the message alone: it names what is wrong with which value.
// Causes given by %w stay reachable.
func Invalidf(format string, args ...any) error {
	return invalid{fmt.Errorf(format, args...)}
}

type invalid struct{ error }

// Is makes every invalid error an ErrInvalid.
func (invalid) Is(target error) bool { return target == ErrInvalid }

// Unwrap returns the message with its causes.
func (e invalid) Unwrap() error { return e.error }

// ErrPartly says that a change is done but for wrong data, which the message names. It is an ErrInvalid, but the entry
// counts as acknowledged although it is parked: what became of its good part must be remembered.
var ErrPartly = errors.New("done in part")

// Partlyf returns an error that is ErrPartly and reads as the message alone.
func Partlyf(format string, args ...any) error {
	return partly{Invalidf(format, args...)}
}

type partly struct{ error }

// Is makes every such error an ErrPartly.
func (partly) Is(target error) bool { return target == ErrPartly }

// Unwrap returns the error as an ErrInvalid.
func (e partly) Unwrap() error { return e.error }

// Taken says that another entry has what this one is to have. As an error of wrong data it parks the entry, until the other one
// changes: then it is tried again by itself.
type Taken struct {
	// By is the other entry, one of the same handler's.
	By UUID
	// Err is the error, which is ErrInvalid, or ErrPartly. The name of the other entry follows it where a person reads of it.
	Err error
}

// Error is that of Err.
func (t *Taken) Error() string { return t.Err.Error() }

// Unwrap returns Err.
func (t *Taken) Unwrap() error { return t.Err }

// ErrTemporary says that a change cannot be brought about at the moment, for a reason that concerns this entry alone. It is
// tried again for ever, at growing intervals, and holds nothing else up.
var ErrTemporary = errors.New("not possible at the moment")

// Faults are the errors of single entries of a burst; the others are done.
type Faults map[UUID]error

// Error joins the errors in the order of the UUIDs.
func (f Faults) Error() string {
	var lines []string
	for _, uuid := range slices.SortedFunc(maps.Keys(f), UUID.Compare) {
		lines = append(lines, f[uuid].Error())
	}
	return strings.Join(lines, "; ")
}

// TargetDown says that a server which a handler acts on cannot be reached. All entries of that target pause and are
// retried for ever; none is parked.
type TargetDown struct {
	// Target names the server, such as "dovecot".
	Target string
	// Err is the cause.
	Err error
}

// Error names the target and the cause.
func (e *TargetDown) Error() string { return e.Target + " is down: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *TargetDown) Unwrap() error { return e.Err }
