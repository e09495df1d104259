package store

import (
	"bytes"
	"fmt"
	"iter"
	"slices"
	"strconv"

	bolt "go.etcd.io/bbolt"

	"github.com/mailreg/mailreg/schema"
)

// Tx is one transaction. Like a bufio.Writer it remembers its first error: reads then yield nothing, writes do nothing,
// and View or Update return that error. So whoever reads needs no error check between the steps, but must not act on
// what was read before View has returned nil.
type Tx struct {
	tx     *bolt.Tx
	err    error
	state  State
	loaded []byte
	// entries is the size of the replica plus 1, stored behind the state; 0 when the program that wrote that did not count.
	entries  uint64
	handlers map[string]*Handler
}

// State is the position and the counters of the store.
type State struct {
	// Fingerprint is that of the provider whose refresh ended last, empty before the first has ended.
	Fingerprint string
	// Generation counts the refreshes that have ended; a mark with a higher one is not due.
	Generation uint64
	// Seq numbers the marks.
	Seq uint64
	// IDs is the last number given to something that a person calls by its ID.
	IDs uint64
	// Handlers names the handlers of the last run, sorted.
	Handlers []string
	// Slots are the positions in the providers' streams, the one used last first.
	Slots []Slot
	// Replaced says why this store has taken the place of another one, "" when it has not.
	Replaced string
	// Cautious is set until the next refresh has ended: what takes mail away in it is held.
	Cautious bool
}

func run(b *bolt.Tx, fn func(*Tx) error) error {
	t := &Tx{tx: b, handlers: map[string]*Handler{}}
	t.load()
	if b.Writable() && t.err == nil && t.entries == 0 {
		t.entries = t.countedEntries() + 1
	}
	if t.err != nil {
		return t.err
	}
	if err := fn(t); err != nil {
		return err
	}
	if b.Writable() {
		t.save()
	}
	return t.err
}

func (t *Tx) load() {
	meta := t.tx.Bucket(bucketMeta)
	value := meta.Get(keyState)
	if value == nil {
		return
	}
	t.loaded = slices.Clone(value)
	d, err := unseal(keyState, value)
	if err != nil {
		t.fail(err)
		return
	}
	t.state, t.entries = d.state()
	t.fail(d.end())
}

func (t *Tx) save() {
	var e encoder
	e.state(t.state, t.entries)
	if value := e.seal(keyState); !bytes.Equal(value, t.loaded) {
		t.put(t.tx.Bucket(bucketMeta), keyState, value)
	}
}

func (e *encoder) state(s State, entries uint64) {
	e.str(s.Fingerprint)
	e.uint(s.Generation)
	e.uint(s.Seq)
	e.uint(s.IDs)
	e.strs(s.Handlers)
	e.slots(s.Slots)
	e.str(s.Replaced)
	e.flags(s.Cautious)
	e.uint(entries)
}

func (d *decoder) state() (s State, entries uint64) {
	s = State{
		Fingerprint: d.str(), Generation: d.uint(), Seq: d.uint(), IDs: d.uint(), Handlers: d.strs(), Slots: d.slots(),
		Replaced: d.str(),
	}
	d.flags(&s.Cautious)
	return s, d.uint()
}

// State returns the state, which an Update may change in place.
func (t *Tx) State() *State { return &t.state }

// NextSeq returns the next number for a mark.
func (t *Tx) NextSeq() uint64 {
	t.state.Seq++
	return t.state.Seq
}

// NextID returns a new short ID such as p17.
func (t *Tx) NextID(prefix string) string {
	t.state.IDs++
	return prefix + strconv.FormatUint(t.state.IDs, 10)
}

// Entry returns an entry of the replica, nil when it holds none.
func (t *Tx) Entry(uuid schema.UUID) *schema.Entry {
	d := t.get(t.tx.Bucket(bucketEntries), uuid[:])
	if d == nil {
		return nil
	}
	e := d.entry()
	t.fail(d.end())
	return e
}

// HasEntry reports whether the replica holds the entry.
func (t *Tx) HasEntry(uuid schema.UUID) bool {
	return t.err == nil && t.tx.Bucket(bucketEntries).Get(uuid[:]) != nil
}

