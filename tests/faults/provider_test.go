package faults_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/tests/harness"
)

// TestRestart proves that the listener catches up whatever the provider remembers: with its session log, without one,
// and with one that a restart has emptied. Deletes, renames and additions happen while the listener is down.
func TestRestart(t *testing.T) {
	tests := []struct {
		name string
		// restart is what happens to the provider between the changes and the listener's return.
		restart func(*harness.Slapd)
		log     int
	}{
		{name: "session log", restart: func(*harness.Slapd) {}},
		{name: "session log lost", restart: func(s *harness.Slapd) { s.Restart() }},
		{name: "no session log", restart: func(*harness.Slapd) {}, log: -1},
		{name: "provider killed", restart: func(s *harness.Slapd) { s.Kill(); s.Start() }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			host := newHost(t)
			host.Slapd.Restart(func(c *harness.SlapdConfig) { c.SessionLog = test.log })
			addPeople(host, 30)
			host.Wait()
			mail := mailByUUID(host, "address")
			host.Listener.Stop()
			host.Slapd.Delete(harness.DN("p01"))
			host.Slapd.Delete(harness.DN("p02"))
			host.Slapd.SetMail(harness.DN("p03"), "new@example.test")
			host.Slapd.Rename(harness.DN("p04"), "uid=other", harness.StaffDN)
			host.Slapd.AddPerson(harness.Person{UID: "late", Mail: "late@example.test"})
			test.restart(host.Slapd)
			host.Listener.Start()
			host.Wait()
			checkReplica(t, host)
			checkHomes(t, host, homesOf(host, "address"))
			checkWaiting(t, host, 0, 0)
			checkKept(t, host, mail)
			// And it goes on from here.
			host.Slapd.SetMail(harness.DN("p05"), "newer@example.test")
			host.Wait()
			checkHomes(t, host, homesOf(host, "address"))
		})
	}
}

// TestRestartUnderListener proves that a listener that is running gets over a restart of the provider.
func TestRestartUnderListener(t *testing.T) {
	t.Parallel()
	host := newHost(t)
	addPeople(host, 5)
	host.Wait()
	host.Slapd.Kill()
	host.Slapd.Start()
	host.Slapd.SetMail(harness.DN("p00"), "new@example.test")
	host.Slapd.Delete(harness.DN("p01"))
	host.Wait()
	checkReplica(t, host)
	checkHomes(t, host, homesOf(host, "address"))
}

// TestDownAtStart proves that a directory which is down keeps nothing from starting: the control socket answers, the
// state says what is missing, wait gives up with the reason, and everything runs once the directory is back.
func TestDownAtStart(t *testing.T) {
	t.Parallel()
	host := newHost(t)
	addPeople(host, 3)
	host.Wait()
	var known, status control.Status
	host.JSON(&known, "listener", "status")
	host.Listener.Stop()
	host.Slapd.SetMail(harness.DN("p00"), "new@example.test")
	before := homesOf(host, "address")
	host.Slapd.Stop()
	host.Listener.Start()
	host.JSON(&status, "listener", "status")
	if status.Ready || len(status.Reasons) == 0 {
		t.Errorf("status without directory: ready %v, reasons %q; want not ready and why", status.Ready, status.Reasons)
	}
	if status.Entries != known.Entries || known.Entries < 3 {
		t.Errorf("the replica has %d entries without directory, want the %d of before", status.Entries, known.Entries)
	}
	if r := host.Run("listener", "wait", "--timeout", "300ms"); r.Code != 1 || r.Stderr == "" {
		t.Errorf("wait without directory: %s, want exit 1 and the reason", r)
	}
	host.Slapd.Start()
	host.Wait()
	checkHomes(t, host, before)
	host.JSON(&status, "listener", "status")
	if !status.Ready {
		t.Errorf("not ready after the directory came back: %q", status.Reasons)
	}
}

// TestOtherBase proves that a cookie counts only for the base that it was given for: with another base everything is
// read anew, and what is not below it any more is kept and reported, not deleted.
func TestOtherBase(t *testing.T) {
	t.Parallel()
	host := newHost(t)
	addPeople(host, 12)
	host.Slapd.Rename(harness.DN("p01"), "uid=p01", harness.StaffDN)
	host.Wait()
	mail := mailByUUID(host, "address")
	host.Listener.Stop()
	host.Must("set", "ldap/base="+harness.PeopleDN)
	host.Slapd.SetMail(harness.DN("p02"), "new@example.test")
	host.Listener.Start()
	host.Wait()
	checkHomes(t, host, homesOf(host, "address"))
	checkKept(t, host, mail)
	var handlers []string
	for _, p := range parked(host) {
		if !strings.Contains(p.DN, "p01") || !strings.Contains(p.Reason, "out of scope") {
			t.Errorf("parked %s: %s", p.DN, p.Reason)
		}
		handlers = append(handlers, p.Handler)
	}
	slices.Sort(handlers) // those that have to do with people
	if want := []string{"account", "folder", "mailbox", "quota"}; !slices.Equal(handlers, want) {
		t.Errorf("p01 is parked for %q, want %q", handlers, want)
	}
	checkWaiting(t, host, len(handlers), 0)
	if out := host.Must("listener", "parked"); strings.Count(out, "Parked: ") != 1 {
		t.Errorf("one entry is out of scope, told is\n%s", out)
	}

	host.Listener.Stop()
	host.Must("set", "ldap/base="+harness.BaseDN)
	host.Listener.Start()
	host.Wait()
	checkReplica(t, host)
	checkHomes(t, host, homesOf(host, "address"))
	checkWaiting(t, host, 0, 0)
}

// checkWaiting counts what waits for a person: parked entries and held ones.
func checkWaiting(t *testing.T, host *harness.Host, wantParked, wantHeld int) {
	t.Helper()
	if items := parked(host); len(items) != wantParked {
		t.Errorf("%d parked, want %d: %+v", len(items), wantParked, items)
	}
	count := 0
	for _, batch := range held(host) {
		count += batch.Count
		if batch.Count != len(batch.Entries) {
			t.Errorf("held batch %s: count %d, but %d entries", batch.ID, batch.Count, len(batch.Entries))
		}
	}
	if count != wantHeld {
		t.Errorf("%d held, want %d: %+v", count, wantHeld, held(host))
	}
}

// checkKept proves that each message is there once, and that of each living user in the own home.
func checkKept(t *testing.T, host *harness.Host, uuids []string) {
	t.Helper()
	found := host.Spool.Messages()
	living := host.Slapd.Mailboxes()
	for _, uuid := range uuids {
		if len(found[uuid]) != 1 {
			t.Errorf("the message of %s is in %q, want it once", uuid, found[uuid])
			continue
		}
		address, lives := living[uuid]
		if home := harness.HomeByAddress(address) + "/"; lives && !strings.HasPrefix(found[uuid][0], home) {
			t.Errorf("the message of %s is in %s, want it below %s", uuid, found[uuid][0], home)
		}
	}
	for subject := range found {
		if !slices.Contains(uuids, subject) {
			t.Errorf("a message %q that nobody has sent: %q", subject, found[subject])
		}
	}
}
