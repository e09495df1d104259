package mailbox_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/tests/harness"
)

// reloaded is a host with people who have a message each, and a directory that was loaded anew since: all have other
// entryUUIDs.
type reloaded struct {
	*harness.Host
	t *testing.T
	// people are their addresses; before and after are their entryUUIDs.
	people        []string
	before, after map[string]string
	batch         string
}

func newReloaded(t *testing.T, count int) *reloaded {
	t.Helper()
	r := &reloaded{Host: harness.NewHost(t, harness.HostConfig{NoPostfix: true}), t: t}
	for n := range count {
		mail := fmt.Sprintf("p%02d@%s", n, harness.MailDomain)
		r.people = append(r.people, mail)
		r.Slapd.AddPerson(harness.Person{UID: fmt.Sprintf("p%02d", n), Mail: mail})
	}
	r.Wait()
	r.before = r.ids()
	for _, mail := range r.people {
		r.Spool.Deliver(harness.HomeByID(r.before[mail]), "old "+mail)
	}
	r.Slapd.Renew()
	r.after = r.ids()
	r.Wait()
	var held []control.Held
	r.JSON(&held, "listener", "held")
	if len(held) != 1 || held[0].Count != 2*count || !strings.HasPrefix(held[0].Reason, "reidentified: ") {
		t.Fatalf("held %+v", held)
	}
	r.batch = held[0].ID
	return r
}

// ids returns entryUUIDs by address.
func (r *reloaded) ids() map[string]string {
	ids := map[string]string{}
	for uuid, mail := range r.Slapd.Mailboxes() {
		ids[mail] = uuid
	}
	return ids
}

func (r *reloaded) decide(verb string) {
	r.t.Helper()
	r.Must("listener", verb, r.batch)
	if out := r.Wait(); out != "" {
		r.t.Errorf("%s: wait printed %q", verb, out)
	}
}

// reads expects what a person finds by IMAP.
func (r *reloaded) reads(mail string, want ...string) {
	r.t.Helper()
	got := r.Dovecot.Subjects(mail, harness.Password)
	if slices.Sort(got); !slices.Equal(got, want) {
		r.t.Errorf("%s reads %q, want %q", mail, got, want)
	}
}

// TestReloadedDirectoryApproved: everybody reads the old mail, and what was delivered while it waited.
func TestReloadedDirectoryApproved(t *testing.T) {
	t.Parallel()
	r := newReloaded(t, 40)
	for _, mail := range r.people {
		if r.before[mail] == r.after[mail] {
			t.Fatalf("%s has still the entryUUID %s", mail, r.after[mail])
		}
		if err := r.Dovecot.Deliver(mail, "new "+mail); err != nil {
			t.Fatal(err)
		}
	}
	r.decide("approve")
	for _, mail := range r.people {
		r.reads(mail, "new "+mail, "old "+mail)
	}
	if homes := r.Spool.Homes(); len(homes) != len(r.people) {
		t.Errorf("%d homes of %d people", len(homes), len(r.people))
	}
}

// TestReloadedDirectoryRejected: everybody begins anew; the old mail lies in quarantine and none of it is lost.
func TestReloadedDirectoryRejected(t *testing.T) {
	t.Parallel()
	r := newReloaded(t, 40)
	early := r.people[7]
	if err := r.Dovecot.Deliver(early, "new "+early); err != nil {
		t.Fatal(err)
	}
	r.decide("reject")
	for _, mail := range r.people {
		if mail == early {
			r.reads(mail, "new "+mail)
			continue
		}
		r.reads(mail)
	}
	if homes := r.Spool.Homes(); len(homes) != len(r.people) {
		t.Errorf("%d homes of %d people", len(homes), len(r.people))
	}
	messages := r.Spool.Messages()
	for _, mail := range r.people {
		if where := messages["old "+mail]; len(where) != 1 || !strings.Contains(where[0], ".quarantine") {
			t.Errorf("the old mail of %s is in %q", mail, where)
		}
	}
}
