package registry

import (
	"iter"
	"time"

	"github.com/mailreg/mailreg/registry/history"
)

// LogEntry is a transaction as the log remembers it.
type LogEntry struct {
	// ID counts up by transaction; Time is in UTC, to the second.
	ID   int64
	Time time.Time
	// UID and PID are those of the process that asked for it.
	UID, PID int
	// Layer is the name of the layer that was changed.
	Layer string
	// Internal says that a part of the product wrote this by itself, not a person.
	Internal bool
	// Undoes is the transaction that this one took back, 0 for none; Failed says that it did so by itself, because a service
	// did not work with the new settings.
	Undoes int64
	Failed bool
	// UndoneBy is the transaction that took this one back, 0 while it stands.
	UndoneBy int64
	// Changes are what it did to each key.
	Changes []LogChange
}

// LogChange is what a transaction did to one key.
type LogChange struct {
	Key string
	// Old and New are the values in the layer, nil for none.
	Old, New *string
	// Masked says that the values are not known, because they are those of a secret.
	Masked bool
	// Made says that the value was made up by the registry, in layer normal whatever the layer of the rest.
	Made bool
}

// History yields the transactions that have changed settings, the newest first. What of the log cannot be read is yielded as
// an error, and the reading goes on. Users who may not see the log get an error that wraps fs.ErrPermission.
func (r *Registry) History() iter.Seq2[LogEntry, error] {
	return func(yield func(LogEntry, error) bool) {
		taken := map[int64]int64{} // what was taken back, by whom
		var e LogEntry
		give := func() bool {
			if e.ID == 0 {
				return true
			}
			e.UndoneBy = taken[e.ID]
			if e.UndoneBy == 0 && e.Undoes != 0 { // an undo that was undone has taken back nothing
				taken[e.Undoes] = e.ID
			}
			done := e
			e = LogEntry{}
			return yield(done, nil)
		}
		for line, err := range r.log().Backward() {
			if err != nil && !yield(LogEntry{}, err) || err == nil && line.ID != e.ID && !give() {
				return
			}
			if err == nil {
				e.add(line)
			}
		}
		give()
	}
}

// add takes in the line before those that the entry has.
func (e *LogEntry) add(l history.Line) {
	change := LogChange{Key: l.Key, Old: l.Old, New: l.New, Masked: l.Masked, Made: l.Made}
	*e = LogEntry{
		ID: l.ID, Time: l.Time, UID: l.UID, PID: l.PID, Layer: l.Layer, Internal: l.Internal, Undoes: l.Undoes, Failed: l.Failed,
		Changes: append([]LogChange{change}, e.Changes...),
	}
}
