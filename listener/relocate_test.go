package listener

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/mailreg/mailreg/listener/store"
	"github.com/mailreg/mailreg/schema"
)

// box returns a container of a name.
func box(n int, dn string) *schema.Entry {
	return schema.NewEntry(id(n), dn, attr("objectClass", "organizationalUnit"),
		attr("createTimestamp", "20260101000000Z"), attr("entryCSN", csnAt(1)))
}

// below returns a user under another name.
func below(n int, dn string) *schema.Entry {
	e := *user(n, fmt.Sprintf("a%d", n))
	e.DN = dn
	return &e
}

func end(cookie int, snapshot bool) Event {
	return Event{Kind: RefreshEnd, Snapshot: snapshot, Cookie: []byte(cookieAt(cookie))}
}

// names returns the DNs of the replica, and checks that the handler has been told of them.
func (r *rig) names() []string {
	r.t.Helper()
	r.expectMarks()
	var list []string
	err := r.store.View(func(tx *store.Tx) error {
		h := tx.Handler("target")
		for e := range tx.Entries(schema.UUID{}) {
			list = append(list, e.DN)
			if acked := h.Acked(e.UUID).Entry; acked != nil && acked.DN != e.DN {
				r.t.Errorf("the handler knows %s as %s", e.DN, acked.DN)
			}
		}
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
	slices.Sort(list)
	return list
}

// newTree returns a rig that has loaded two users in ou=a, one of them in ou=c below it, and one in ou=b, and stands still.
func newTree(t *testing.T) *rig {
	r := newRig(t)
	r.config.InFilter = func(e *schema.Entry) bool { return e.HasClass(schema.ClassMail) || schema.IsContainer(e) }
	r.dir.log = ids(100, 120)
	loaded := append(content(
		below(1, "uid=u1, OU=A,dc=t"), box(11, "ou=a,dc=t"), below(2, "uid=u2,ou=c,ou=a,dc=t"), box(13, "ou=c,ou=a,dc=t"),
		box(12, "ou=b,dc=t"), below(3, "uid=u3,ou=b,dc=t"),
	), end(1, true))
	r.pretend(nil, loaded...)
	r.start()
	r.target.taken()
	r.stop()
	return r
}

func TestRelocate(t *testing.T) {
	for name, tt := range map[string]struct {
		events []Event
		want   []string
	}{
		"rename": {
			content(box(11, "ou=x,dc=t")),
			[]string{"ou=b,dc=t", "ou=c,ou=x,dc=t", "ou=x,dc=t", "uid=u1,ou=x,dc=t", "uid=u2,ou=c,ou=x,dc=t", "uid=u3,ou=b,dc=t"},
		},
		"move": {
			content(box(11, "ou=a,ou=b,dc=t")),
			[]string{"ou=a,ou=b,dc=t", "ou=b,dc=t", "ou=c,ou=a,ou=b,dc=t", "uid=u1,ou=a,ou=b,dc=t", "uid=u2,ou=c,ou=a,ou=b,dc=t", "uid=u3,ou=b,dc=t"},
		},
		"nested": {
			content(box(11, "ou=x,dc=t"), box(13, "ou=y,ou=b,dc=t")),
			[]string{"ou=b,dc=t", "ou=x,dc=t", "ou=y,ou=b,dc=t", "uid=u1,ou=x,dc=t", "uid=u2,ou=y,ou=b,dc=t", "uid=u3,ou=b,dc=t"},
		},
		"other spelling": {
			content(box(11, "OU=A, DC=T")),
			[]string{"OU=A, DC=T", "ou=b,dc=t", "ou=c,ou=a,dc=t", "uid=u1, OU=A,dc=t", "uid=u2,ou=c,ou=a,dc=t", "uid=u3,ou=b,dc=t"},
		},
		"with a user's own rename": {
			content(box(11, "ou=x,dc=t"), below(1, "uid=u9,ou=x,dc=t"), below(3, "uid=u3,ou=a,dc=t")),
			[]string{"ou=b,dc=t", "ou=c,ou=x,dc=t", "ou=x,dc=t", "uid=u2,ou=c,ou=x,dc=t", "uid=u3,ou=a,dc=t", "uid=u9,ou=x,dc=t"},
		},
	} {
		for _, live := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					r := newTree(t)
					events := append(slices.Clone(tt.events), end(2, false))
					if live {
						events = append([]Event{end(1, false)}, tt.events...)
					}
					r.pretend(nil, events...)
					r.start()
					if got := r.names(); !slices.Equal(got, tt.want) {
						t.Errorf("live %t: names\n%q\nwant\n%q", live, got, tt.want)
					}
				})
			})
		}
	}
}

