package faults_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/mailreg/mailreg/tests/harness"
)

// hidesMarked is an ACL that hides entries with a description.
func hidesMarked(c *harness.SlapdConfig) {
	c.ACL = []string{
		"to attrs=userPassword by anonymous auth by * none",
		`to filter=(description=hidden) by * none`,
		"to * by users read by * none",
	}
}

// leaving is a way for an entry to leave what the listener is shown, and the way back.
type leaving struct {
	uid         string
	leave, back func(*harness.Host)
	// kept is set when the entry may be as it was, for all that the listener can know: its store stays where it is and it is
	// parked. Else the address is gone from the directory, and the store goes to the trash.
	kept bool
}

func leavings() []leaving {
	class, address, base, hidden := harness.DN("class"), harness.DN("address"), harness.DN("base"), harness.DN("hidden")
	return []leaving{
		{
			uid:   "class",
			leave: func(h *harness.Host) { h.Slapd.RemoveMailClass(class) },
			back:  func(h *harness.Host) { h.Slapd.AddMailClass(class, "class@example.test") },
		},
		{
			uid:   "address",
			leave: func(h *harness.Host) { h.Slapd.SetMail(address, "") },
			back:  func(h *harness.Host) { h.Slapd.SetMail(address, "address@example.test") },
		},
		{
			uid: "base", kept: true,
			leave: func(h *harness.Host) { h.Slapd.Rename(base, "uid=base", harness.StaffDN) },
			back:  func(h *harness.Host) { h.Slapd.Rename("uid=base,"+harness.StaffDN, "uid=base", harness.PeopleDN) },
		},
		{
			uid: "hidden", kept: true,
			leave: func(h *harness.Host) { h.Slapd.Set(hidden, "description", "hidden") },
			back:  func(h *harness.Host) { h.Slapd.Set(hidden, "description") },
		},
	}
}

// TestLeftScope proves for each way in which an entry can leave what the listener is shown what becomes of its store, and
// that it comes back with the entry: while the listener follows, and while it does not, whether the provider remembers or
// not.
func TestLeftScope(t *testing.T) {
	for name, mode := range map[string]struct {
		live bool
		log  int
	}{
		"live": {live: true}, "offline with a session log": {}, "offline without one": {log: -1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			host := newHostOn(t, func(c *harness.SlapdConfig) {
				hidesMarked(c)
				c.SessionLog = mode.log
			}, "ldap/base="+harness.PeopleDN)
			addPeople(host, 8) // who stay
			for _, l := range leavings() {
				host.Slapd.AddPerson(harness.Person{UID: l.uid, Mail: l.uid + "@example.test"})
			}
			host.Wait()
			mail := mailByUUID(host, "address")
			all := slices.Clone(host.Spool.Homes())
			during := func(change func(leaving)) {
				t.Helper()
				if !mode.live {
					host.Listener.Stop()
				}
				for _, l := range leavings() {
					change(l)
				}
				if !mode.live {
					host.Listener.Start()
				}
				host.Wait()
			}
			during(func(l leaving) { l.leave(host) })
			gone, waiting := map[string]bool{}, map[string]bool{}
			for _, l := range leavings() {
				gone[harness.HomeByAddress(l.uid+"@example.test")] = !l.kept
				waiting[l.uid] = l.kept
			}
			checkHomes(t, host, slices.DeleteFunc(slices.Sorted(slices.Values(all)), func(home string) bool { return gone[home] }))
			checkScope(t, host, waiting)

			during(func(l leaving) { l.back(host) })
			checkHomes(t, host, slices.Sorted(slices.Values(all)))
			checkKept(t, host, mail)
			checkWaiting(t, host, 0, 0)
		})
	}
}

// checkScope expects those to be parked who are out of scope, and nobody else.
func checkScope(t *testing.T, host *harness.Host, want map[string]bool) {
	t.Helper()
	found := map[string]bool{}
	for _, p := range parked(host) {
		uid, _, _ := strings.Cut(strings.TrimPrefix(p.DN, "uid="), ",")
		found[uid] = true
		if !want[uid] || !strings.Contains(p.Reason, "out of scope") {
			t.Errorf("parked %s: %s", p.DN, p.Reason)
		}
	}
	for uid := range want {
		if want[uid] && !found[uid] {
			t.Errorf("%s is not parked as out of scope", uid)
		}
	}
}
