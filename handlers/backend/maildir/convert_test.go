package maildir

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mailreg/mailreg/handlers/backend"
	"github.com/mailreg/mailreg/schema"
)

// convert brings a world to a layout, as the command line does. between is called when the server looks at the new places.
func (w *world) convert(to backend.Layout, fault func(op, path string) error, between func()) error {
	w.t.Helper()
	cfg := w.cfg
	cfg.Fault = fault
	c, err := NewConversion(cfg, to)
	w.must(err)
	if _, err := c.Prepare(w.t.Context()); err != nil {
		return err
	}
	between()
	if err := c.Move(w.t.Context(), func() {}); err != nil {
		return err
	}
	return c.Finish(w.t.Context(), Live{
		Kick: func(schema.Address) error { return nil },
		Owner: func(a schema.Address) (schema.UUID, bool) {
			return owner("d", "d@example.test").UUID, a.Local == "d"
		},
	})
}

// inLayout is a world seen in another layout.
func (w *world) inLayout(layout backend.Layout) *world {
	cfg := w.cfg
	cfg.Layout = layout
	other := &world{t: w.t, cfg: cfg}
	other.reopen(nil)
	return other
}

func other(l backend.Layout) backend.Layout {
	if l == backend.ByUUID {
		return backend.ByAddress
	}
	return backend.ByUUID
}

// TestConvert converts there and back, with mail that arrives by either way at each moment, and a crash before each change of
// the disk.
func TestConvert(t *testing.T) {
	a, b := owner("a", "a@example.test"), owner("b", "b@example.test")
	for _, from := range []backend.Layout{backend.ByUUID, backend.ByAddress} {
		to := other(from)
		for n, done := 0, false; !done; n++ {
			w := newWorld(t, from)
			after := w.inLayout(to)
			for _, o := range []backend.Owner{a, b} {
				w.ensure(o, true)
				w.deliver(o, "old"+o.Address.Local)
			}
			count := 0
			both := func() { // by the old place, and by the new one
				count++
				for _, o := range []backend.Owner{a, b} {
					name := o.Address.Local + strings.Repeat("x", count)
					w.deliver(o, "from"+name)
					after.deliver(o, "to"+name)
				}
			}
			err := w.convert(to, crashAt(n), both)
			if done = err == nil; !done {
				if !errors.Is(err, errCrash) {
					t.Fatal(err)
				}
				if err := w.convert(to, nil, both); err != nil && !errors.Is(err, ErrConverted) {
					t.Fatal(err)
				}
			}
			got := after.afterwards()
			var want []string
			for _, o := range []backend.Owner{a, b} {
				var messages []string
				for i := range count {
					name := o.Address.Local + strings.Repeat("x", i+1)
					messages = append(messages, "from"+name, "to"+name)
				}
				messages = append(messages, "old"+o.Address.Local)
				slices.Sort(messages)
				want = append(want, "live "+o.UUID.String()[:8]+" "+o.Address.String()+" "+strings.Join(messages, ","))
			}
			got = slices.DeleteFunc(got, func(line string) bool { return strings.HasPrefix(line, "link ") })
			if !slices.Equal(got, want) {
				t.Fatalf("to %s, crash %d: %q, want %q", to, n, got, want)
			}
			if r, err := readRecord(must(after.openBase()), "private"); err != nil || r.Layout != to || r.To != "" {
				t.Fatalf("record %+v, %v", r, err)
			}
			names, _ := filepath.Glob(w.file("private/*"))
			if len(names) != map[backend.Layout]int{backend.ByUUID: 3, backend.ByAddress: 3}[to] {
				t.Fatalf("crash %d: %q", n, names)
			}
			after.ensure(a, true)
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestConvertOddities: stores that have no place in the new layout are quarantined, and what Dovecot makes meanwhile goes to
// whom it was meant for.
func TestConvertOddities(t *testing.T) {
	w := newWorld(t, backend.ByAddress)
	a, b := owner("a", "a@example.test"), owner("a", "b@example.test")
	c := owner("c", "c@example.test")
	w.ensure(a, true)
	w.deliver(a, "left")
	w.ensure(b, false) // rename=no leaves the store where it was
	w.deliver(b, "own")
	w.ensure(c, true)
	w.deliver(c, "way")
	w.must(w.SetAside(t.Context(), backend.Away{UUID: c.UUID, From: c.Address}))
	w.write("x", "private/example.test/nobody/Maildir/new/stray")
	d := owner("d", "d@example.test")
	after := w.inLayout(backend.ByUUID)
	w.must(w.convert(backend.ByUUID, nil, func() {
		w.deliver(d, "early") // an entry that came after the conversion had begun
		if err := w.Ensure(t.Context(), a, true); !errors.As(err, new(*schema.TargetDown)) {
			t.Errorf("ensure: %v", err)
		}
		if _, err := w.Kept(t.Context()); err == nil || !strings.Contains(err.Error(), "mailbox convert --layout uuid") {
			t.Errorf("list: %v", err)
		}
		w.must(errors.Join(w.Check(), after.Check()))
	}))
	after.ensure(d, true)
	want := []string{
		"live aaaaaaaa b@example.test own", "live cccccccc c@example.test way", "live dddddddd d@example.test early",
		"quarantined-renamed aaaaaaaa a@example.test left", "quarantined-unmarked nobody nobody@example.test stray",
	}
	got := slices.DeleteFunc(after.afterwards(), func(line string) bool { return strings.HasPrefix(line, "link ") })
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if err := w.Check(); !errors.As(err, new(*LayoutError)) {
		t.Errorf("check of the old layout: %v", err)
	}
	if err := w.convert(backend.ByUUID, nil, func() {}); !errors.Is(err, ErrConverted) {
		t.Errorf("once more: %v", err)
	}
}

// TestConvertNothing: a spool without stores takes any layout, one whose stores have no owners none.
func TestConvertNothing(t *testing.T) {
	w := newWorld(t, backend.ByUUID)
	w.must(w.convert(backend.ByAddress, nil, func() {}))
	w.write("x", "private/example.test/a/Maildir/new/m1")
	if err := w.convert(backend.ByUUID, nil, func() {}); err == nil || !strings.Contains(err.Error(), "no owners yet") {
		t.Errorf("error %v", err)
	}
	cfg := w.cfg
	cfg.Home = "/srv/mail/%d/%n"
	if _, err := NewConversion(cfg, backend.ByUUID); err == nil || !strings.Contains(err.Error(), "mail/dovecot/location/home") {
		t.Errorf("another directory: %v", err)
	}
}
