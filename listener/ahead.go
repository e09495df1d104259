package listener

import (
	"context"

	"golang.org/x/sync/semaphore"
)

const (
	// readAhead is the number of events that are read while a transaction runs; what has queued up goes into the next one.
	readAhead = 512
	// readAheadBytes bounds them as well: a large group is sent whole with each of its changes.
	readAheadBytes = 32 << 20
)

// ahead holds the events that are read before their turn. When it is full, the source is not read any more, and the provider
// has to wait.
type ahead struct {
	events chan Event
	room   *semaphore.Weighted
}

func newAhead() *ahead {
	return &ahead{events: make(chan Event, readAhead), room: semaphore.NewWeighted(readAheadBytes)}
}

// put adds an event as soon as there is room; one that is larger than all of it needs all of it.
func (a *ahead) put(ctx context.Context, event Event) error {
	if err := a.room.Acquire(ctx, weight(event)); err != nil {
		return err
	}
	select {
	case a.events <- event:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// drain returns the event and what else has queued up. All of it takes up its room until it is told to be free.
func (a *ahead) drain(first Event) []Event {
	batch := []Event{first}
	for len(batch) < readAhead {
		select {
		case event, ok := <-a.events:
			if !ok {
				return batch
			}
			batch = append(batch, event)
		default:
			return batch
		}
	}
	return batch
}

// free gives back the room of events that have been written.
func (a *ahead) free(bytes int64) { a.room.Release(bytes) }

// weigh adds up the room of events.
func weigh(batch []Event) (bytes int64) {
	for _, event := range batch {
		bytes += weight(event)
	}
	return bytes
}

// weight is about what an event takes in memory, in bytes: at least 1, and no more than there is room.
func weight(event Event) int64 {
	const header = 16 // of a string, and the size of a UUID
	bytes := 1 + header*len(event.UUIDs)
	if event.Entry != nil {
		for _, a := range event.Entry.Attrs {
			bytes += header + len(a.Name)
			for _, value := range a.Values {
				bytes += header + len(value)
			}
		}
	}
	return min(int64(bytes), readAheadBytes)
}