// TestRelocateInOrder is about renames that follow one another while the listener is busy, and so come as one batch.
func TestRelocateInOrder(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newTree(t)
		r.pretend(nil, append([]Event{end(1, false)}, content(
			below(1, "uid=u1,ou=c,ou=a,dc=t"), box(11, "ou=x,dc=t"), below(2, "uid=u2,ou=x,dc=t"), box(11, "ou=y,dc=t"),
			box(12, "ou=a,dc=t"), below(3, "uid=u3,ou=y,dc=t"), box(11, "ou=b,dc=t"),
		)...)...)
		r.start()
		want := []string{"ou=a,dc=t", "ou=b,dc=t", "ou=c,ou=b,dc=t", "uid=u1,ou=c,ou=b,dc=t", "uid=u2,ou=b,dc=t", "uid=u3,ou=b,dc=t"}
		if got := r.names(); !slices.Equal(got, want) {
			t.Errorf("names\n%q\nwant\n%q", got, want)
		}
	})
}

// TestContainersChangePlaces is about two renames of which only the outcome is seen.
func TestContainersChangePlaces(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newTree(t)
		r.pretend(nil, append(content(box(11, "ou=b,dc=t"), box(12, "ou=a,dc=t")), end(2, false))...)
		r.start()
		want := []string{"ou=a,dc=t", "ou=b,dc=t", "ou=c,ou=b,dc=t", "uid=u1,ou=b,dc=t", "uid=u2,ou=c,ou=b,dc=t", "uid=u3,ou=a,dc=t"}
		if got := r.names(); !slices.Equal(got, want) {
			t.Errorf("names\n%q\nwant\n%q", got, want)
		}
	})
}

// TestRefreshCutBehindARename shows that a rename is not forgotten when the refresh that brought it has no end.
func TestRefreshCutBehindARename(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newTree(t)
		r.pretend(errCut, content(box(11, "ou=x,dc=t"), below(3, "uid=u3,ou=x,dc=t"))...)
		r.start()
		r.pretend(nil, append(content(box(11, "ou=x,dc=t"), below(3, "uid=u3,ou=x,dc=t")), end(2, false))...)
		pass(time.Hour)
		want := []string{"ou=b,dc=t", "ou=c,ou=x,dc=t", "ou=x,dc=t", "uid=u1,ou=x,dc=t", "uid=u2,ou=c,ou=x,dc=t", "uid=u3,ou=x,dc=t"}
		if got := r.names(); !slices.Equal(got, want) {
			t.Errorf("names\n%q\nwant\n%q", got, want)
		}
	})
}

// TestContainerLeaves is about a container that moves out of the base: of what is below it nothing is said.
func TestContainerLeaves(t *testing.T) {
	for _, live := range []bool{true, false} {
		bubble(t, func(t *testing.T) {
			r := newTree(t)
			for n, e := range map[int]*schema.Entry{1: below(1, "uid=u1,ou=a,dc=t"), 2: below(2, "uid=u2,ou=c,ou=a,dc=t"), 3: below(3, "uid=u3,ou=b,dc=t")} {
				r.dir.entries[id(n)] = e
				r.dir.outside[id(n)] = n == 2
			}
			gone := Event{Kind: Gone, UUIDs: ids(11, 11), Cookie: []byte(cookieAt(2))}
			if live {
				r.pretend(nil, end(1, false), gone)
			} else {
				r.pretend(nil, gone, end(2, false))
			}
			r.start()
			if marks := r.marks(); len(marks) != 1 || marks[0][:10] != "u2 parked:" {
				t.Errorf("live %t: marks %q", live, marks)
			}
			if n := r.replica(); n != 3 { // ou=a, ou=c and u2 are out of reach
				t.Errorf("live %t: %d entries", live, n)
			}
		})
	}
}

// TestContainerLeavesBehindAChange is about a container that moves out of the base just after entries below it have changed
// or come, while the listener is busy: then all of that comes as one batch.
func TestContainerLeavesBehindAChange(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newTree(t)
		for n, dn := range map[int]string{1: "uid=u1,ou=a,dc=t", 2: "uid=u2,ou=c,ou=a,dc=t", 3: "uid=u3,ou=b,dc=t", 4: "uid=u4,ou=a,dc=t"} {
			r.dir.entries[id(n)] = below(n, dn)
			r.dir.outside[id(n)] = n != 3
		}
		changed := *below(1, "uid=u1,ou=a,dc=t")
		changed.Attrs = append(changed.Attrs, attr("version", "2"))
		events := append([]Event{end(1, false)}, content(&changed, below(4, "uid=u4,ou=a,dc=t"))...)
		r.pretend(nil, append(events, Event{Kind: Gone, UUIDs: ids(11, 11), Cookie: []byte(cookieAt(2))})...)
		r.start()
		if got := r.replica(); got != 2 { // ou=b and u3 are left
			t.Errorf("%d entries, want 2; marks %q", got, r.marks())
		}
	})
}
