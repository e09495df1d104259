// Package faults_test proves that the listener keeps its promise when things go wrong: when it is killed, when the
// directory restarts or shows less than before, and when entries carry bad data.
package faults_test

import (
	"maps"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/schema"
	"github.com/mailreg/mailreg/tests/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// newHost makes a host with a listener on the maildir backend and without mail servers. Stores are named by address, so
// that every effect is a path, and delete is on, so that there is something to lose.
func newHost(t *testing.T, set ...string) *harness.Host {
	t.Helper()
	return newHostOn(t, nil, set...)
}

// newHostOn is newHost with a directory of its own kind.
func newHostOn(t *testing.T, slapd func(*harness.SlapdConfig), set ...string) *harness.Host {
	t.Helper()
	return harness.NewHost(t, harness.HostConfig{
		NoDovecot: true, NoPostfix: true, Slapd: slapd,
		Set: append([]string{
			"mailreg/service/dovecot=no",
			"mailreg/service/postfix=no",
			"mail/mailbox/backend=maildir",
			"mail/dovecot/location/key=address",
			"mail/dovecot/mailbox/rename=yes",
			"mail/dovecot/mailbox/delete=yes",
		}, set...),
	})
}

// homesOf returns the homes that should be in place when the stores equal the directory.
func homesOf(host *harness.Host, layout string) []string {
	var homes []string
	for uuid, address := range host.Slapd.Mailboxes() {
		if layout == "uuid" {
			homes = append(homes, harness.HomeByID(uuid))
		} else {
			homes = append(homes, harness.HomeByAddress(address))
		}
	}
	slices.Sort(homes)
	return homes
}

// checkHomes compares the homes in place with those wanted.
func checkHomes(t *testing.T, host *harness.Host, want []string) {
	t.Helper()
	if diff := cmp.Diff(want, slices.Sorted(slices.Values(host.Spool.Homes()))); diff != "" {
		t.Errorf("homes in place, -want +got:\n%s", diff)
	}
}

// checkReplica compares what the listener has stored with what the directory answers.
func checkReplica(t *testing.T, host *harness.Host) {
	t.Helper()
	client := control.NewClient(filepath.Join(host.Root(), "run/mailreg/control.sock"))
	entries, err := client.Entries(t.Context(), control.Selection{})
	if err != nil {
		t.Fatalf("reading the replica: %v", err)
	}
	replica := map[string]control.Entry{}
	for _, e := range entries {
		replica[e.UUID.String()] = e
	}
	directory := map[string]control.Entry{}
	for _, e := range host.Slapd.Entries(schema.Scope{Base: harness.BaseDN, Host: harness.ListenerDN}.Filter(), schema.Attributes()...) {
		directory[e.UUID.String()] = control.Entry{UUID: e.UUID, DN: e.DN, Attrs: attrs(e)}
	}
	if diff := cmp.Diff(directory, replica); diff != "" {
		t.Errorf("replica, -directory +replica:\n%s", diff)
	}
}

func attrs(e *schema.Entry) map[string][]string {
	all := map[string][]string{}
	for _, a := range e.Attrs {
		all[a.Name] = a.Values
	}
	return all
}

// addPeople adds mail users p01, p02 ... and returns their UIDs.
func addPeople(host *harness.Host, count int) []string {
	uids := make([]string, count)
	for i := range uids {
		uids[i] = "p" + string(rune('0'+i/10)) + string(rune('0'+i%10))
		host.Slapd.AddPerson(harness.Person{UID: uids[i], Mail: uids[i] + "@" + harness.MailDomain})
	}
	return uids
}

// held and parked return what waits for a person.
func held(host *harness.Host) (batches []control.Held) {
	host.JSON(&batches, "listener", "held")
	return batches
}

func parked(host *harness.Host) (items []control.Parked) {
	host.JSON(&items, "listener", "parked")
	return items
}

// mailByUUID puts a message named by its entryUUID into the store of each mail user, and returns the entryUUIDs.
func mailByUUID(host *harness.Host, layout string) []string {
	mailboxes := host.Slapd.Mailboxes()
	for uuid, address := range mailboxes {
		home := harness.HomeByAddress(address)
		if layout == "uuid" {
			home = harness.HomeByID(uuid)
		}
		host.Spool.Deliver(home, uuid)
	}
	return slices.Sorted(maps.Keys(mailboxes))
}
