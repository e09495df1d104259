package store

import (
	"iter"
	"time"
)

// Batch is a set of changes of one handler that the brake holds; its members are the marks that name it.
type Batch struct {
	ID      string
	Handler string
	Reason  string
	Since   time.Time
	// Live batches take up what is held outside a refresh.
	Live bool
	// Count is the number of members; the batch is gone with the last of them.
	Count int
}

// Batch returns a batch and whether there is one of that ID.
func (t *Tx) Batch(id string) (Batch, bool) {
	d := t.get(t.tx.Bucket(bucketBatches), []byte(id))
	if d == nil {
		return Batch{}, false
	}
	return t.batch(d)
}

func (t *Tx) batch(d *decoder) (Batch, bool) {
	b := Batch{ID: d.str(), Handler: d.str(), Reason: d.str(), Since: d.time()}
	d.flags(&b.Live)
	b.Count = int(d.uint())
	t.fail(d.end())
	return b, t.err == nil
}

// PutBatch sets a batch, but for its Count, which follows the marks.
func (t *Tx) PutBatch(b Batch) {
	if old, ok := t.Batch(b.ID); ok {
		b.Count = old.Count
	} else {
		b.Count = 0
	}
	t.writeBatch(b)
}

func (t *Tx) writeBatch(b Batch) {
	var e encoder
	e.str(b.ID)
	e.str(b.Handler)
	e.str(b.Reason)
	e.time(b.Since)
	e.flags(b.Live)
	e.uint(uint64(b.Count))
	t.put(t.tx.Bucket(bucketBatches), []byte(b.ID), e.seal([]byte(b.ID)))
}

// Batches yields all batches. None may be written meanwhile.
func (t *Tx) Batches() iter.Seq[Batch] {
	return func(yield func(Batch) bool) {
		c := t.tx.Bucket(bucketBatches).Cursor()
		for k, v := c.First(); k != nil && t.err == nil; k, v = c.Next() {
			d := t.open(k, v)
			if d == nil {
				return
			}
			if b, ok := t.batch(d); !ok || !yield(b) {
				return
			}
		}
	}
}

// count moves a mark from one batch to another; "" is none.
func (t *Tx) count(from, to string) {
	if from == to {
		return
	}
	if b, ok := t.Batch(from); ok && from != "" {
		if b.Count--; b.Count > 0 {
			t.writeBatch(b)
		} else {
			t.remove(t.tx.Bucket(bucketBatches), []byte(from))
		}
	}
	if b, ok := t.Batch(to); ok && to != "" {
		b.Count++
		t.writeBatch(b)
	}
}
