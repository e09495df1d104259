package mailbox

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/mailreg/mailreg/schema"
)

func (c *crashing) Inherit(ctx context.Context, former, owner schema.UUID, hint schema.Address) error {
	return c.call("inherit", func() error { return c.Backend.Inherit(ctx, former, owner, hint) })
}

// newID is the change of an entry a that has become b, with another address, as the listener presents it once a person has
// said so.
func newID(address, home string) schema.Change {
	return change("b", person("b", "a@x.test", here), person("b", address, home))
}

// TestReidentify gives a's store to b with a crash before each call of the backend, then again and twice more.
func TestReidentify(t *testing.T) {
	for _, layout := range []string{"uuid", "address"} {
		t.Run(layout, func(t *testing.T) {
			for limit := range 100 { // there are not as many calls
				h := newHost(t, "mail/dovecot/location/key: "+layout)
				h.apply(change("a", nil, person("a", "a@x.test", here)))
				h.deliver("a@x.test", "m1")
				c := newID("c@x.test", here)
				reidentify := func() error {
					if err := h.Reidentify(t.Context(), uuidOf("a"), c); err != nil {
						return err
					}
					return h.Apply(t.Context(), c)
				}
				h.restart(limit)
				crashed := reidentify()
				if crashed != nil && !errors.Is(crashed, errCrash) {
					t.Fatal(crashed)
				}
				h.restart(-1)
				for range 3 {
					if err := reidentify(); err != nil {
						t.Fatal(err)
					}
				}
				h.want("live b c@x.test m1")
				if crashed == nil {
					break
				}
			}
		})
	}
}

// TestReidentifyDisturbsNobody: who is logged in is asked to leave before the store moves, and cached logins go.
func TestReidentifyDisturbsNobody(t *testing.T) {
	h := newHost(t)
	h.apply(change("a", nil, person("a", "a@x.test", here)))
	h.restart(-1)
	if err := h.Reidentify(t.Context(), uuidOf("a"), newID("a@x.test", here)); err != nil {
		t.Fatal(err)
	}
	flush := "flush a@x.test ub ub@x.test"
	if want := []string{flush, "kick a@x.test", "inherit", flush}; !slices.Equal(h.spool.calls, want) {
		t.Errorf("%q", h.spool.calls)
	}
}

// TestReidentifyElsewhere: a mailbox on another host, or one that cannot be read, has no store here.
func TestReidentifyElsewhere(t *testing.T) {
	h := newHost(t)
	for _, old := range []*schema.Entry{nil, person("b", "a@x.test", there), person("b", "nonsense", here)} {
		c := change("b", old, person("b", "a@x.test", here))
		if err := errors.Join(h.Reidentify(t.Context(), uuidOf("a"), c), h.Disown(t.Context(), change("b", old, nil))); err != nil {
			t.Error(err)
		}
	}
	if len(h.spool.calls) > 0 {
		t.Errorf("%q", h.spool.calls)
	}
}

// TestDisown: the store of an id that is gone is out of reach of the one that has its address now, and is not lost.
func TestDisown(t *testing.T) {
	for setting, then := range map[string]string{
		"mail/dovecot/mailbox/delete: yes":   "quarantined",
		"mail/dovecot/location/key: uuid":    "quarantined",
		"mail/dovecot/location/key: address": "live", // until somebody else takes the address
	} {
		h := newHost(t, setting)
		a := person("a", "a@x.test", here)
		h.apply(change("a", nil, a))
		h.deliver("a@x.test", "m1")
		for range 2 {
			if err := h.Disown(t.Context(), change("a", a, nil)); err != nil {
				t.Fatal(err)
			}
			h.want(then + " a a@x.test m1")
		}
		h.apply(change("b", nil, person("b", "a@x.test", here)))
		h.want("live b a@x.test", "quarantined a a@x.test m1")
	}
}

// TestReidentifyFails: an error says whose mailbox it is about.
func TestReidentifyFails(t *testing.T) {
	h := newHost(t)
	h.restart(0)
	err := h.Reidentify(t.Context(), uuidOf("a"), newID("a@x.test", here))
	if !errors.Is(err, errCrash) || err.Error() != "uid=ub,ou=people,dc=example,dc=test: crash" {
		t.Error(err)
	}
}
