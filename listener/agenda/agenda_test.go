package agenda_test

import (
	"testing"
	"time"

	"github.com/mailreg/mailreg/listener/agenda"
	"github.com/mailreg/mailreg/schema"
)

func TestQueueIsByAgeAndHoldsEachOnce(t *testing.T) {
	q := agenda.NewQueue()
	for _, first := range []uint64{5, 2, 9, 2} {
		q.Push(first, schema.UUID{0: byte(first)})
	}
	q.Push(1, schema.UUID{0: 9}) // it is there already
	for _, want := range []uint64{2, 5, 9} {
		if uuid, first, ok := q.Pop(); !ok || first != want || uuid[0] != byte(want) {
			t.Errorf("%v %d %v, want %d", uuid, first, ok, want)
		}
	}
	if _, _, ok := q.Pop(); ok || q.Len() != 0 {
		t.Error("not empty")
	}
}

func TestTimers(t *testing.T) {
	var timers agenda.Timers
	now := time.Now()
	if _, ok := timers.Next(); ok {
		t.Error("a time without timers")
	}
	timers.Push(now.Add(time.Second), schema.UUID{0: 1})
	timers.Push(now, schema.UUID{0: 2})
	if at, ok := timers.Next(); !ok || at != now {
		t.Error(at, ok)
	}
	if uuid, ok := timers.Due(now); !ok || uuid[0] != 2 {
		t.Error(uuid, ok)
	}
	if uuid, ok := timers.Due(now); ok {
		t.Error(uuid, "is due early")
	}
}
