package listener

import (
	"container/heap"
	"time"

	"github.com/mailreg/mailreg/schema"
)

// queue holds what is to be looked at, oldest change first, each entry once.
type queue struct {
	items itemHeap[uint64]
	has   map[schema.UUID]struct{}
}

func newQueue() queue { return queue{has: map[schema.UUID]struct{}{}} }

func (q *queue) push(first uint64, uuid schema.UUID) {
	if _, ok := q.has[uuid]; ok {
		return
	}
	q.has[uuid] = struct{}{}
	q.items.add(first, uuid, func(a, b uint64) bool { return a < b })
}

func (q *queue) pop() (schema.UUID, bool) {
	if len(q.items.list) == 0 {
		return schema.UUID{}, false
	}
	it := q.items.take()
	delete(q.has, it.uuid)
	return it.uuid, true
}

// timers holds what is to be looked at later. An entry may be in it several times; looking once too often does no harm.
type timers struct {
	items itemHeap[time.Time]
}

func (t *timers) push(at time.Time, uuid schema.UUID) { t.items.add(at, uuid, time.Time.Before) }

func (t *timers) next() (time.Time, bool) {
	if len(t.items.list) == 0 {
		return time.Time{}, false
	}
	return t.items.list[0].key, true
}

// due takes out one entry whose time has come.
func (t *timers) due(now time.Time) (schema.UUID, bool) {
	if at, ok := t.next(); !ok || at.After(now) {
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
