package store_test

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/mailreg/mailreg/listener/store"
	"github.com/mailreg/mailreg/schema"
)

// filled returns the bytes of a store with some hundred entries, closed in order or as a crash leaves it.
func filled(t *testing.T, crash bool) []byte {
	d := open(t)
	d.update(func(tx *store.Tx) {
		tx.AddHandler("h")
		for n := range 300 {
			e := schema.NewEntry(schema.UUID{byte(n >> 8), byte(n)}, "cn=someone", schema.Attribute{Name: "a", Values: []string{"value"}})
			tx.PutEntry(e)
			tx.Handler("h").Acknowledge(e.UUID, e, []string{"r" + e.UUID.String()}, time.Unix(1, 0))
		}
	})
	if !crash {
		d.reopen()
	}
	data, err := os.ReadFile(d.path)
	d.must(err)
	return data
}

// Whatever has become of the bytes, the store either says that it is damaged or holds what was written.
func TestDamageIsNoticed(t *testing.T) {
	for _, crash := range []bool{false, true} {
		whole := filled(t, crash)
		path := filepath.Join(t.TempDir(), "listener.db")
		random := rand.New(rand.NewPCG(1, 2))
		noticed := 0
		for range 200 {
			data := append([]byte(nil), whole...)
			switch at := random.IntN(len(data)); random.IntN(4) {
			case 0:
				data = data[:at]
			case 1:
				data[at] ^= 1 << random.IntN(8)
			case 2:
				clear(data[at:min(at+random.IntN(9000), len(data))])
			default:
				copy(data[at:], whole[random.IntN(len(whole)):])
			}
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			err := use(t, path)
			if errors.Is(err, store.ErrCorrupt) {
				noticed++
			} else if err != nil {
				t.Fatalf("crash %t: error %v", crash, err)
			}
		}
		if noticed < 50 {
			t.Errorf("crash %t: noticed %d", crash, noticed)
		}
	}
}

// use opens a store and looks at everything in it.
func use(t *testing.T, path string) (err error) {
	s, err := store.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if err := s.Check(t.Context()); err != nil {
		return err
	}
	return s.Update(func(tx *store.Tx) error {
		n := 0
		for e := range tx.Entries(schema.UUID{}) {
			if n++; e.First("a") != "value" {
				return errors.New("another value")
			}
		}
		if n < 299 { // all but the zero UUID
			return errors.New("entries are missing")
		}
		tx.NextSeq()
		return nil
	})
}
