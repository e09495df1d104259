package store

import (
	"encoding/binary"
	"fmt"
	"iter"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/mailreg/mailreg/schema"
)

// Handler is one handler's part of a transaction.
type Handler struct {
	t                                           *Tx
	meta, dirty, acked, claims, blocked, guards *bolt.Bucket
	// departed and departures are nil for a handler that has not taken part since there are such.
	departed, departures *bolt.Bucket
}

// HandlerState is what is known of a handler as a whole.
type HandlerState struct {
	// Reconcile is set while the handler is to set its whole target right, From the generation on.
	Reconcile bool
	From      uint64
	// LastSuccess is the time of the last acknowledgement.
	LastSuccess time.Time
	// Version is what the handler called itself at the last start, "" for one that has no versions.
	Version string
	// Paused is since when a person keeps the handler from being called, zero when nobody does.
	Paused time.Time
}

var (
	bucketState   = []byte("state")
	bucketDirty   = []byte("dirty")
	bucketAcked   = []byte("acked")
	bucketClaims  = []byte("claims")
	bucketBlocked = []byte("blocked")
	bucketGuard   = []byte("guard")
)

// AddHandler makes the buckets of a handler and reports whether they are new.
func (t *Tx) AddHandler(name string) bool {
	all := t.tx.Bucket(bucketHandlers)
	if t.err != nil {
		return false
	}
	added := all.Bucket([]byte(name)) == nil
	own, err := all.CreateBucketIfNotExists([]byte(name))
	if err != nil {
		t.fail(err)
		return false
	}
	for _, b := range [][]byte{
		bucketState, bucketDirty, bucketAcked, bucketClaims, bucketBlocked, bucketGuard, bucketDeparted, bucketDepartures,
	} {
		if _, err := own.CreateBucketIfNotExists(b); err != nil {
			t.fail(err)
		}
	}
	return added && t.err == nil
}

// HandlerNames returns the handlers that have a part of the store, whether they take part in this run or not, sorted.
func (t *Tx) HandlerNames() []string {
	var names []string
	t.fail(t.tx.Bucket(bucketHandlers).ForEachBucket(func(name []byte) error {
		names = append(names, string(name))
		return nil
	}))
	return names
}

// ForgetHandler removes all that is known of a handler, its batches included.
func (t *Tx) ForgetHandler(name string) {
	var gone []string
	for b := range t.Batches() {
		if b.Handler == name {
			gone = append(gone, b.ID)
		}
	}
	for _, id := range gone {
		t.remove(t.tx.Bucket(bucketBatches), []byte(id))
	}
	delete(t.handlers, name)
	if t.err == nil {
		t.fail(t.tx.Bucket(bucketHandlers).DeleteBucket([]byte(name)))
	}
}

// Handler returns the part of a handler that was added. Asking for another one is a programming error.
func (t *Tx) Handler(name string) *Handler {
	if h := t.handlers[name]; h != nil {
		return h
	}
	own := t.tx.Bucket(bucketHandlers).Bucket([]byte(name))
	if own == nil {
		panic(fmt.Sprintf("store: handler %q was never added", name))
	}
	h := &Handler{
		t: t, meta: own.Bucket(bucketState), dirty: own.Bucket(bucketDirty), acked: own.Bucket(bucketAcked),
		claims: own.Bucket(bucketClaims), blocked: own.Bucket(bucketBlocked), guards: own.Bucket(bucketGuard),
		departed: own.Bucket(bucketDeparted), departures: own.Bucket(bucketDepartures),
	}
	t.handlers[name] = h
	return h
}

// State returns the handler's state.
func (h *Handler) State() HandlerState {
	d := h.t.get(h.meta, keyState)
	if d == nil {
		return HandlerState{}
	}
	var s HandlerState
	d.flags(&s.Reconcile)
	s.From, s.LastSuccess, s.Version, s.Paused = d.uint(), d.time(), d.str(), d.time()
	h.t.fail(d.end())
	return s
}

// SetState sets the handler's state.
func (h *Handler) SetState(s HandlerState) {
	var e encoder
	e.flags(s.Reconcile)
	e.uint(s.From)
	e.time(s.LastSuccess)
	e.str(s.Version)
	e.time(s.Paused)
	h.t.put(h.meta, keyState, e.seal(keyState))
}

// Acked is an entry as the handler last acknowledged it.
type Acked struct {
	Entry *schema.Entry
	// Claims are the resources that the entry owns. They are kept, not computed again, so that a program that claims
	// differently still frees what an older one had claimed.
	Claims []string
	// At is when the handler did; zero for records that were written before that was noted.
	At time.Time
	// Waived is set when a person had it acknowledged without effect.
	Waived bool
}

// Acked returns what the handler has acknowledged of an entry; Entry is nil when nothing.
func (h *Handler) Acked(uuid schema.UUID) Acked {
	d := h.t.get(h.acked, uuid[:])
	if d == nil {
		return Acked{}
	}
	return h.record(d)
}

func (h *Handler) record(d *decoder) Acked {
	a := Acked{Claims: d.strs(), Entry: d.entry(), At: d.time()}
	d.flags(&a.Waived)
	h.t.fail(d.end())
	if h.t.err != nil {
		return Acked{}
	}
	return a
}

// HasAcked reports whether the handler has acknowledged the entry.
func (h *Handler) HasAcked(uuid schema.UUID) bool {
	return h.t.err == nil && h.acked.Get(uuid[:]) != nil
}

// Owner returns the entry that owns a resource and whether one does.
func (h *Handler) Owner(resource string) (schema.UUID, bool) {
	d := h.t.get(h.claims, []byte(resource))
	if d == nil {
		return schema.UUID{}, false
	}
	uuid := d.uuid()
	h.t.fail(d.end())
	return uuid, h.t.err == nil
}

