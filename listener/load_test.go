package listener

import (
	"context"
	"flag"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mailreg/mailreg/listener/store"
	"github.com/mailreg/mailreg/schema"
)

var backlogSize = flag.Int("backlog", 10_000, "entries that a slow handler has before it")

// longID is id for more entries than two bytes can number.
func longID(n int) schema.UUID {
	uuid := id(n)
	uuid[13] = byte(n >> 16)
	return uuid
}

func multitude(n int) []*schema.Entry {
	list := make([]*schema.Entry, 0, n)
	for i := 1; i <= n; i++ {
		e := user(i, fmt.Sprintf("a%d", i))
		e.UUID = longID(i)
		list = append(list, e)
	}
	return list
}

// heap returns the bytes in use.
func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// sleeper claims as target does, and only takes its time.
type sleeper struct {
	*target
	pause, calls atomic.Int64
}

func (s *sleeper) Apply(context.Context, schema.Change) error {
	s.calls.Add(1)
	time.Sleep(time.Duration(s.pause.Load()))
	return nil
}

// TestSlowHandler: a handler that takes a second for each of very many entries keeps nobody from following the directory,
// takes a bounded part of the memory, and its lag is told.
func TestSlowHandler(t *testing.T) {
	bubble(t, func(t *testing.T) {
		count := *backlogSize
		r := newRig(t, multitude(count)...)
		slow := &sleeper{target: r.target}
		slow.pause.Store(int64(time.Second))
		r.config.Handlers = []Handler{slow}
		before, begun := heap(), time.Now()
		r.start()
		if used := int64(heap()) - int64(before); used > int64(count)*1000+16<<20 {
			t.Errorf("%d MB for %d entries that wait", used>>20, count)
		}
		pass(200 * time.Second)
		done := int(slow.calls.Load())
		if want := 200 * r.cfg.Workers; done < want*9/10 || done > want+r.cfg.Workers {
			t.Errorf("%d calls in 200 s, want about %d", done, want)
		}
		status, err := r.Status(t.Context())
		h := status.Handlers[0]
		if err != nil || status.Ready || h.Oldest.Sub(begun).Abs() > time.Second || h.Pending+done < count || h.Pending+done > count+2*r.cfg.Workers {
			t.Errorf("%+v, %v; begun %s, %d calls", h, err, begun, done)
		}
		late := user(9, "late")
		late.UUID = longID(count + 1)
		r.dir.set(late)
		synctest.Wait() // no time passes
		r.must(r.store.View(func(tx *store.Tx) error {
			if !tx.HasEntry(late.UUID) {
				t.Error("a change waits for the handler before it is in the replica")
			}
			return nil
		}))
		slow.pause.Store(0)
		pass(2 * time.Second)
		r.expectMarks()
		if n := int(slow.calls.Load()); n != count+1 {
			t.Errorf("%d calls for %d entries", n, count+1)
		}
		if status, _ := r.Status(t.Context()); !status.Ready || !status.Handlers[0].Oldest.IsZero() {
			t.Errorf("%+v", status)
		}
	})
}

// TestBusyEntry: an entry that changes 200 times a second costs one call after another, not one for each change, and ends
// in its last state.
func TestBusyEntry(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t, user(1, "a0"), user(2, "quiet"))
		var calls atomic.Int64
		r.target.fail = func(schema.Change) error {
			calls.Add(1)
			time.Sleep(100 * time.Millisecond)
			return nil
		}
		r.start()
		pass(time.Second)
		r.target.taken()
		calls.Store(0)
		const seconds = 6
		for n := 1; n <= 200*seconds; n++ {
			r.dir.set(user(1, fmt.Sprintf("a%d", n)))
			pass(5 * time.Millisecond)
			if n == 100*seconds {
				r.dir.set(user(2, "moved")) // is not kept waiting
				pass(250 * time.Millisecond)
				if r.owner("moved") != id(2) {
					t.Error("another entry waits for the busy one")
				}
			}
		}
		pass(time.Second)
		if n := calls.Load(); n > 10*seconds+20 {
			t.Errorf("%d calls for %d changes in %d s", n, 200*seconds, seconds)
		}
		r.expectMarks()
		if last := fmt.Sprintf("a%d", 200*seconds); r.owner(last) != id(1) || len(r.target.stores) != 2 {
			t.Errorf("stores %v, want %s", r.target.stores, last)
		}
	})
}

// owner returns whose a store is.
func (r *rig) owner(address string) schema.UUID {
	r.target.mu.Lock()
	defer r.target.mu.Unlock()
	return r.target.stores[address]
}
