package mailbox_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mailreg/mailreg/listener/control"
	"github.com/mailreg/mailreg/tests/harness"
)

// TestElsewhere plays the events in which the user has no mailbox on this host before or after: the rows of the peer's
// event matrix (peer-mail §4.4) that TestMatrix, whose people all have mail here, cannot have.
func TestElsewhere(t *testing.T) {
	for _, kind := range kinds() {
		for _, remove := range []string{"no", "yes"} {
			if kind.backend == "cyrus" && (kind.layout == "bookworm") != (remove == "no") {
				continue // the releases differ in nothing that this is about
			}
			t.Run(fmt.Sprintf("%s/%s/delete=%s", kind.backend, kind.layout, remove), func(t *testing.T) {
				t.Parallel()
				e := &elsewhere{kind: kind, t: t, remove: remove, uuids: map[string]string{}}
				e.host = harness.NewHost(t, kind.config("mail/dovecot/mailbox/delete="+remove, "mailreg/guard/count=0"))
				e.play()
			})
		}
	}
}

// elsewhere is a host and its people by uid.
type elsewhere struct {
	kind

	t      *testing.T
	host   *harness.Host
	remove string
	uuids  map[string]string
}

func (e *elsewhere) add(uid, local, home string) {
	p := harness.Person{UID: uid, Home: home}
	if local != "" {
		p.Mail = local + "@example.test"
	}
	e.uuids[uid] = e.host.Slapd.AddPerson(p)
}

// set changes home and address in one operation.
func (e *elsewhere) set(uid, local, home string) {
	e.host.Slapd.Move(harness.DN(uid), local+"@example.test", home)
}

// want waits, and compares the stores of a person, in place or not, as "state localpart".
func (e *elsewhere) want(uid string, stores ...string) {
	e.t.Helper()
	e.host.Wait()
	var all, kept []struct{ UUID, Address, State, Kind string }
	e.host.JSON(&all, "mailbox", "list")
	e.host.JSON(&kept, "mailbox", "trash", "list")
	var got []string
	for _, s := range append(all, kept...) {
		if s.UUID == e.uuids[uid] {
			local, _, _ := strings.Cut(s.Address, "@")
			got = append(got, s.State+s.Kind+" "+local)
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff(slices.Sorted(slices.Values(stores)), got); diff != "" {
		e.t.Errorf("stores of %s (-want +got):\n%s", uid, diff)
	}
}

// gone is the state of a store that its owner has left, without and with delete=yes.
func (e *elsewhere) gone(kept, local string) string {
	if e.remove == "yes" {
		return "deleted " + local
	}
	return kept + " " + local
}

func (e *elsewhere) play() {
	e.add("nobody", "", "")
	e.add("late", "", mine)
	e.add("far", "far", other)
	e.add("nomad", "nomad", other)
	e.add("guest", "guest", other)
	e.want("nobody")
	e.want("far")

	e.host.Slapd.SetMail(harness.DN("late"), "late@example.test")
	e.host.Slapd.SetHome(harness.DN("far"), "mail3.example.test")
	e.set("nomad", "nomad2", mine)
	e.host.Slapd.SetHome(harness.DN("guest"), "")
	e.want("late", "live late")
	e.want("far")
	e.want("nomad", "live nomad2")
	if e.backend == "cyrus" { // no Cyrus host is the home of who names none
		e.want("guest")
	} else {
		e.want("guest", "live guest")
	}

	// Away with another address, and back with it: the mail is there again.
	e.set("nomad", "nomad3", other)
	e.want("nomad", e.gone("orphan", "nomad2"))
	e.host.Slapd.SetHome(harness.DN("nomad"), mine)
	e.want("nomad", "live nomad3")

	e.handOver()
	e.conflict()
}

// handOver gives an address of another host's user to one of ours, and one of ours to another of ours while its owner
// leaves the host.
func (e *elsewhere) handOver() {
	e.add("dora", "x", other)
	e.want("dora")
	e.host.Slapd.SetMail(harness.DN("dora"), "y@example.test")
	e.add("emil", "x", mine)
	e.want("emil", "live x")
	e.want("dora")

	e.add("hans", "h", mine)
	e.want("hans", "live h")
	e.set("hans", "h2", other)
	e.add("ida", "h", mine)
	e.want("ida", "live h")
	if e.layout == "uuid" {
		e.want("hans", e.gone("orphan", "h"))
	} else {
		e.want("hans", e.gone("quarantined", "h")) // its place is another's now
	}
}

// conflict has two entries claim one address at once, one of them at home elsewhere: ours waits until it is free.
func (e *elsewhere) conflict() {
	e.add("fred", "f", other)
	e.want("fred")
	e.add("gina", "f", mine)
	e.want("gina")
	var parked []control.Parked
	e.host.JSON(&parked, "listener", "parked")
	if len(parked) != 1 || !strings.Contains(parked[0].Reason, harness.DN("fred")) || !strings.Contains(parked[0].Reason, harness.DN("gina")) {
		e.t.Errorf("parked %+v, want gina, with the name of fred", parked)
	}
	e.host.Slapd.Delete(harness.DN("fred"))
	e.want("gina", "live f")
}