// Acknowledge records an entry as acknowledged, nil as gone, together with the claims that it owns from now on: its
// former ones are free, unless they are among the new ones. Of the new ones it gets those that no other entry owns. at is
// when the handler did what it acknowledges.
func (h *Handler) Acknowledge(uuid schema.UUID, entry *schema.Entry, claims []string, at time.Time) {
	for _, r := range h.Acked(uuid).Claims {
		if owner, ok := h.Owner(r); ok && owner == uuid && !slices.Contains(claims, r) {
			h.t.remove(h.claims, []byte(r))
		}
	}
	if entry == nil {
		h.t.remove(h.acked, uuid[:])
		return
	}
	var own []string
	for _, r := range claims {
		owner, taken := h.Owner(r)
		if taken && owner != uuid || slices.Contains(own, r) {
			continue
		}
		own = append(own, r)
		if !taken {
			var e encoder
			e.uuid(uuid)
			h.t.put(h.claims, []byte(r), e.seal([]byte(r)))
		}
	}
	h.writeAcked(uuid, Acked{Entry: entry, Claims: own, At: at})
}

func (h *Handler) writeAcked(uuid schema.UUID, a Acked) {
	e := encoder{b: make([]byte, 0, 512)}
	e.strs(a.Claims)
	e.entry(a.Entry)
	e.time(a.At)
	e.flags(a.Waived)
	h.t.put(h.acked, uuid[:], e.seal(uuid[:]))
}

// Waive notes that what is acknowledged of an entry had no effect, until something is acknowledged again.
func (h *Handler) Waive(uuid schema.UUID) {
	if a := h.Acked(uuid); a.Entry != nil {
		a.Waived = true
		h.writeAcked(uuid, a)
	}
}

// AckedIDs yields the entries that the handler has acknowledged. Nothing may be acknowledged meanwhile.
func (h *Handler) AckedIDs() iter.Seq[schema.UUID] { return h.t.uuids(h.acked) }

// CountAcked counts the acknowledged entries that satisfy keep, nil for all, and stops when there are enough.
func (h *Handler) CountAcked(keep func(*schema.Entry) bool, enough int) int {
	n := 0
	c := h.acked.Cursor()
	for k, v := c.First(); k != nil && n < enough && h.t.err == nil; k, v = c.Next() {
		if keep == nil {
			n++
		} else if d := h.t.open(k, v); d != nil && keep(h.record(d).Entry) {
			n++
		}
	}
	return n
}

// Take is an effect that took mail away.
type Take struct {
	// At is when, by a clock that does not jump while the process runs.
	At time.Time
	// Wall is when by the wall clock of that moment.
	Wall time.Time
	UUID schema.UUID
	// Removed is set when the entry has no store here any more.
	Removed bool
}

// AddTake records a take and forgets those before the horizon.
func (h *Handler) AddTake(k Take, horizon time.Time) {
	if h.t.err != nil {
		return
	}
	c := h.guards.Cursor()
	limit := timeKey(horizon)
	var old [][]byte
	for key, _ := c.First(); key != nil && string(key[:8]) < string(limit); key, _ = c.Next() {
		old = append(old, slices.Clone(key))
	}
	for _, key := range old {
		h.t.remove(h.guards, key)
	}
	h.putTake(k)
}

func (k Take) key() []byte { return append(timeKey(k.At), k.UUID[:]...) }

func (h *Handler) putTake(k Take) {
	key := k.key()
	var e encoder
	e.flags(k.Removed)
	e.time(k.Wall)
	h.t.put(h.guards, key, e.seal(key))
}

func (h *Handler) take(key []byte, d *decoder) Take {
	k := Take{At: timeOf(key), UUID: schema.UUID(key[8:])}
	d.flags(&k.Removed)
	k.Wall = d.time()
	h.t.fail(d.end())
	return k
}

// SettleTakes turns the times of the last run into those of this one, which begins at now: by as much as its wall clock had
// jumped when it noted the last take. None lies ahead of now, so that each counts for no longer than it is meant to.
func (h *Handler) SettleTakes(now time.Time) {
	var list []Take
	c := h.guards.Cursor()
	for k, v := c.First(); k != nil && h.t.err == nil; k, v = c.Next() {
		if d := h.t.open(k, v); d != nil {
			list = append(list, h.take(k, d))
		}
	}
	if len(list) == 0 {
		return
	}
	shift := time.Duration(0)
	if last := list[len(list)-1]; !last.Wall.IsZero() {
		shift = last.Wall.Sub(last.At)
	}
	for _, k := range list {
		h.t.remove(h.guards, k.key())
	}
	for i, k := range list {
		k.At = k.At.Add(shift)
		if latest := now.Add(time.Duration(i - len(list))); k.At.After(latest) {
			k.At = latest // by nanoseconds apart: one entry may have lost mail twice
		}
		k.Wall = k.At
		h.putTake(k)
	}
}

// Takes returns how many takes there were since the horizon, and how many of them removed a store.
func (h *Handler) Takes(horizon time.Time) (all, removed int) {
	c := h.guards.Cursor()
	for k, v := c.Seek(timeKey(horizon)); k != nil && h.t.err == nil; k, v = c.Next() {
		d := h.t.open(k, v)
		if d == nil {
			break
		}
		all++
		if h.take(k, d).Removed {
			removed++
		}
	}
	return all, removed
}

func timeOf(key []byte) time.Time { return time.Unix(0, int64(binary.BigEndian.Uint64(key))) }

func timeKey(t time.Time) []byte { return binary.BigEndian.AppendUint64(nil, uint64(t.UnixNano())) }
