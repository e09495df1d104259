package store

import (
	"errors"
	"testing"

	"github.com/mailreg/mailreg/schema"
)

// A record that was written by something else is reported, never a panic or a huge allocation.
func FuzzDecode(f *testing.F) {
	var e encoder
	e.entry(schema.NewEntry(schema.UUID{1}, "cn=x", schema.Attribute{Name: "a", Values: []string{"v", ""}}))
	f.Add(e.b)
	f.Add([]byte{255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, record []byte) {
		d := &decoder{s: string(record)}
		got := d.entry()
		if err := d.end(); err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Errorf("error %v", err)
			}
			return
		}
		var again encoder
		again.entry(got)
		d = &decoder{s: string(again.b)}
		if second := d.entry(); !second.Equal(got) || d.end() != nil {
			t.Errorf("read %v, written and read again %v", got, second)
		}
	})
}

func TestSealCoversTheKey(t *testing.T) {
	e := encoder{b: []byte("value")}
	sealed := e.seal([]byte("key"))
	if _, err := unseal([]byte("key"), sealed); err != nil {
		t.Error(err)
	}
	for _, key := range []string{"kez", "", "keyy"} {
		if _, err := unseal([]byte(key), sealed); !errors.Is(err, ErrCorrupt) {
			t.Errorf("key %q: error %v", key, err)
		}
	}
}
