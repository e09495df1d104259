package quota

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/mailreg/mailreg/registry"
	"github.com/mailreg/mailreg/schema"
)

// stores is a Cyrus that fails after some calls.
type stores struct {
	// limits are those of the stores that there are.
	limits map[schema.UUID]int64
	calls  []string
	// left is how many calls there may be, any number when it is negative.
	left int
}

func (s *stores) SetQuota(_ context.Context, owner schema.UUID, limit int64) error {
	if s.left == 0 {
		return &schema.TargetDown{Target: "cyrus", Err: errors.New("down")}
	}
	s.left--
	s.calls = append(s.calls, fmt.Sprintf("%d=%d", owner[0], limit>>10))
	if _, there := s.limits[owner]; there {
		s.limits[owner] = limit
	}
	return nil
}

func (s *stores) Quota(_ context.Context, owner schema.UUID) (int64, bool, error) {
	limit, there := s.limits[owner]
	return limit, there, nil
}

// cyrus is a handler on a Cyrus host with a default of 3 MB, and what its listener would remember.
type cyrus struct {
	*Handler
	t     *testing.T
	s     *stores
	view  func() (*registry.View, error)
	acked map[schema.UUID]*schema.Entry
}

func newCyrus(t *testing.T, set ...registry.Assignment) *cyrus {
	t.Helper()
	set = append(set, registry.Assignment{Key: "mail/mailbox/backend", Value: "cyrus"})
	c := &cyrus{t: t, s: &stores{limits: map[schema.UUID]int64{}, left: -1}, acked: map[schema.UUID]*schema.Entry{}}
	c.view = open(t, append(set, registry.Assignment{Key: "mail/cyrus/imap/quota/default", Value: "3"})...).View
	c.restart()
	return c
}

func (c *cyrus) restart() {
	c.Handler = New(Config{View: c.view, Cyrus: func(*registry.View) Stores { return c.s }})
	c.Recall(maps.Values(c.acked))
}

// flush applies entries at once, and acknowledges them unless that fails. A DN alone is an entry that is gone.
func (c *cyrus) flush(entries ...*schema.Entry) error {
	c.t.Helper()
	c.s.calls = nil
	for _, e := range entries {
		change := schema.Change{UUID: e.UUID, Old: c.acked[e.UUID], New: e}
		if len(e.Attrs) == 0 {
			change.New = nil
		}
		if err := c.Apply(c.t.Context(), change); err != nil {
			c.t.Fatal(err)
		}
	}
	if err := c.Flush(c.t.Context()); err != nil {
		return err
	}
	for _, e := range entries {
		if c.acked[e.UUID] = e; len(e.Attrs) == 0 {
			delete(c.acked, e.UUID)
		}
	}
	return nil
}

// want flushes entries and compares the calls.
func (c *cyrus) want(calls string, entries ...*schema.Entry) {
	c.t.Helper()
	if err := c.flush(entries...); err != nil {
		c.t.Fatal(err)
	}
	if got := strings.Join(c.s.calls, " "); got != calls {
		c.t.Errorf("Cyrus got %q, want %q", got, calls)
	}
}

// at is a user with a home server and a store.
func (c *cyrus) at(n byte, uid, home string, attrs ...string) *schema.Entry {
	c.s.limits[id(n)] = 0
	return user(n, uid, append([]string{schema.AttrHomeServer, home}, attrs...)...)
}

const mine = "me.x.test"

