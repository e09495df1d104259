package faults_test

import (
	"fmt"
	"testing"

	"github.com/mailreg/mailreg/tests/harness"
)

// hiddenAddresses is an ACL under which the listener sees all entries, but nobody's address.
func hiddenAddresses(c *harness.SlapdConfig) {
	c.ACL = []string{
		"to attrs=userPassword by anonymous auth by * none",
		"to attrs=mailPrimaryAddress by * none",
		"to * by users read by * none",
	}
}

// usualACL is the one of before.
func usualACL(c *harness.SlapdConfig) { c.ACL = nil }

// touch makes the provider send each entry again.
func touch(host *harness.Host, uids []string) {
	for _, uid := range uids {
		host.Slapd.Set(harness.DN(uid), "description", "touched")
	}
}

// TestHiddenAddresses proves that a directory which suddenly shows nobody's address takes nobody's mail away: everything
// is held, in a refresh as in daily work, and what a person decides happens.
func TestHiddenAddresses(t *testing.T) {
	const crowd = 30
	tests := []struct {
		name string
		// held is how many wait: in a refresh all, live those beyond the limit, half of the stores.
		held int
		live bool
		// then is what is done about it; where is the place of the mail of all who were held afterwards.
		then  func(t *testing.T, host *harness.Host)
		homes int
	}{
		{name: "healed", held: crowd, then: heal, homes: crowd},
		{name: "rejected", held: crowd, then: decide("reject"), homes: crowd},
		{name: "approved", held: crowd, then: decide("approve"), homes: 0},
		{name: "live", held: crowd / 2, live: true, then: heal, homes: crowd},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			host := newHost(t)
			uids := addPeople(host, crowd)
			host.Wait()
			mail := mailByUUID(host, "address")
			before := host.Spool.Messages()
			if !test.live {
				host.Listener.Stop()
			}
			host.Slapd.Restart(hiddenAddresses)
			if test.live {
				host.Wait() // until the listener is past the refresh that a restart brings
			}
			touch(host, uids)
			if !test.live {
				host.Listener.Start()
			}
			host.Wait()
			checkWaiting(t, host, 0, test.held)
			if !test.live {
				sameMessages(t, before, host.Spool.Messages())
			}
			test.then(t, host)
			checkWaiting(t, host, 0, 0)
			if got := len(host.Spool.Homes()); got != test.homes {
				t.Errorf("%d homes in place, want %d", got, test.homes)
			}
			if found := host.Spool.Messages(); len(found) != len(mail) {
				t.Errorf("%d messages are left of %d", len(found), len(mail))
			}
		})
	}
}

// heal takes the ACL away again; nobody has to decide anything.
func heal(t *testing.T, host *harness.Host) {
	t.Helper()
	host.Slapd.Restart(usualACL)
	for uid := range 30 {
		host.Slapd.Set(harness.DN(fmt.Sprintf("p%02d", uid)), "description", "healed")
	}
	host.Wait()
	checkHomes(t, host, homesOf(host, "address"))
}

// decide approves or rejects all that is held.
func decide(verb string) func(*testing.T, *harness.Host) {
	return func(t *testing.T, host *harness.Host) {
		t.Helper()
		for _, batch := range held(host) {
			host.Must("listener", verb, batch.ID)
		}
		host.Wait()
	}
}

func sameMessages(t *testing.T, before, after map[string][]string) {
	t.Helper()
	for subject, paths := range before {
		if fmt.Sprint(paths) != fmt.Sprint(after[subject]) {
			t.Errorf("message %s was in %q, is in %q", subject, paths, after[subject])
		}
	}
}

// TestBrakeLive proves that deletions which come one by one are stopped at the limit, that other changes go on, and that
// rejected ones leave the stores with their owners.
func TestBrakeLive(t *testing.T) {
	t.Parallel()
	host := newHost(t, "mailreg/guard/count=5")
	uids := addPeople(host, 30)
	host.Wait()
	for _, uid := range uids[:12] {
		host.Slapd.Delete(harness.DN(uid))
	}
	// A change that takes nothing away is not held.
	host.Slapd.AddPerson(harness.Person{UID: "new", Mail: "new@example.test"})
	host.Wait()
	checkWaiting(t, host, 0, 7)
	if got, want := len(host.Spool.Homes()), 30-5+1; got != want {
		t.Errorf("%d homes in place, want %d", got, want)
	}
	decide("reject")(t, host)
	checkWaiting(t, host, 0, 0)
	if got, want := len(host.Spool.Homes()), 30-5+1; got != want {
		t.Errorf("after the rejection %d homes in place, want %d", got, want)
	}
	var stores []struct{ State string }
	host.JSON(&stores, "mailbox", "list")
	orphans := 0
	for _, s := range stores {
		if s.State == "orphan" {
			orphans++
		}
	}
	if orphans != 7 {
		t.Errorf("mailbox list shows %d orphans, want the 7 rejected: %+v", orphans, stores)
	}
}

// TestHeldOwner proves that nobody gets the address of a store whose removal is held: the claim waits with it and runs
// when it is approved.
func TestHeldOwner(t *testing.T) {
	t.Parallel()
	host := newHost(t, "mailreg/guard/count=2")
	uids := addPeople(host, 12)
	host.Wait()
	mail := mailByUUID(host, "address")
	host.Listener.Stop()
	for _, uid := range uids[:8] {
		host.Slapd.Delete(harness.DN(uid))
	}
	heir := host.Slapd.AddPerson(harness.Person{UID: "heir", Mail: "p00@example.test"})
	host.Listener.Start()
	host.Wait()
	checkWaiting(t, host, 0, 9)
	var waits []string
	for _, batch := range held(host) {
		for _, e := range batch.Entries {
			if e.Waits {
				waits = append(waits, e.UUID.String())
			}
		}
	}
	if len(waits) != 1 || waits[0] != heir {
		t.Errorf("waiting for a held one: %q, want only the heir %s", waits, heir)
	}
	decide("approve")(t, host)
	checkHomes(t, host, homesOf(host, "address"))
	checkWaiting(t, host, 0, 0)
	subjects, err := host.Spool.Subjects(harness.HomeByAddress("p00@example.test"))
	if err != nil || len(subjects) != 0 {
		t.Errorf("the heir has the mail %q (%v), want none", subjects, err)
	}
	checkKept(t, host, mail)
}
