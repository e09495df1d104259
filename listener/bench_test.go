package listener

import (
	"context"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/mailreg/mailreg/listener/store"
	"github.com/mailreg/mailreg/schema"
)

const benchEntries = 20000

func benchUser(n int) *schema.Entry {
	var uuid schema.UUID
	// Spread like random UUIDs, but the same each time.
	binary.BigEndian.PutUint64(uuid[:], uint64(n)*0x9e3779b97f4a7c15)
	return schema.NewEntry(uuid, fmt.Sprintf("uid=user%06d,ou=people,dc=example,dc=test", n),
		schema.Attribute{Name: "objectClass", Values: []string{"top", "person", "inetOrgPerson", schema.ClassMail}},
		attr("uid", fmt.Sprintf("user%06d", n)), attr("cn", fmt.Sprintf("User %d", n)),
		attr(schema.AttrPrimaryAddress, fmt.Sprintf("user%06d@example.test", n)),
		attr("entryUUID", uuid.String()), attr("entryCSN", csnAt(n)), attr("createTimestamp", "20260101000000Z"))
}

// BenchmarkFirstLoad loads a directory into a new store until its refresh has ended and every entry is marked. Its floor
// puts as many values of the same size into bbolt, in transactions of as many.
func BenchmarkFirstLoad(b *testing.B) {
	events := make([]Event, 0, benchEntries+1)
	for n := range benchEntries {
		events = append(events, Event{Kind: Content, Entry: benchUser(n)})
	}
	events = append(events, Event{Kind: RefreshEnd, Snapshot: true, Cookie: []byte("c")})
	b.Run("listener", func(b *testing.B) {
		for b.Loop() {
			load(b, events)
		}
		b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*benchEntries), "µs/entry")
	})
	b.Run("floor", func(b *testing.B) {
		for b.Loop() {
			floor(b, events)
		}
		b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*benchEntries), "µs/entry")
	})
}

func load(b *testing.B, events []Event) {
	st, err := store.Open(filepath.Join(b.TempDir(), "listener.db"))
	if err != nil {
		b.Fatal(err)
	}
	dir := newDirectory()
	l, err := New(Config{Store: st, Source: dir, Probe: dir, Handlers: []Handler{newTarget()}})
	if err != nil {
		b.Fatal(err)
	}
	in := &intake{l: l, refresh: newRefresh(), connected: func() {}}
	for len(events) > 0 {
		n := min(len(events), readAhead)
		if err := in.take(context.Background(), events[:n]); err != nil {
			b.Fatal(err)
		}
		events = events[n:]
	}
	if err := st.Close(); err != nil {
		b.Fatal(err)
	}
}

func floor(b *testing.B, events []Event) {
	db, err := bolt.Open(filepath.Join(b.TempDir(), "floor.db"), 0o600, &bolt.Options{NoFreelistSync: true, FreelistType: bolt.FreelistMapType})
	if err != nil {
		b.Fatal(err)
	}
	value := make([]byte, 420)
	mark := make([]byte, 60)
	for len(events) > 0 {
		n := min(len(events), readAhead)
		err := db.Update(func(tx *bolt.Tx) error {
			entries, err := tx.CreateBucketIfNotExists([]byte("entries"))
			if err != nil {
				return err
			}
			marks, err := tx.CreateBucketIfNotExists([]byte("marks"))
			if err != nil {
				return err
			}
			for _, e := range events[:n] {
				if e.Kind != Content {
					continue
				}
				if err := entries.Put(e.Entry.UUID[:], value); err != nil {
					return err
				}
				if err := marks.Put(e.Entry.UUID[:], mark); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
		events = events[n:]
	}
	if err := db.Close(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkDispatch drives a handler that does nothing over a store in which every entry is marked, until all of them are
// acknowledged.
func BenchmarkDispatch(b *testing.B) {
	var entries []*schema.Entry
	for n := range benchEntries {
		entries = append(entries, benchUser(n))
	}
	for b.Loop() {
		st, err := store.Open(filepath.Join(b.TempDir(), "listener.db"))
		if err != nil {
			b.Fatal(err)
		}
		dir := newDirectory(entries...)
		h := newTarget()
		l, err := New(Config{Store: st, Source: dir, Probe: dir, Handlers: []Handler{&idle{h}}})
		if err != nil {
			b.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- l.Run(ctx) }()
		if _, err := l.Wait(ctx); err != nil {
			b.Fatal(err)
		}
		cancel()
		if err := <-ended; err != nil {
			b.Fatal(err)
		}
		if err := st.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*benchEntries), "µs/entry")
}

// idle claims like a target and does nothing.
type idle struct{ *target }

func (*idle) Apply(context.Context, schema.Change) error { return nil }

// BenchmarkStatus asks for the status while every entry has a mark.
func BenchmarkStatus(b *testing.B) {
	st, err := store.Open(filepath.Join(b.TempDir(), "listener.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer st.Close()
	var entries []*schema.Entry
	for n := range benchEntries {
		entries = append(entries, benchUser(n+1))
	}
	err = st.Update(func(tx *store.Tx) error {
		for _, e := range entries {
			tx.PutEntry(e)
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	dir := newDirectory()
	l, err := New(Config{Store: st, Source: dir, Probe: dir, Handlers: []Handler{newTarget()}})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if status, err := l.Status(b.Context()); err != nil || status.Handlers[0].Pending != benchEntries {
			b.Fatal(status, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*benchEntries), "ns/mark")
}
