package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/mailreg/mailreg/schema"
)

// ErrCorrupt says that something in the file is not what was written there. Replace sets such a file aside.
var ErrCorrupt = errors.New("store is corrupt")

// encoder appends the fields of a record. Strings are length-prefixed bytes, so that no value needs to be UTF-8. A new
// field of a record goes to its end: the decoder reads zero where a record of an older program has ended, and an older
// program passes over what follows the fields that it knows.
type encoder struct{ b []byte }

func (e *encoder) uint(v uint64) { e.b = binary.AppendUvarint(e.b, v) }

func (e *encoder) str(s string) {
	e.uint(uint64(len(s)))
	e.b = append(e.b, s...)
}

func (e *encoder) strs(list []string) {
	e.uint(uint64(len(list)))
	for _, s := range list {
		e.str(s)
	}
}

func (e *encoder) uuid(u schema.UUID) { e.b = append(e.b, u[:]...) }

// time stores nanoseconds since 1970, 0 for the zero time.
func (e *encoder) time(t time.Time) {
	if t.IsZero() {
		e.uint(0)
		return
	}
	e.uint(uint64(t.UnixNano()))
}

func (e *encoder) flags(list ...bool) {
	var v uint64
	for i, set := range list {
		if set {
			v |= 1 << i
		}
	}
	e.uint(v)
}

func (e *encoder) entry(entry *schema.Entry) {
	e.uuid(entry.UUID)
	e.str(entry.DN)
	e.uint(uint64(len(entry.Attrs)))
	for _, a := range entry.Attrs {
		e.str(a.Name)
		e.strs(a.Values)
	}
}

// seal returns the record with a CRC32C over its key and itself, so that a value under the wrong key is noticed as well.
func (e *encoder) seal(key []byte) []byte {
	return binary.BigEndian.AppendUint32(e.b, checksum(key, e.b))
}

func checksum(key, value []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli)
	return crc32.Update(crc32.Checksum(key, table), table, value)
}

// decoder takes the fields of a record off its front. At the end of the record, and after the first mistake, it yields zero
// values.
type decoder struct {
	s   string
	bad bool
}

// unseal checks a sealed value. The decoder holds a copy, and all strings taken from it share that copy.
func unseal(key, value []byte) (*decoder, error) {
	if !sealed(key, value) {
		return nil, fmt.Errorf("%w: checksum of value %x", ErrCorrupt, key)
	}
	return &decoder{s: string(value[:len(value)-4])}, nil
}

// sealed reports whether the checksum of a value is right.
func sealed(key, value []byte) bool {
	at := len(value) - 4
	return at >= 0 && checksum(key, value[:at]) == binary.BigEndian.Uint32(value[at:])
}

func (d *decoder) uint() uint64 {
	if d.s == "" {
		return 0
	}
	var v uint64
	for i := 0; i < len(d.s) && i < binary.MaxVarintLen64; i++ {
		v |= uint64(d.s[i]&0x7f) << (7 * i)
		if d.s[i] < 0x80 {
			d.s = d.s[i+1:]
			return v
		}
	}
	d.s, d.bad = "", true
	return 0
}

func (d *decoder) take(n uint64) string {
	if n > uint64(len(d.s)) {
		d.s, d.bad = "", true
		return ""
	}
	taken := d.s[:n]
	d.s = d.s[n:]
	return taken
}

func (d *decoder) str() string { return d.take(d.uint()) }

// count reads the length of a list, whose items have at least one byte each.
func (d *decoder) count() int {
	n := d.uint()
	if n > uint64(len(d.s)) {
		d.s, d.bad = "", true
		return 0
	}
	return int(n)
}

func (d *decoder) strs() []string {
	n := d.count()
	if n == 0 {
		return nil
	}
	list := make([]string, n)
	for i := range list {
		d.need()
		list[i] = d.str()
	}
	return list
}

func (d *decoder) uuid() schema.UUID {
	var u schema.UUID
	if d.s == "" {
		return u
	}
	copy(u[:], d.take(uint64(len(u))))
	return u
}

func (d *decoder) time() time.Time {
	v := d.uint()
	if v == 0 {
		return time.Time{}
	}
	return time.Unix(0, int64(v))
}

func (d *decoder) flags(list ...*bool) {
	v := d.uint()
	for i, set := range list {
		*set = v&(1<<i) != 0
	}
}

func (d *decoder) entry() *schema.Entry {
	e := &schema.Entry{UUID: d.uuid(), DN: d.str()}
	e.Attrs = make([]schema.Attribute, d.count())
	for i := range e.Attrs {
		d.need()
		e.Attrs[i] = schema.Attribute{Name: d.str(), Values: d.strs()}
	}
	return e
}

// need makes the end of the record a mistake: the items of a list are as many as it says.
func (d *decoder) need() { d.bad = d.bad || d.s == "" }

// end reports a record that was malformed.
func (d *decoder) end() error {
	if d.bad {
		return fmt.Errorf("%w: malformed record", ErrCorrupt)
	}
	return nil
}