// PutEntry sets an entry of the replica.
func (t *Tx) PutEntry(entry *schema.Entry) {
	if !t.HasEntry(entry.UUID) {
		t.entries++
	}
	e := encoder{b: make([]byte, 0, 512)}
	e.entry(entry)
	t.put(t.tx.Bucket(bucketEntries), entry.UUID[:], e.seal(entry.UUID[:]))
}

// DeleteEntry takes an entry out of the replica.
func (t *Tx) DeleteEntry(uuid schema.UUID) {
	if t.HasEntry(uuid) {
		t.entries--
	}
	t.remove(t.tx.Bucket(bucketEntries), uuid[:])
}

// Entries yields the replica in the order of the UUIDs, beginning behind the one given. Nothing may be written to it
// meanwhile.
func (t *Tx) Entries(behind schema.UUID) iter.Seq[*schema.Entry] {
	return func(yield func(*schema.Entry) bool) {
		c := t.tx.Bucket(bucketEntries).Cursor()
		for k, v := c.Seek(behind[:]); k != nil && t.err == nil; k, v = c.Next() {
			if bytes.Equal(k, behind[:]) {
				continue
			}
			d := t.open(k, v)
			if d == nil {
				return
			}
			e := d.entry()
			t.fail(d.end())
			if t.err != nil || !yield(e) {
				return
			}
		}
	}
}

// EntryIDs yields the UUIDs of the replica in order. Nothing may be written to it meanwhile.
func (t *Tx) EntryIDs() iter.Seq[schema.UUID] { return t.uuids(t.tx.Bucket(bucketEntries)) }

// Size returns the size of the file in bytes.
func (t *Tx) Size() int64 { return t.tx.Size() }

// CountEntries returns the size of the replica. It is kept, so that to ask costs nothing.
func (t *Tx) CountEntries() int {
	if t.entries == 0 {
		return int(t.countedEntries())
	}
	return int(t.entries - 1)
}

// countedEntries counts them one by one.
func (t *Tx) countedEntries() uint64 { return uint64(t.tx.Bucket(bucketEntries).Stats().KeyN) }

// Outside returns the last DN of an entry that is outside what may be read, and whether it is.
func (t *Tx) Outside(uuid schema.UUID) (string, bool) {
	d := t.get(t.tx.Bucket(bucketOutside), uuid[:])
	if d == nil {
		return "", false
	}
	dn := d.str()
	t.fail(d.end())
	return dn, t.err == nil
}

// PutOutside records an entry as outside, under its last DN.
func (t *Tx) PutOutside(uuid schema.UUID, dn string) {
	var e encoder
	e.str(dn)
	t.put(t.tx.Bucket(bucketOutside), uuid[:], e.seal(uuid[:]))
}

// DeleteOutside forgets that an entry is outside.
func (t *Tx) DeleteOutside(uuid schema.UUID) { t.remove(t.tx.Bucket(bucketOutside), uuid[:]) }

// Outsiders yields the entries that are outside. Nothing may be written to them meanwhile.
func (t *Tx) Outsiders() iter.Seq[schema.UUID] { return t.uuids(t.tx.Bucket(bucketOutside)) }

func (t *Tx) uuids(b *bolt.Bucket) iter.Seq[schema.UUID] {
	return func(yield func(schema.UUID) bool) {
		c := b.Cursor()
		for k, _ := c.First(); k != nil && t.err == nil; k, _ = c.Next() {
			if len(k) != len(schema.UUID{}) {
				t.fail(fmt.Errorf("%w: key %x", ErrCorrupt, k))
				return
			}
			if !yield(schema.UUID(k)) {
				return
			}
		}
	}
}

func (t *Tx) fail(err error) {
	if t.err == nil {
		t.err = err
	}
}

func (t *Tx) get(b *bolt.Bucket, key []byte) *decoder {
	if t.err != nil {
		return nil
	}
	value := b.Get(key)
	if value == nil {
		return nil
	}
	return t.open(key, value)
}

func (t *Tx) open(key, value []byte) *decoder {
	d, err := unseal(key, value)
	if err != nil {
		t.fail(err)
		return nil
	}
	return d
}

func (t *Tx) put(b *bolt.Bucket, key, value []byte) {
	if t.err == nil {
		t.fail(b.Put(key, value))
	}
}

func (t *Tx) remove(b *bolt.Bucket, key []byte) {
	if t.err == nil {
		t.fail(b.Delete(key))
	}
}
