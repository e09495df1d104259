package psearch

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/mailreg/mailreg/listener"
	"github.com/mailreg/mailreg/schema"
)

func told(uuid byte, dn string) listener.Event {
	return listener.Event{Kind: listener.Content, Entry: &schema.Entry{UUID: schema.UUID{uuid}, DN: dn}}
}

func dns(events []listener.Event) (list string) {
	for _, e := range events {
		list += e.Entry.DN + " "
	}
	return list
}

// TestQueueDuringScan changes one entry more often than the queue has room: a large group would fill the memory.
func TestQueueDuringScan(t *testing.T) {
	q := newQueue(2)
	put := func(e listener.Event) error { return q.put(t.Context(), e) }
	q.hold()
	for range 1000 {
		if err := put(told(1, "old")); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(put(told(2, "b")), put(told(1, "a"))); err != nil {
		t.Fatal(err)
	}
	if err := put(told(3, "c")); !errors.Is(err, ErrOverflow) {
		t.Errorf("a third entry: %v", err)
	}
	if got := dns(q.take()); got != "a b " {
		t.Errorf("kept %s", got)
	}
}

// TestQueueBetweenScans keeps every change in its order, and makes the search wait for who takes them.
func TestQueueBetweenScans(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(1000)
		ctx, cancel := context.WithCancel(t.Context())
		put := 0
		done := make(chan error)
		go func() {
			var err error
			for ; err == nil; put++ {
				err = q.put(ctx, told(1, string(rune('a'+put%26))))
			}
			done <- err
		}()
		synctest.Wait()
		if put != ahead || dns(q.take()[:3]) != "a b c " {
			t.Errorf("%d changes are kept", put)
		}
		synctest.Wait()
		if put != 2*ahead {
			t.Errorf("%d changes, although there was room", put)
		}
		q.hold() // of those that wait the last counts
		if got := q.take(); len(got) < ahead || got[0].Entry.DN == "" {
			t.Errorf("%d changes", len(got))
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}