// TestCyrusLimits has a policy come, change and go: whom it gives something else gets that, and nobody else is called, also
// after a restart.
func TestCyrusLimits(t *testing.T) {
	c := newCyrus(t)
	top := entry(2, "ou=p,dc=x", "objectClass", "organizationalUnit", schema.AttrPolicyReference, "cn=q,dc=x")
	c.want("", c.at(3, "anna", mine), c.at(4, "ben", mine, schema.AttrUserQuota, "5"), c.at(5, "carl", "other.x.test"), c.at(6, "dora", ""))
	c.want("", top)
	c.want("3=7", policy("7"))
	c.restart()
	if err := c.Reconcile(t.Context(), maps.Values(c.acked)); err != nil {
		t.Fatal(err)
	}
	c.want("")
	c.want("3=8", policy("8"))
	c.want("4=8", c.at(4, "ben", mine))
	c.want("4=0", c.at(4, "ben", mine, schema.AttrUserQuota, "0"))
	c.want("3=3", entry(1, "cn=q,dc=x"))
	c.want("3=9", policy("9"))
	c.want("4=0", c.acked[id(4)]) // of which nobody has seen the end
	c.want("3=9 4=0", policy("9"))
}

// TestCyrusIsAwayMidway goes on where it was, and what handler mailbox sets meanwhile is of the new policy already.
func TestCyrusIsAwayMidway(t *testing.T) {
	c := newCyrus(t)
	top := entry(2, "ou=p,dc=x", "objectClass", "organizationalUnit", schema.AttrPolicyReference, "cn=q,dc=x")
	anna, ben, carl := c.at(3, "anna", mine), c.at(4, "ben", mine), c.at(5, "carl", mine)
	c.want("3=7 4=7 5=7", policy("7"), top, anna, ben, carl)
	c.s.left = 1
	if err := c.flush(policy("8")); !errors.As(err, new(*schema.TargetDown)) {
		t.Fatalf("%v, want that Cyrus is down", err)
	}
	c.s.left = -1
	if err := c.Limit(t.Context(), carl); err != nil || c.s.limits[id(5)] != 8<<10 {
		t.Errorf("%d, %v", c.s.limits[id(5)], err)
	}
	c.want("4=8 5=8", policy("8"))
	c.s.left = 1
	if err := c.flush(policy("9")); err == nil {
		t.Fatal("no error")
	}
	c.s.left = -1
	c.restart() // after which the policy is as it was
	c.want("3=8 4=8 5=8", policy("8"))
}

// TestLimit is the order of what counts.
func TestLimit(t *testing.T) {
	c := newCyrus(t)
	reference := []string{schema.AttrPolicyReference, "cn=q,dc=x"}
	for _, tt := range []struct {
		attrs []string
		want  int64
	}{
		{nil, 3},
		{reference, 7},
		{append([]string{schema.AttrUserQuota, "5"}, reference...), 5},
		{append([]string{schema.AttrUserQuota, "0"}, reference...), 0},
		{append([]string{schema.AttrUserQuota, "5M"}, reference...), 0},
	} {
		c.want("", policy("7"))
		anna := c.at(3, "anna", mine, tt.attrs...)
		c.s.limits[id(3)] = 1
		found, err := c.Inspect(t.Context(), anna)
		want := schema.Difference{What: "quota in KB", Want: fmt.Sprint(tt.want << 10), Have: "1"}
		if err != nil || !slices.Equal(found, []schema.Difference{want}) {
			t.Errorf("%q: %v, %v", tt.attrs, found, err)
		}
		if err := c.Limit(t.Context(), anna); err != nil || c.s.limits[id(3)] != tt.want<<10 {
			t.Errorf("%q: %d, %v", tt.attrs, c.s.limits[id(3)], err)
		}
		if found, err := c.Inspect(t.Context(), anna); err != nil || len(found) > 0 {
			t.Errorf("%q: %v, %v", tt.attrs, found, err)
		}
	}
	if off := newCyrus(t, registry.Assignment{Key: "mail/cyrus/imap/quota", Value: "no"}); off.Version() == c.Version() {
		t.Error("limits that are switched off are not looked at again")
	}
	late := New(Config{View: c.view, Cyrus: func(*registry.View) Stores { return c.s }})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := late.Limit(ctx, c.at(3, "anna", mine)); !errors.Is(err, schema.ErrTemporary) {
		t.Errorf("before the policies are known: %v", err)
	}
}
