// Package agenda holds in memory what is to be looked at: now, oldest change first, or later, at a time. Times are compared
// as they come; with those of time.Now the wall clock plays no part.
package agenda

import (
	"container/heap"
	"time"

	"github.com/mailreg/mailreg/schema"
)

// Queue holds what is to be looked at, oldest change first, each entry once.
type Queue struct {
	items itemHeap[uint64]
	has   map[schema.UUID]struct{}
}

// NewQueue returns an empty queue.
func NewQueue() Queue { return Queue{has: map[schema.UUID]struct{}{}} }

// Len returns the number of entries in it.
func (q *Queue) Len() int { return len(q.items.list) }

// Push adds an entry by the number of its first change, unless it is there.
func (q *Queue) Push(first uint64, uuid schema.UUID) {
	if _, ok := q.has[uuid]; ok {
		return
	}
	q.has[uuid] = struct{}{}
	q.items.add(first, uuid, func(a, b uint64) bool { return a < b })
}

// Pop takes out the one with the oldest change, and returns it with the number of that.
func (q *Queue) Pop() (uuid schema.UUID, first uint64, ok bool) {
	if len(q.items.list) == 0 {
		return schema.UUID{}, 0, false
	}
	it := q.items.take()
	delete(q.has, it.uuid)
	return it.uuid, it.key, true
}

// Timers holds what is to be looked at later. An entry may be in it several times; looking once too often does no harm.
type Timers struct {
	items itemHeap[time.Time]
}

// Push adds an entry.
func (t *Timers) Push(at time.Time, uuid schema.UUID) { t.items.add(at, uuid, time.Time.Before) }

// Next returns the first time, and whether there is one.
func (t *Timers) Next() (time.Time, bool) {
	if len(t.items.list) == 0 {
		return time.Time{}, false
	}
	return t.items.list[0].key, true
}

// Due takes out one entry whose time has come.
func (t *Timers) Due(now time.Time) (schema.UUID, bool) {
	if at, ok := t.Next(); !ok || at.After(now) {
		return schema.UUID{}, false
	}
	return t.items.take().uuid, true
}

type item[K any] struct {
	key  K
	uuid schema.UUID
}

// itemHeap is a container/heap of entries by key.
type itemHeap[K any] struct {
	list []item[K]
	less func(a, b K) bool
}

func (h *itemHeap[K]) add(key K, uuid schema.UUID, less func(a, b K) bool) {
	h.less = less
	heap.Push(h, item[K]{key, uuid})
}

func (h *itemHeap[K]) take() item[K] { return heap.Pop(h).(item[K]) }

// Len, Less, Swap, Push and Pop are heap.Interface.
func (h *itemHeap[K]) Len() int           { return len(h.list) }
func (h *itemHeap[K]) Less(i, j int) bool { return h.less(h.list[i].key, h.list[j].key) }
func (h *itemHeap[K]) Swap(i, j int)      { h.list[i], h.list[j] = h.list[j], h.list[i] }
func (h *itemHeap[K]) Push(x any)         { h.list = append(h.list, x.(item[K])) }
func (h *itemHeap[K]) Pop() any {
	last := len(h.list) - 1
	x := h.list[last]
	h.list = h.list[:last]
	return x
}
